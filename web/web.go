// Package web holds the pages of master and agent: templates, scripts and styles, words in both languages, and the view
// models that a program fills. Pages only show. Everything that people do on them is a request to the API, which their
// scripts send; so there is nothing that pages can do and programs cannot.
package web

import "embed"

//go:embed assets pages words
var files embed.FS

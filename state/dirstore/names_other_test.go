//go:build !windows

package dirstore_test

const foreignNames = false

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

// api talks to the stack's master.
type api struct {
	base   string
	client http.Client
}

func newAPI(base string) *api {
	return &api{base: base, client: http.Client{Timeout: 10 * time.Second}}
}

// problem is the part of an RFC 9457 answer that people need.
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// call sends body, which may be nil, and decodes the answer into out, which may be nil. Any status past 2xx is an error.
func (a *api) call(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		var p problem
		if json.Unmarshal(data, &p) != nil || p.Detail == "" {
			p.Detail = string(data)
		}
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, p.Detail)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// appSummary is what the stack reads of GET /v1/app?full=true.
type appSummary struct {
	Name   string   `json:"name"`
	URIs   []string `json:"uris"`
	Status struct {
		State   string `json:"state"`
		Wanted  int    `json:"wanted"`
		Running int    `json:"running"`
		Reasons []struct {
			Message string `json:"message"`
		} `json:"reasons"`
	} `json:"status"`
}

type searchResult struct {
	Total int `json:"total"`
}

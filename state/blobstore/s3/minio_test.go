package s3_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"stathub/localstack/miniosrv"
	"stathub/state"
	_ "stathub/state/blobstore/s3"
	"stathub/state/circuit"
	"stathub/state/meter"
	"stathub/state/storetest"
)

var server *miniosrv.Server // one for all tests: nil with -short

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if !isShort() {
			dir, err := os.MkdirTemp("", "minio-")
			if err == nil {
				defer os.RemoveAll(dir)
				server, err = miniosrv.Start(context.Background(), dir, miniosrv.Options{Logf: func(f string, a ...any) {
					fmt.Fprintf(os.Stderr, f+"\n", a...)
				}})
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer server.Stop()
			useCredentials(server.Env())
		} else {
			useCredentials([]string{"AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any-secret"})
		}
		return m.Run()
	}())
}

// isShort reads the flag before the testing package has parsed it.
func isShort() bool {
	for _, a := range os.Args[1:] {
		if strings.HasPrefix(a, "-test.short") && !strings.HasSuffix(a, "=false") {
			return true
		}
	}
	return false
}

// useCredentials leaves this process no others: what the machine has configured must not matter.
func useCredentials(env []string) {
	for _, kv := range os.Environ() {
		if k, _, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "AWS_") {
			os.Unsetenv(k)
		}
	}
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		os.Setenv(k, v)
	}
}

func needServer(t *testing.T) {
	t.Helper()
	if server == nil {
		t.Skip("-short: no MinIO")
	}
}

func openURL(t *testing.T, raw string) state.Store {
	t.Helper()
	s, err := state.Open(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var buckets atomic.Int32

func newBucket(t *testing.T) string {
	t.Helper()
	name := fmt.Sprintf("bucket-%d", buckets.Add(1))
	if err := server.CreateBucket(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

func minioClient(t *testing.T) *minio.Client {
	t.Helper()
	u, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, "")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContract(t *testing.T) {
	needServer(t)
	t.Parallel()
	open := func(t *testing.T, bucket, prefix string) state.Store {
		raw := server.StateURL(bucket)
		if prefix != "" {
			raw += "&prefix=" + prefix
		}
		s := openURL(t, raw)
		if prefix != "" { // as programs have it
			s = circuit.New(meter.New(s), circuit.Options{})
		}
		return s
	}
	for name, c := range map[string]struct {
		prefix     string
		increments int
	}{"Bucket": {"", 500}, "Prefix": {"team-a/hub", 20}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // much of it is waiting for the server's disk
			prefix := c.prefix
			storetest.RunWith(t, func(t *testing.T) state.Store { return open(t, newBucket(t), prefix) }, storetest.Options{
				Increments: c.increments, OneStoreIncrements: 20, Brief: prefix != "",
				Shared: func(t *testing.T, n int) []state.Store {
					bucket, all := newBucket(t), make([]state.Store, n)
					for i := range all {
						all[i] = open(t, bucket, prefix)
					}
					return all
				},
			})
		})
	}
}

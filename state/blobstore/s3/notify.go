package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/minio/minio-go/v7"
	miniocreds "github.com/minio/minio-go/v7/pkg/credentials"

	"stathub/state/blobstore/internal/hub"
)

// MinIO tells of changes on a connection that is held for it (ListenBucketNotification). Others have no such API: they
// refuse it, or take it for a listing. Buckets of Amazon's are not asked.

var changes = []string{"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}

// listener makes the function that listens, or nil where there is nothing to listen to. prefix is that of the state URL.
func (o options) listener(bucket string, cfg aws.Config, transport http.RoundTripper) (hub.Listen, error) {
	if o.endpoint == "" {
		return nil, nil
	}
	endpoint, err := url.Parse(o.endpoint)
	if err != nil {
		return nil, err
	}
	secrets := miniocreds.NewStatic("", "", "", miniocreds.SignatureAnonymous)
	if !o.anonymous {
		secrets = miniocreds.New(chain{cfg.Credentials})
	}
	lookup := minio.BucketLookupDNS
	if o.pathStyle {
		lookup = minio.BucketLookupPath
	}
	return func(ctx context.Context, prefix string, connected func(), changed func(string)) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream := &eventStream{next: transport, connected: connected, silence: time.AfterFunc(silentFor, cancel)}
		defer stream.silence.Stop()
		client, err := minio.New(endpoint.Host, &minio.Options{
			Creds: secrets, Secure: endpoint.Scheme == "https" && !o.disableHTTPS, Transport: stream, Region: cfg.Region,
			BucketLookup: lookup, MaxRetries: 1,
		})
		if err != nil {
			return err
		}
		var ended error
		for info := range client.ListenBucketNotification(ctx, bucket, o.prefix+prefix, "", changes) {
			if info.Err != nil {
				ended = info.Err
				cancel() // it would try again by itself, without a word
				continue
			}
			for _, record := range info.Records {
				for _, name := range names(record.S3.Object.Key) {
					changed(strings.TrimPrefix(name, o.prefix))
				}
			}
		}
		if stream.refused {
			return hub.ErrUnsupported
		}
		return ended
	}, nil
}

// names gives what the key of an event may stand for: some versions write it as in a query, others as it is.
func names(key string) []string {
	plain, err := url.QueryUnescape(key)
	if err != nil || plain == key {
		return []string{key}
	}
	return []string{key, plain}
}

// silentFor is how long the server may say nothing: it pings every 10 s. One that does not, or whose pings are held back on
// their way (as by builds of MinIO of the winter of 2025 to 2026, which flush nothing), is not to be relied on.
const silentFor = 25 * time.Second

// eventStream notices how the server answers, of which the client says nothing. One goroutine at a time uses it.
type eventStream struct {
	next      http.RoundTripper
	connected func()
	refused   bool        // what came is no stream of events
	silence   *time.Timer // ends the connection
}

var errNoStream = errors.New("the answer is no stream of events")

func (e *eventStream) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := e.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch status := answer.StatusCode; {
	case status == http.StatusOK && strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream"):
		answer.Body = &stream{ReadCloser: answer.Body, silence: e.silence, connected: e.connected}
	case status == http.StatusOK, status == http.StatusBadRequest, status == http.StatusForbidden, status == http.StatusMethodNotAllowed, status == http.StatusNotImplemented:
		e.refused = true
		answer.Body.Close()
		return nil, errNoStream
	}
	return answer, nil
}

// stream makes the end of a stream an error: the client connects again by itself after a clean end, and nobody would know
// that changes may have been missed.
type stream struct {
	io.ReadCloser
	silence   *time.Timer
	connected func()
	reads     int
}

func (b *stream) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.silence.Reset(silentFor)
	if b.reads++; b.reads == 2 && err == nil { // the first comes with the header: it does not tell that more get through
		b.connected()
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// chain gives the AWS credential chain to minio-go; the chain itself knows when they expire.
type chain struct{ aws.CredentialsProvider }

func (c chain) Retrieve() (miniocreds.Value, error) {
	v, err := c.CredentialsProvider.Retrieve(context.Background())
	return miniocreds.Value{
		AccessKeyID: v.AccessKeyID, SecretAccessKey: v.SecretAccessKey, SessionToken: v.SessionToken, SignerType: miniocreds.SignatureV4,
	}, err
}

func (c chain) RetrieveWithCredContext(*miniocreds.CredContext) (miniocreds.Value, error) {
	return c.Retrieve()
}

func (c chain) IsExpired() bool { return true }

// Watch is state.Store's, for names in the bucket's prefix; nil where the server is known to tell nothing.
func (d *driver) Watch(ctx context.Context, prefix string) <-chan struct{} {
	if d.hub == nil {
		return nil
	}
	return d.hub.Watch(ctx, prefix)
}

// Hinting reports whether watches are told of every change now.
func (d *driver) Hinting() bool { return d.hub != nil && d.hub.Live() }

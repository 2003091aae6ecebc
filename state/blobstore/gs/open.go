// Package gs opens gs:// URLs: Google Cloud Storage, through its JSON API. Importing it registers the scheme with
// state.Open. It links Google's client with gRPC, some 29 MB of program: leave it out where memory counts.
//
//		gs://bucket?prefix=team-a
//
//	  - prefix: the part of the bucket to live in; nothing outside is read or written.
//	  - endpoint: another server's URL, http://host:port; STORAGE_EMULATOR_HOST does the same.
//	  - anonymous: true sends no credentials.
//
// Credentials are Google's Application Default Credentials: the file named by GOOGLE_APPLICATION_CREDENTIALS, the one
// that `gcloud auth application-default login` leaves, or the machine's service account. They are looked up by Open.
//
// An ETag is the object's generation, which Google never uses twice for one name.
package gs

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"google.golang.org/api/option"

	"stathub/state"
	"stathub/state/blobstore/internal/objstore"
	"stathub/state/meter"
)

const hint = "set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file, or run gcloud auth application-default login"

func init() { state.Register(gcsblob.Scheme, Open) }

// Open opens a gs:// URL as the package comment has it. A bad URL is code Invalid, missing credentials are code Denied.
func Open(ctx context.Context, u *url.URL) (state.Store, error) {
	o, err := parse(u)
	if err != nil {
		return nil, err
	}
	transport := objstore.NewTransport()
	counted := meter.Transport(transport)
	client := gcp.NewAnonymousHTTPClient(counted)
	if !o.anonymous {
		// Tokens are fetched as long as the store lives, which is longer than this call.
		creds, err := gcp.DefaultCredentials(context.WithoutCancel(ctx))
		if err != nil {
			return nil, state.Errorf(state.Denied, "", "cannot open gs://%s: no credentials (%s): %w", u.Host, hint, err)
		}
		if client, err = gcp.NewHTTPClient(counted, creds.TokenSource); err != nil {
			return nil, state.Errorf(state.Denied, "", "cannot open gs://%s: %w", u.Host, err)
		}
	}
	// Only the JSON API knows a read on the condition that the object has changed.
	opts := []option.ClientOption{storage.WithJSONReads(), option.WithHTTPClient(&http.Client{Transport: client.Transport})}
	if o.endpoint != "" {
		opts = append(opts, option.WithEndpoint(o.endpoint+"/storage/v1/"))
	}
	bucket, err := gcsblob.OpenBucket(ctx, client, u.Host, &gcsblob.Options{ClientOptions: opts})
	if err != nil {
		return nil, state.Errorf(state.Invalid, "", "cannot open gs://%s: %w", u.Host, err)
	}
	d := &driver{bucket: bucket, transport: transport}
	if !bucket.As(&d.client) {
		return nil, state.Errorf(state.Internal, "", "cannot open gs://%s: gocloud.dev gives no Google client", u.Host)
	}
	d.client.SetRetry(storage.WithMaxAttempts(3), storage.WithBackoff(gax.Backoff{Initial: 200 * time.Millisecond, Max: 2 * time.Second}))
	d.handle = d.client.Bucket(u.Host)
	return objstore.New(d, "gs://"+u.Host, o.prefix, hint), nil
}

type options struct {
	endpoint, prefix string
	anonymous        bool
}

func parse(u *url.URL) (o options, err error) {
	bad := func(format string, args ...any) (options, error) {
		return o, state.Errorf(state.Invalid, "", "state URL: "+format, args...)
	}
	switch {
	case u.Host == "":
		return bad("no bucket name; want gs://bucket")
	case u.Path != "" && u.Path != "/":
		return bad("gs://%s%s: a path means nothing here; for a part of the bucket say ?prefix=…", u.Host, u.Path)
	}
	if host := os.Getenv("STORAGE_EMULATOR_HOST"); host != "" {
		o.endpoint, o.anonymous = "http://"+host, true
	}
	for key, values := range u.Query() {
		switch v := values[0]; key {
		case "prefix":
			o.prefix, err = objstore.Prefix(v)
		case "endpoint":
			o.endpoint = v
		case "anonymous":
			if o.anonymous, err = strconv.ParseBool(v); err != nil {
				return bad("anonymous %q: want true or false", v)
			}
		default:
			return bad("gs:// knows prefix, endpoint and anonymous, not %q", key)
		}
		if err != nil {
			return o, err
		}
	}
	if e, err := url.Parse(o.endpoint); o.endpoint != "" && (err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "") {
		return bad("endpoint %q: want http://host:port or https://host", o.endpoint)
	}
	return o, nil
}

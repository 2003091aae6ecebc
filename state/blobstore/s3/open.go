// Package s3 opens s3:// URLs: AWS S3, MinIO, Ceph, R2 and what else speaks that API. Importing it registers the scheme
// with state.Open.
//
//		s3://bucket?endpoint=http://127.0.0.1:9000&region=us-east-1&prefix=team-a
//
//	  - endpoint: the server's URL; AWS when missing.
//	  - region: us-east-1 unless given here, in AWS_REGION or in the AWS configuration file.
//	  - use_path_style: bucket in the path, not in the host name; true when an endpoint is given.
//	  - prefix: the part of the bucket to live in; nothing outside is read or written.
//	  - ssetype, kmskeyid: encryption that a bucket policy asks for.
//	  - profile, role, anonymous, dualstack, fips, disable_https, rate_limiter_capacity,
//	    request_checksum_calculation, response_checksum_validation: as gocloud.dev has them. With an endpoint, checksums
//	    are sent only where the API requires them, since older servers refuse them.
//
// Credentials come from the usual AWS chain: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN,
// AWS_PROFILE with the files ~/.aws/config and ~/.aws/credentials (AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE),
// AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, then the container's or machine's role
// (AWS_EC2_METADATA_DISABLED=true skips asking the machine). They are looked up with the first request.
package s3

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/blob/s3blob"

	"stathub/state"
	"stathub/state/blobstore/internal/hub"
	"stathub/state/blobstore/internal/objstore"
	"stathub/state/meter"
)

const hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"

func init() { state.Register(s3blob.Scheme, Open) }

// Open opens an s3:// URL as the package comment has it. A bad URL is code Invalid.
func Open(ctx context.Context, u *url.URL) (state.Store, error) {
	o, err := parse(u)
	if err != nil {
		return nil, err
	}
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, o.rest)
	if err != nil {
		return nil, state.Errorf(state.Invalid, "", "state URL: %w", err)
	}
	name := "s3://" + u.Host
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if o.endpoint != "" {
		cfg.BaseEndpoint, name = aws.String(o.endpoint), name+" at "+o.endpoint
	}
	if !o.anonymous {
		cfg.Credentials = credentials{cfg.Credentials}
	}
	transport := objstore.NewTransport()
	counted := meter.Transport(transport)
	cfg.HTTPClient = &sender{http.Client{Transport: counted, CheckRedirect: noRedirect}}
	cfg.Retryer = func() aws.Retryer { return retry.NewStandard(backoff) }
	bucket, err := s3blob.OpenBucket(ctx, awss3.NewFromConfig(cfg, o.client), u.Host, nil)
	if err != nil {
		return nil, state.Errorf(state.Invalid, "", "state URL: %w", err)
	}
	d := &driver{bucket: bucket, name: u.Host, transport: transport, sse: o.sse, kmsKey: o.kmsKey}
	if !bucket.As(&d.client) {
		return nil, state.Errorf(state.Internal, "", "cannot open %s: gocloud.dev gives no S3 client", name)
	}
	listen, err := o.listener(u.Host, cfg, counted)
	if err != nil {
		return nil, state.Errorf(state.Invalid, "", "state URL: endpoint: %w", err)
	}
	if listen != nil {
		d.hub = hub.New(listen)
	}
	return objstore.New(d, name, o.prefix, hint), nil
}

// options is the query of an s3:// URL.
type options struct {
	endpoint, prefix string
	pathStyle        bool
	disableHTTPS     bool
	anonymous        bool
	sse              types.ServerSideEncryption
	kmsKey           *string
	rest             url.Values // for gocloud.dev
}

func parse(u *url.URL) (options, error) {
	q := u.Query()
	bad := func(format string, args ...any) (options, error) {
		return options{}, state.Errorf(state.Invalid, "", "state URL: "+format, args...)
	}
	take := func(key string) string { v := q.Get(key); q.Del(key); return v }
	switch {
	case u.Host == "":
		return bad("no bucket name; want s3://bucket?endpoint=…")
	case u.User != nil:
		return bad("credentials do not belong into the URL; %s", hint)
	case u.Path != "" && u.Path != "/":
		return bad("s3://%s%s: a path means nothing here; for a part of the bucket say ?prefix=…", u.Host, u.Path)
	}
	o := options{endpoint: take("endpoint"), sse: types.ServerSideEncryption(take("ssetype"))}
	if e, err := url.Parse(o.endpoint); o.endpoint != "" && (err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "") {
		return bad("endpoint %q: want http://host:port or https://host", o.endpoint)
	}
	var err error
	if o.prefix, err = objstore.Prefix(take("prefix")); err != nil {
		return options{}, err
	}
	if id := take("kmskeyid"); id != "" {
		o.kmsKey = &id
	}
	o.anonymous, _ = strconv.ParseBool(q.Get("anonymous"))
	o.pathStyle = o.endpoint != ""
	for key, to := range map[string]*bool{"use_path_style": &o.pathStyle, "disable_https": &o.disableHTTPS} {
		if v := take(key); v != "" {
			if *to, err = strconv.ParseBool(v); err != nil {
				return bad("%s %q: want true or false", key, v)
			}
		}
	}
	if o.endpoint != "" && !q.Has("request_checksum_calculation") {
		q.Set("request_checksum_calculation", "when_required")
	}
	o.rest = q
	return o, nil
}

func (o options) client(c *awss3.Options) {
	c.UsePathStyle = o.pathStyle
	c.EndpointOptions.DisableHTTPS = o.disableHTTPS
	c.DisableLogOutputChecksumValidationSkipped = true // an object that somebody else wrote may have none
	// Longer bodies wait for the verdict on their condition: a server that refuses reads only so much more, then hangs up.
	c.ContinueHeaderThresholdBytes = 128 << 10
}

// sender names the protocol version, which the SDK leaves out. Without it net/http does not wait for "100 Continue", and
// the refusal of a long conditional write is lost: the server closes the connection on a body that it did not ask for.
type sender struct{ http.Client }

func (s *sender) Do(r *http.Request) (*http.Response, error) {
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	return s.Client.Do(r)
}

// noRedirect hands redirects to the SDK: a signed request means nothing to another host.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// credentials marks what goes wrong in the credential chain, whose errors have no type of their own.
type credentials struct{ aws.CredentialsProvider }

type credentialsError struct{ error }

func (e credentialsError) Unwrap() error { return e.error }

func (c credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	v, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return v, credentialsError{err}
	}
	return v, nil
}

package s3

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/blob"

	"stathub/state"
	"stathub/state/blobstore/internal/hub"
	"stathub/state/blobstore/internal/objstore"
)

// driver talks through the client that gocloud.dev opened: its portable calls give no ETag of a write, and they rename
// objects such as "a../b".
type driver struct {
	bucket    *blob.Bucket
	client    *awss3.Client
	name      string
	transport *http.Transport
	sse       types.ServerSideEncryption
	kmsKey    *string
	hub       *hub.Hub // nil: there are no notifications

	mu         sync.Mutex
	deleteMode deleteMode // guarded by mu
}

func (d *driver) Get(ctx context.Context, name string, ifNoneMatch state.ETag) (*state.Object, error) {
	in := &awss3.GetObjectInput{Bucket: &d.name, Key: &name}
	if ifNoneMatch != "" {
		in.IfNoneMatch = aws.String(objstore.Quote(ifNoneMatch))
	}
	out, err := d.client.GetObject(ctx, in)
	if err != nil {
		return nil, err
	}
	if isTombstone(out.Metadata) {
		out.Body.Close()
		return nil, errTombstone
	}
	return &state.Object{Body: out.Body, Entry: state.Entry{
		ETag: etagOf(out.ETag), Size: aws.ToInt64(out.ContentLength), ModTime: aws.ToTime(out.LastModified),
	}}, nil
}

func (d *driver) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, cond state.Condition) (state.ETag, error) {
	in := &awss3.PutObjectInput{
		Bucket: &d.name, Key: &name, Body: body, ContentLength: &size, ContentType: aws.String(objstore.ContentType(name)),
	}
	if !cond.IfAbsent {
		return d.put(ctx, in, cond)
	}
	etag, err := d.put(ctx, in, cond)
	if d.Fault(err).Status == http.StatusPreconditionFailed && d.clearTombstone(ctx, name) {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
		return d.put(ctx, in, cond)
	}
	return etag, err
}

func (d *driver) put(ctx context.Context, in *awss3.PutObjectInput, cond state.Condition) (state.ETag, error) {
	in.ServerSideEncryption, in.SSEKMSKeyId = d.sse, d.kmsKey
	var opts []func(*awss3.Options)
	if cond.IfAbsent {
		in.IfNoneMatch = aws.String("*")
	}
	if cond.IfMatch != "" {
		in.IfMatch = aws.String(objstore.Quote(cond.IfMatch))
	}
	if cond != (state.Condition{}) {
		opts = append(opts, sendOnce)
	}
	out, err := d.client.PutObject(ctx, in, opts...)
	if err != nil {
		return "", err
	}
	return etagOf(out.ETag), nil
}

func (d *driver) List(ctx context.Context, prefix, token string) ([]state.Entry, string, error) {
	in := &awss3.ListObjectsV2Input{Bucket: &d.name, Prefix: &prefix, MaxKeys: aws.Int32(1000)}
	if token != "" {
		in.ContinuationToken = &token
	} else if after := state.After(ctx); after != "" {
		in.StartAfter = &after
	}
	out, err := d.client.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, "", err
	}
	page := make([]state.Entry, 0, len(out.Contents))
	for _, o := range out.Contents {
		e := state.Entry{
			Key: aws.ToString(o.Key), ETag: etagOf(o.ETag), Size: aws.ToInt64(o.Size), ModTime: aws.ToTime(o.LastModified),
		}
		if !looksDeleted(e) {
			page = append(page, e)
		}
	}
	return page, aws.ToString(out.NextContinuationToken), nil
}

func (d *driver) Fault(err error) objstore.Fault {
	var f objstore.Fault
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil && answer.Response.Response != nil {
		f.Status = answer.HTTPStatusCode()
	}
	var cred credentialsError
	f.Credentials = errors.As(err, &cred)
	f.NoObject = errors.Is(err, errTombstone)
	var api smithy.APIError
	if !errors.As(err, &api) {
		return f
	}
	switch api.ErrorCode() {
	case "NoSuchKey", "NoSuchVersion":
		f.NoObject = true
	case "NoSuchBucket":
		f.NoBucket = true
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId", "SignatureDoesNotMatch":
		f.Credentials = true
	}
	return f
}

func (d *driver) Close() error {
	if d.hub != nil {
		d.hub.Close()
	}
	err := d.bucket.Close()
	d.transport.CloseIdleConnections()
	return err
}

func etagOf(s *string) state.ETag { return objstore.Unquote(aws.ToString(s)) }

// backoff is for callers that poll: three tries within half a second, then they hear of it.
func backoff(o *retry.StandardOptions) {
	o.MaxAttempts = 3
	o.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
		longest := 100 * time.Millisecond << min(attempt, 4)
		return longest/2 + rand.N(longest/2), nil
	})
}

// sendOnce repeats a request only if it surely was not applied.
func sendOnce(o *awss3.Options) {
	o.Retryer = retry.NewStandard(backoff, func(o *retry.StandardOptions) {
		o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			return aws.BoolTernary(objstore.NotApplied((*driver)(nil).Fault(err).Status, err))
		})}
	})
}

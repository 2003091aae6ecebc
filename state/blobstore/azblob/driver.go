package azblob

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"

	"stathub/state"
	"stathub/state/blobstore/internal/objstore"
)

// driver talks through the client that gocloud.dev opened: its portable calls give no ETag of a write, and they rename
// blobs with "#", "%" or "?".
type driver struct {
	bucket    *blob.Bucket
	client    *container.Client
	transport *http.Transport
}

// matching is the condition that the blob's present revision is (or is not) the one with this ETag; "" sets none.
func matching(is, isNot string) *azblob.AccessConditions {
	var c azblob.ModifiedAccessConditions
	if is != "" {
		c.IfMatch = to.Ptr(azcore.ETag(is))
	}
	if isNot != "" {
		c.IfNoneMatch = to.Ptr(azcore.ETag(isNot))
	}
	return &azblob.AccessConditions{ModifiedAccessConditions: &c}
}

func quoted(e state.ETag) string {
	if e == "" {
		return ""
	}
	return objstore.Quote(e)
}

func (d *driver) Get(ctx context.Context, name string, ifNoneMatch state.ETag) (*state.Object, error) {
	var answer *http.Response
	out, err := d.client.NewBlobClient(name).DownloadStream(policy.WithCaptureResponse(ctx, &answer), &azblob.DownloadStreamOptions{
		AccessConditions: matching("", quoted(ifNoneMatch)),
	})
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusNotModified { // which this client takes for a download
		out.Body.Close()
		return nil, runtime.NewResponseError(answer)
	}
	return &state.Object{Body: out.Body, Entry: state.Entry{
		ETag: etagOf(out.ETag), Size: value(out.ContentLength), ModTime: value(out.LastModified),
	}}, nil
}

func (d *driver) Put(ctx context.Context, name string, body io.ReadSeeker, _ int64, cond state.Condition) (state.ETag, error) {
	isNot := ""
	if cond.IfAbsent {
		isNot = string(azcore.ETagAny)
	}
	if cond != (state.Condition{}) {
		ctx = d.sendOnce(ctx)
	}
	out, err := d.client.NewBlockBlobClient(name).Upload(ctx, streaming.NopCloser(body), &blockblob.UploadOptions{
		AccessConditions: matching(quoted(cond.IfMatch), isNot),
		HTTPHeaders:      &azblob.HTTPHeaders{BlobContentType: to.Ptr(objstore.ContentType(name))},
	})
	if err != nil {
		return "", err
	}
	return etagOf(out.ETag), nil
}

func (d *driver) Delete(ctx context.Context, name string, ifMatch state.ETag) error {
	if ifMatch != "" {
		ctx = d.sendOnce(ctx)
	}
	_, err := d.client.NewBlobClient(name).Delete(ctx, &azblob.DeleteOptions{
		AccessConditions: matching(quoted(ifMatch), ""),
		DeleteSnapshots:  to.Ptr(azblob.DeleteSnapshotsOptionTypeInclude),
	})
	return err
}

func (d *driver) List(ctx context.Context, prefix, token string) ([]state.Entry, string, error) {
	opts := &container.ListBlobsFlatOptions{Prefix: &prefix, MaxResults: to.Ptr[int32](1000)}
	if token != "" {
		opts.Marker = &token
	}
	out, err := d.client.NewListBlobsFlatPager(opts).NextPage(ctx)
	if err != nil {
		return nil, "", err
	}
	page := make([]state.Entry, 0, len(out.Segment.BlobItems))
	for _, b := range out.Segment.BlobItems {
		if b.Name != nil && b.Properties != nil {
			p := b.Properties
			page = append(page, state.Entry{
				Key: *b.Name, ETag: etagOf(p.ETag), Size: value(p.ContentLength), ModTime: value(p.LastModified),
			})
		}
	}
	return page, value(out.NextMarker), nil
}

func (d *driver) Fault(err error) objstore.Fault {
	var f objstore.Fault
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		f.Status = answer.StatusCode
	}
	var token identityError
	f.Credentials = errors.As(err, &token) || bloberror.HasCode(err, bloberror.AuthenticationFailed, bloberror.InvalidAuthenticationInfo)
	f.NoObject = bloberror.HasCode(err, bloberror.BlobNotFound)
	f.NoBucket = bloberror.HasCode(err, bloberror.ContainerNotFound, bloberror.ContainerBeingDeleted, bloberror.ContainerDisabled)
	return f
}

func (d *driver) Close() error {
	err := d.bucket.Close()
	d.transport.CloseIdleConnections()
	return err
}

// sendOnce makes requests of this context repeat only if they surely were not applied.
func (d *driver) sendOnce(ctx context.Context) context.Context {
	return policy.WithRetryOptions(ctx, policy.RetryOptions{
		MaxRetries: 2, RetryDelay: retryDelay, MaxRetryDelay: maxRetryDelay,
		ShouldRetry: func(answer *http.Response, err error) bool {
			if answer != nil {
				return objstore.NotApplied(answer.StatusCode, nil)
			}
			return objstore.NotApplied(0, err)
		},
	})
}

func etagOf(e *azcore.ETag) state.ETag { return objstore.Unquote(string(value(e))) }

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

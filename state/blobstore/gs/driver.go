package gs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"stathub/state"
	"stathub/state/blobstore/internal/objstore"
	"stathub/state/meter"
)

// driver talks through the client that gocloud.dev opened, whose portable calls rename objects such as "a../b".
type driver struct {
	bucket    *blob.Bucket
	client    *storage.Client
	handle    *storage.BucketHandle
	transport *http.Transport
}

func etagOf(generation int64) state.ETag { return state.ETag(strconv.FormatInt(generation, 10)) }

// generationOf reads an ETag of ours. Any other is no revision of any object.
func generationOf(e state.ETag) (int64, bool) {
	n, err := strconv.ParseInt(string(e), 10, 64)
	return n, err == nil && n > 0
}

func (d *driver) Get(ctx context.Context, name string, ifNoneMatch state.ETag) (*state.Object, error) {
	o := d.handle.Object(name)
	if n, ok := generationOf(ifNoneMatch); ok {
		o = o.If(storage.Conditions{GenerationNotMatch: n})
	}
	r, err := o.NewReader(ctx)
	if err != nil {
		return nil, d.whatIsMissing(ctx, name, err)
	}
	return &state.Object{Body: r, Entry: state.Entry{
		ETag: etagOf(r.Attrs.Generation), Size: r.Attrs.Size, ModTime: r.Attrs.LastModified,
	}}, nil
}

func (d *driver) Put(ctx context.Context, name string, body io.ReadSeeker, _ int64, cond state.Condition) (state.ETag, error) {
	o := d.handle.Object(name).Retryer(storage.WithPolicy(storage.RetryNever))
	if cond.IfAbsent {
		o = o.If(storage.Conditions{DoesNotExist: true})
	}
	if cond.IfMatch != "" {
		n, ok := generationOf(cond.IfMatch)
		if !ok {
			return "", &googleapi.Error{Code: http.StatusPreconditionFailed, Message: fmt.Sprintf("%q is no generation", cond.IfMatch)}
		}
		o = o.If(storage.Conditions{GenerationMatch: n})
	}
	for wait := 200 * time.Millisecond; ; wait *= 2 {
		etag, err := upload(ctx, o, name, body)
		if d.Fault(err).Status == http.StatusNotFound { // an upload needs no object, but a bucket
			return "", fmt.Errorf("%w: %w", storage.ErrBucketNotExist, err)
		}
		if err == nil || wait > time.Second || !objstore.NotApplied(d.Fault(err).Status, err) {
			return etag, err
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-time.After(wait):
		}
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
	}
}

// upload sends the body in one request: the client's other way, in pieces, costs a buffer of 16 MB and two requests.
func upload(ctx context.Context, o *storage.ObjectHandle, name string, body io.Reader) (state.ETag, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := o.NewWriter(ctx)
	w.ChunkSize = 0
	w.ContentType = objstore.ContentType(name)
	if _, err := io.Copy(w, body); err != nil {
		abort(w, cancel)
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return etagOf(w.Attrs().Generation), nil
}

// abort ends an upload without an object. Close makes an object of what was sent so far, unless the writer has taken notice
// of the end of its context, which is when it refuses to be written to.
func abort(w *storage.Writer, cancel context.CancelFunc) {
	cancel()
	for {
		if _, err := w.Write([]byte{0}); err != nil {
			break
		}
	}
	w.Close()
}

func (d *driver) Delete(ctx context.Context, name string, ifMatch state.ETag) error {
	o := d.handle.Object(name)
	if ifMatch != "" {
		n, ok := generationOf(ifMatch)
		if !ok { // a generation that is none, so that a missing object is still told from a changed one
			n = 1
		}
		o = o.If(storage.Conditions{GenerationMatch: n}).Retryer(storage.WithErrorFunc(func(err error) bool {
			return objstore.NotApplied(d.Fault(err).Status, err)
		}))
	}
	return d.whatIsMissing(ctx, name, o.Delete(ctx))
}

func (d *driver) List(ctx context.Context, prefix, token string) ([]state.Entry, string, error) {
	q := &storage.Query{Prefix: prefix}
	if err := q.SetAttrSelection([]string{"Name", "Generation", "Size", "Updated"}); err != nil {
		return nil, "", err
	}
	var objects []*storage.ObjectAttrs
	next, err := iterator.NewPager(d.handle.Objects(ctx, q), 1000, token).NextPage(&objects)
	if err != nil {
		return nil, "", err
	}
	page := make([]state.Entry, len(objects))
	for i, o := range objects {
		page[i] = state.Entry{Key: o.Name, ETag: etagOf(o.Generation), Size: o.Size, ModTime: o.Updated}
	}
	return page, next, nil
}

var errNoObject = errors.New("the bucket is there, the object is not")

// whatIsMissing asks whether a 404 means the object or the bucket: Google's answer to both is the same but for its
// English. Only a listing of the bucket fails when there is none.
func (d *driver) whatIsMissing(ctx context.Context, name string, err error) error {
	if !errors.Is(err, storage.ErrObjectNotExist) {
		return err
	}
	var none []*storage.ObjectAttrs
	_, listErr := iterator.NewPager(d.handle.Objects(meter.As(ctx, meter.List), &storage.Query{Prefix: name}), 1, "").NextPage(&none)
	if listErr != nil {
		return listErr
	}
	return fmt.Errorf("%w: %w", errNoObject, err)
}

func (d *driver) Fault(err error) objstore.Fault {
	f := objstore.Fault{NoBucket: errors.Is(err, storage.ErrBucketNotExist), NoObject: errors.Is(err, errNoObject)}
	var answer *googleapi.Error
	if errors.As(err, &answer) {
		f.Status = answer.Code
	}
	var token *oauth2.RetrieveError
	f.Credentials = errors.As(err, &token)
	return f
}

func (d *driver) Close() error {
	err := d.bucket.Close()
	d.client.Close()
	d.transport.CloseIdleConnections()
	return err
}

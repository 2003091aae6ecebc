package s3

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"stathub/state"
	"stathub/state/blobstore/internal/objstore"
)

// AWS deletes on a condition (If-Match on DeleteObject); MinIO and others ignore the header and delete whatever is
// there, which would lose a write that came between the reader's look and its delete. There, a conditional delete first
// replaces the object, on that condition, by a tombstone, which is a missing document to every reader here, and then
// deletes the tombstone. Writers cannot come between: if-match fails against the tombstone, and if-absent waits for it
// to go. Only an unconditional write in those milliseconds may be deleted with it, as if it had come before.
//
// A tombstone whose owner died stays in the bucket, invisible here, until somebody creates that document again.

type deleteMode int

const (
	deleteUnknown deleteMode = iota
	deleteHonoursIfMatch
	deleteIgnoresIfMatch
)

const (
	tombstoneKey  = "stathub-deleted" // user metadata; its name comes back in lower case
	tombstoneText = "This document is deleted. The object goes away by itself, or with the next write of the same name.\n"

	// A deleter gives its second step up after burial; abandoned is long enough after that for no step to be on its way.
	burial    = 15 * time.Second
	abandoned = 90 * time.Second
)

var errTombstone = errors.New("the document is deleted")

func isTombstone(metadata map[string]string) bool { return metadata[tombstoneKey] != "" }

// looksDeleted tells a tombstone in a listing, which shows no metadata. Where the server encrypts, ETags are not MD5 and
// a tombstone is listed; Get then says NotFound, as for any document deleted since.
func looksDeleted(e state.Entry) bool {
	if e.Size != int64(len(tombstoneText)) {
		return false
	}
	sum := md5.Sum([]byte(tombstoneText))
	return string(e.ETag) == hex.EncodeToString(sum[:])
}

func (d *driver) Delete(ctx context.Context, name string, ifMatch state.ETag) error {
	if ifMatch == "" {
		return d.deleteAny(ctx, name)
	}
	mode, err := d.howToDelete(ctx, name)
	if err != nil {
		return err
	}
	in := &awss3.DeleteObjectInput{Bucket: &d.name, Key: &name}
	if mode == deleteHonoursIfMatch {
		in.IfMatch = aws.String(objstore.Quote(ifMatch))
		_, err := d.client.DeleteObject(ctx, in, sendOnce)
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, burial)
	defer cancel()
	if _, err := d.put(ctx, tombstone(d.name, name), state.Condition{IfMatch: ifMatch}); err != nil {
		return err
	}
	_, err = d.client.DeleteObject(ctx, in)
	return err
}

func tombstone(bucket, name string) *awss3.PutObjectInput {
	return &awss3.PutObjectInput{
		Bucket: &bucket, Key: &name, Body: strings.NewReader(tombstoneText), ContentType: aws.String("text/plain"),
		Metadata: map[string]string{tombstoneKey: "true"},
	}
}

// deleteAny looks first, because S3 also says yes to deleting what is not there.
func (d *driver) deleteAny(ctx context.Context, name string) error {
	head, err := d.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &d.name, Key: &name})
	if d.Fault(err).Status == http.StatusNotFound {
		// An answer to HEAD has no body to say what is missing, object or bucket; a GET has.
		o, err := d.Get(ctx, name, "")
		if err != nil {
			return err
		}
		o.Body.Close()
	} else if err != nil {
		return err
	} else if isTombstone(head.Metadata) {
		return errTombstone
	}
	_, err = d.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &d.name, Key: &name})
	return err
}

// howToDelete asks the server once, by a conditional delete of something that cannot be there.
func (d *driver) howToDelete(ctx context.Context, name string) (deleteMode, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deleteMode != deleteUnknown {
		return d.deleteMode, nil
	}
	probe := name + ".probe-" + strings.ToLower(rand.Text())
	_, err := d.client.DeleteObject(ctx, &awss3.DeleteObjectInput{
		Bucket: &d.name, Key: &probe, IfMatch: aws.String(`"00000000000000000000000000000000"`),
	})
	switch f := d.Fault(err); {
	case err == nil, f.Status == http.StatusNotImplemented:
		d.deleteMode = deleteIgnoresIfMatch
	case f.NoObject, f.Status == http.StatusPreconditionFailed, f.Status == http.StatusConflict:
		d.deleteMode = deleteHonoursIfMatch
	default:
		return deleteUnknown, err
	}
	return d.deleteMode, nil
}

// clearTombstone reports whether a write that found the name taken should try again: the tombstone there is on its way
// out, or was abandoned and is removed now. It waits for the former. Ages are by the server's clock alone.
func (d *driver) clearTombstone(ctx context.Context, name string) bool {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		head, err := d.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &d.name, Key: &name})
		switch {
		case d.Fault(err).Status == http.StatusNotFound:
			return true
		case err != nil || !isTombstone(head.Metadata):
			return false
		}
		switch age := ageOf(head); {
		case age > abandoned:
			_, err := d.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &d.name, Key: &name})
			return err == nil
		case age > burial:
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

// ageOf is how long ago the object was written, by the Date and Last-Modified of one answer. Without them it is as good
// as being buried: neither to be waited for nor to be removed.
func ageOf(head *awss3.HeadObjectOutput) time.Duration {
	now, ok := awsmiddleware.GetServerTime(head.ResultMetadata)
	if !ok || head.LastModified == nil {
		return abandoned
	}
	return now.Sub(*head.LastModified)
}

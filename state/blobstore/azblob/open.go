// Package azblob opens azblob:// URLs: Azure Blob Storage. Importing it registers the scheme with state.Open. It links
// Azure's client, some 11 MB of program: leave it out where memory counts.
//
//		azblob://container?storage_account=name&prefix=team-a
//
//	  - storage_account: instead of AZURE_STORAGE_ACCOUNT.
//	  - prefix: the part of the container to live in; nothing outside is read or written.
//	  - domain, protocol, cdn, localemu: the service's address, as gocloud.dev has them; also AZURE_STORAGE_DOMAIN and so on.
//
// Credentials: AZURE_STORAGE_KEY with AZURE_STORAGE_ACCOUNT, else AZURE_STORAGE_SAS_TOKEN, else
// AZURE_STORAGE_CONNECTION_STRING, else what azidentity finds (AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET,
// a workload's or machine's identity, the az command).
package azblob

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob/azureblob"

	"stathub/state"
	"stathub/state/blobstore/internal/objstore"
	"stathub/state/meter"
)

const retryDelay, maxRetryDelay = 200 * time.Millisecond, 2 * time.Second

const hint = "set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN or AZURE_STORAGE_CONNECTION_STRING"

func init() { state.Register(azureblob.Scheme, Open) }

// Open opens an azblob:// URL as the package comment has it. A bad URL is code Invalid.
func Open(ctx context.Context, u *url.URL) (state.Store, error) {
	bad := func(format string, args ...any) (state.Store, error) {
		return nil, state.Errorf(state.Invalid, "", "state URL: "+format, args...)
	}
	switch {
	case u.Host == "":
		return bad("no container name; want azblob://container")
	case u.Path != "" && u.Path != "/":
		return bad("azblob://%s%s: a path means nothing here; for a part of the container say ?prefix=…", u.Host, u.Path)
	}
	q := u.Query()
	prefix, err := objstore.Prefix(q.Get("prefix"))
	if err != nil {
		return nil, err
	}
	q.Del("prefix")
	service := azureblob.NewDefaultServiceURLOptions()
	if service.SASToken != "" && len(q) > 0 {
		return bad("with AZURE_STORAGE_SAS_TOKEN the service's address comes from the environment too, so that the token goes nowhere else; drop %q", q.Encode())
	}
	transport := objstore.NewTransport()
	opener := azureblob.URLOpener{ServiceURLOptions: *service, MakeClient: func(s azureblob.ServiceURL, c azureblob.ContainerName) (*container.Client, error) {
		return newClient(string(s), string(c), transport)
	}}
	bucket, err := opener.OpenBucketURL(ctx, &url.URL{Scheme: u.Scheme, Host: u.Host, RawQuery: q.Encode()})
	if err != nil {
		return bad("azblob://%s: %w (%s)", u.Host, err, hint)
	}
	d := &driver{bucket: bucket, transport: transport}
	if !bucket.As(&d.client) {
		return nil, state.Errorf(state.Internal, "", "cannot open azblob://%s: gocloud.dev gives no Azure client", u.Host)
	}
	return objstore.New(d, "azblob://"+u.Host, prefix, hint), nil
}

// newClient takes the credentials from the places that gocloud.dev takes them from; it only adds our transport.
func newClient(service, name string, transport *http.Transport) (*container.Client, error) {
	opts := &container.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: &http.Client{Transport: meter.Transport(transport)},
		Retry:     policy.RetryOptions{MaxRetries: 2, RetryDelay: retryDelay, MaxRetryDelay: maxRetryDelay},
	}}
	address, err := url.JoinPath(service, name)
	if err != nil {
		return nil, err
	}
	account, key := os.Getenv("AZURE_STORAGE_ACCOUNT"), os.Getenv("AZURE_STORAGE_KEY")
	connection := os.Getenv("AZURE_STORAGE_CONNECTION_STRING")
	if connection == "" {
		connection = os.Getenv("AZURE_STORAGEBLOB_CONNECTIONSTRING")
	}
	switch {
	case account != "" && key != "":
		cred, err := container.NewSharedKeyCredential(account, key)
		if err != nil {
			return nil, err
		}
		return container.NewClientWithSharedKeyCredential(address, cred, opts)
	case os.Getenv("AZURE_STORAGE_SAS_TOKEN") != "":
		return container.NewClientWithNoCredential(address, opts)
	case connection != "":
		return container.NewClientFromConnectionString(connection, name, opts)
	}
	cred, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: policy.ClientOptions{Transport: &http.Client{Transport: transport}},
	})
	if err != nil {
		return nil, err
	}
	return container.NewClient(address, identity{cred}, opts)
}

// identity marks what goes wrong while a token is fetched, since some of azidentity's errors have no type outside.
type identity struct{ azcore.TokenCredential }

type identityError struct{ error }

func (e identityError) Unwrap() error { return e.error }

// NonRetriable keeps the client from asking three times for what is not there.
func (identityError) NonRetriable() {}

func (i identity) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := i.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return token, identityError{err}
	}
	return token, nil
}

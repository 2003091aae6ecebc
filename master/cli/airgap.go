package cli

import (
	"context"
	"os"

	"stathub/master/airgap"
	"stathub/state"
	"stathub/state/option"
	"stathub/state/signature"
)

const passwordEnv = signature.PasswordEnv

var exportCommand = command{
	name: "export",
	what: "write manifests and the files they need into a folder, for nodes without a network",
	about: `Writes the manifests of nodes into a folder, such as a stick, with all artifacts that they name, and SHA256SUMS
(check it with sha256sum -c SHA256SUMS). An agent runs from the folder with --state.url=file:///media/stick alone.
The same export twice changes nothing. Other files of the folder stay, such as the reports that agents left there.`,
	table: func(o *options, set *option.Set) {
		o.stateOption(set)
		set.String(&o.to, "to", "", "the folder, which must be there: /media/stick")
		o.nodesOption(set)
		set.Strings(&o.files, "files", nil, "folders of this machine from which file: artifacts are taken; by default there are none")
		o.signOption(set, "file of the secret key (minisign -G) that signs the manifests; its password is in "+passwordEnv)
	},
	run: runExport,
}

func runExport(ctx context.Context, o *options, out *printer) error {
	if err := needed("to", o.to, "/media/stick"); err != nil {
		return err
	}
	signer, err := o.signer()
	if err != nil {
		return err
	}
	if err := o.apart(); err != nil {
		return err
	}
	return o.withNodes(ctx, func(bucket state.Store, nodes []string) error {
		done, err := airgap.Export(ctx, airgap.ExportOptions{From: bucket, To: o.to, Nodes: nodes, Files: o.files, Signer: signer, Tell: out.line})
		if err != nil {
			return err
		}
		out.line("exported %d manifests and %d artifacts to %s: %d files were written", done.Manifests, done.Artifacts, o.to, done.Written)
		return nil
	})
}

// withNodes is withBucket for a command that is about the manifests of chosen nodes.
func (o *options) withNodes(ctx context.Context, do func(bucket state.Store, nodes []string) error) error {
	return o.withBucket(ctx, func(bucket state.Store) error {
		nodes, err := airgap.Choose(ctx, bucket, o.nodes)
		if err != nil {
			return err
		}
		return do(bucket, nodes)
	})
}

// apart refuses to export into the bucket itself: its manifests would be changed.
func (o *options) apart() error {
	path, ok := filePath(o.stateURL)
	if !ok {
		return nil
	}
	from, err1 := os.Stat(path)
	to, err2 := os.Stat(o.to)
	if err1 == nil && err2 == nil && os.SameFile(from, to) {
		return state.Errorf(state.Invalid, "--to", "%s is the bucket itself: export to another folder", o.to)
	}
	return nil
}

var importCommand = command{
	name: "import",
	what: "take the reports, events and crashes that came back on a folder into the bucket",
	about: `Takes what agents wrote into a folder back into the bucket: reports that are newer than those there, events and
crashes. It never replaces anything by something older; the same import twice changes nothing. Nodes that the master
hears of by itself are refused, unless their record says "detached": true.`,
	table: func(o *options, set *option.Set) {
		set.String(&o.from, "from", "", "the folder: /media/stick")
		o.stateOption(set)
	},
	run: runImport,
}

func runImport(ctx context.Context, o *options, out *printer) error {
	if err := needed("from", o.from, "/media/stick"); err != nil {
		return err
	}
	return o.withBucket(ctx, func(bucket state.Store) error {
		done, err := airgap.Import(ctx, airgap.ImportOptions{From: o.from, To: bucket, Tell: out.line})
		if err != nil {
			return err
		}
		out.line("imported %d reports, %d batches of events and %d crashes; %d known already, %d refused",
			done.Reports, done.Events, done.Crashes, done.Known, done.Refused)
		return nil
	})
}

var signCommand = command{
	name: "sign",
	what: "sign the manifests of a bucket, before its master begins to",
	about: `Signs manifests as they are in the bucket, those that the key has not signed yet. Do it once before a master that
has a bucket of manifests is given --sign.key, and after you edited one by hand; minisign -S does the same to one file.`,
	table: func(o *options, set *option.Set) {
		o.stateOption(set)
		o.nodesOption(set)
		o.signOption(set, "file of the secret key (minisign -G); its password is in "+passwordEnv)
	},
	run: runSign,
}

func runSign(ctx context.Context, o *options, out *printer) error {
	if err := needed("sign.key", o.signKey, "/root/stathub.key"); err != nil {
		return err
	}
	signer, err := o.signer()
	if err != nil {
		return err
	}
	return o.withNodes(ctx, func(bucket state.Store, nodes []string) error {
		signed, err := airgap.Sign(ctx, airgap.SignOptions{Bucket: bucket, Nodes: nodes, Signer: signer, Tell: out.line})
		if err != nil {
			return err
		}
		out.line("signed %d of %d manifests with the key %s", signed, len(nodes), signer.ID())
		return nil
	})
}

var keygenCommand = command{
	name: "keygen",
	what: "make a pair of keys to sign manifests with",
	about: `Makes a secret key without a password, which only its owner can read, and the public key beside it, in the format
of minisign; minisign -G makes one with a password.`,
	table: func(o *options, set *option.Set) {
		o.signOption(set, "file of the secret key to be made, such as stathub.key; the public one is stathub.pub then")
	},
	run: func(_ context.Context, o *options, out *printer) error {
		if err := needed("sign.key", o.signKey, "stathub.key"); err != nil {
			return err
		}
		id, err := signature.Generate(o.signKey)
		if err != nil {
			return err
		}
		out.line("key %s: keep %s secret, and give %s to the agents as --trust.key", id, o.signKey, signature.PublicFile(o.signKey))
		return nil
	},
}

func (o *options) signOption(set *option.Set, help string) {
	set.String(&o.signKey, "sign.key", "", help)
}

// signer gives the key, nil where none is named.
func (o *options) signer() (*signature.Signer, error) {
	if o.signKey == "" {
		return nil, nil
	}
	s, err := signature.LoadSigner(o.signKey, o.password)
	if err != nil {
		return nil, state.Errorf(state.Invalid, "--sign.key", "%w", err)
	}
	return s, nil
}

// Package control is the master's control loop: it keeps a picture of the bucket, judges which nodes are alive, asks
// the scheduler, and writes the manifests that differ, each over the very revision that it was decided from. It holds no
// truth: everything here is rebuilt from the bucket at start. It also carries out the edits of the API.
package control

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"stathub/master/history"
	"stathub/master/index"
	"stathub/master/liveness"
	"stathub/scheduler"
	"stathub/state"
	"stathub/state/eventlog"
	"stathub/state/signature"
)

// Limits of a store call. Every call has one, so that an outage is noticed.
const (
	callTimeout   = 10 * time.Second
	listTimeout   = 30 * time.Second
	uploadTimeout = time.Hour // of an artifact
)

// Options say how a Controller works. Store and Index are the caller's to close, after Run has returned.
type Options struct {
	Store state.Store
	Index NodeIndex
	Apps  DocIndex     // nil: apps are not searched
	Procs DocIndex     // nil: instances are not searched
	Log   *slog.Logger // nil: none
	Name  string       // of this master: the writer in manifests and events; empty: "master"

	Leader Leader // says whether this master decides; nil: it always does, in term 1

	Poll        time.Duration   // between two looks at the whole bucket; 0: 5 s
	NodeTimeout time.Duration   // of a node's silence, after which it is down; 0: 35 s
	Freeze      liveness.Freeze // when too many nodes are silent to be believed

	RebalanceMoves int // instances a minute that may be moved for balance alone; 0: none

	// Signer, where not nil, signs the manifests. Then those that others write are believed only with a signature by its
	// key or one of Trust.
	Signer *signature.Signer
	Trust  signature.Trust

	// Gate is asked before the bucket is first used, again and again while it is code Unavailable; any other error ends
	// Run. Nil: no question.
	Gate func(ctx context.Context) error

	Planned func(took time.Duration) // is told of each plan; nil: nobody is

	// Changed is told of each document whose picture changed, with the apps that it speaks of besides its own; nil: nobody
	// is. It must not wait, nor call the Controller.
	Changed func(kind state.Kind, name string, apps []string)

	// Told is given each event that this master tells, at once; nil: nobody is. It must not wait, nor call the Controller.
	Told func([]state.Event)

	Listed func() // is told when searches of apps or instances find something else; nil: nobody is
}

// NodeIndex finds nodes by query; *index.Index is one. Match and Search give code Invalid for a malformed query.
type NodeIndex interface {
	DocIndex
	Match(ctx context.Context, query string) ([]string, error)
}

// DocIndex finds documents by query, with the same errors.
type DocIndex interface {
	Update(puts []index.Doc, deletes []string) error
	Search(ctx context.Context, query string, page index.Options) (index.Result, error)
}

// Controller is the master's mind. Its methods are safe for concurrent use; Run alone decides.
type Controller struct {
	store   state.Store
	index   NodeIndex
	log     *slog.Logger
	opts    Options
	said    said
	warned  warnings
	told    *eventlog.Log
	history history.Store
	locks   locks
	poke    chan struct{} // something is to be looked at or decided
	lists   chan struct{} // the indexes of apps and instances may be behind

	pulses pulses // heartbeats that the gateway took in

	mu        sync.RWMutex // guards the folders and what follows
	apps      *folder[state.App]
	choreos   *folder[state.Choreo]
	nodes     *folder[state.Node]
	manifests *folder[state.Manifest]
	reports   *folder[state.Report]
	beats     map[string]state.ETag
	liveness  *liveness.Detector
	compared  map[string]recordBasis
	spoilt    map[string]spoilt  // manifests that cannot be read, by node
	lost      map[string]lostApp // apps without a document that manifests list, by name
	office    office
	due       map[state.Kind]bool // folders to look at
	pace      pace
	dirty     bool            // the picture changed since the last plan
	plan      scheduler.Plan  // the last one
	editedAt  time.Time       // when apps, choreographies or nodes last changed
	edits     int64           // changes by this master's API
	planned   int64           // the edits that plan has taken in
	pondering chan struct{}   // of ponder
	replanned chan struct{}   // closed when planned grows, and replaced
	past      map[string]past // by app; nil: the history was not listed yet
	heard     time.Time       // when the reports were last read
	outages   map[state.Kind]error
	missing   map[string]string // what keeps this master from being ready, and why

	searchable atomic.Bool // the index was told of the nodes once

	indexing sync.Mutex // guards indexed
	indexed  map[string]indexedAs
	tallies  tallies
	appList  appIndex
	procList procIndex
	notes    map[scheduler.Note]bool // of the last plan; the loop's alone
	memo     scheduler.Memo          // of the plans
	previews scheduler.Memo          // of the plans that nobody carries out
	balance  balance                 // the loop's alone
	rounds   atomic.Int64            // finished looks at the whole bucket
}

// New makes a Controller; Run starts it.
func New(opts Options) *Controller {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Poll == 0 {
		opts.Poll = 5 * time.Second
	}
	if opts.NodeTimeout == 0 {
		opts.NodeTimeout = 35 * time.Second
	}
	if opts.Name == "" {
		opts.Name = "master"
	}
	if opts.Leader == nil {
		opts.Leader = alone{opts.Name}
	}
	c := &Controller{
		store: opts.Store, index: opts.Index, log: opts.Log, opts: opts,
		said:    said{log: opts.Log, now: map[string]string{}},
		told:    eventlog.New(eventlog.Options{Writer: opts.Name, Store: opts.Store, Log: opts.Log, Deadline: callTimeout, Step: step, Told: opts.Told}),
		history: history.Store{CallTimeout: callTimeout, ListTimeout: listTimeout},
		locks:   locks{seed: maphash.MakeSeed()},
		poke:    make(chan struct{}, 1), lists: make(chan struct{}, 1), pondering: make(chan struct{}, 1), replanned: make(chan struct{}),
		compared: map[string]recordBasis{},
		due:      map[state.Kind]bool{},
		balance:  balance{perMinute: opts.RebalanceMoves},
		missing:  map[string]string{bucketMissing: "it was not looked at yet"},
		outages:  map[state.Kind]error{},
		indexed:  map[string]indexedAs{},
		appList:  appIndex{index: opts.Apps, seed: maphash.MakeSeed(), told: map[string]uint64{}},
		procList: procIndex{index: opts.Procs, nodes: map[string]nodeProcs{}},
	}
	c.liveness = c.newDetector()
	c.history.Bucket = reserved{opts.Store, c.inCharge}
	c.apps = newFolder[state.App](state.KindApp, &c.mu)
	c.choreos = newFolder[state.Choreo](state.KindChoreo, &c.mu)
	c.nodes = newFolder[state.Node](state.KindNode, &c.mu)
	c.manifests = newFolder[state.Manifest](state.KindManifest, &c.mu)
	c.manifests.seals = newSeals(opts.Signer, opts.Trust)
	c.manifests.decode = decodeManifest
	c.reports = newFolder[state.Report](state.KindReport, &c.mu)
	c.tellChanges(opts.Changed)
	return c
}

// bucketMissing is in missing until the store passed the gate.
const bucketMissing = "the bucket"

// indexMissing is in Missing until the nodes that were read can be searched.
const indexMissing = "the search index"

package rest

import (
	"log/slog"
	"net/http"
	"time"
)

// The time limits of a server made by NewServer. A handler that streams calls LiftDeadlines.
const (
	headerTimeout  = 10 * time.Second
	readTimeout    = time.Minute
	writeTimeout   = 2 * time.Minute
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
)

// NewServer gives a server whose every phase is bounded in time. The caller serves, and shuts it down.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // mostly clients that go away
	}
}

// LiftDeadlines frees one answer, and the body of its request, of the server's time limits; the handler sets its own.
func LiftDeadlines(w http.ResponseWriter) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})  // a writer that knows no deadlines has none to lift
	_ = control.SetWriteDeadline(time.Time{}) // likewise
}

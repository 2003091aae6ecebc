package artifact

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

const benchBytes = 256 << 20

// pattern is size bytes that do not compress to nothing.
func pattern(size int64) io.Reader { return io.LimitReader(&noise{state: 1}, size) }

type noise struct{ state uint64 }

func (n *noise) Read(p []byte) (int, error) {
	for i := range p {
		if i%8 == 0 {
			n.state ^= n.state << 13
			n.state ^= n.state >> 7
			n.state ^= n.state << 17
		}
		p[i] = byte(n.state >> (i % 8 * 8))
	}
	return len(p), nil
}

// newFileServer serves one file of size bytes, with sendfile as any web server.
func newFileServer(b *testing.B, size int64) (url, path string) {
	path = filepath.Join(b.TempDir(), "big.bin")
	f, err := os.Create(path)
	if err == nil {
		_, err = io.Copy(f, pattern(size))
	}
	if err != nil || f.Close() != nil {
		b.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) }))
	b.Cleanup(s.Close)
	return s.URL + "/big.bin", path
}

// peak gives the most memory that Go had from the system for its heap while f ran, in MiB.
func peak(f func()) float64 {
	var most atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	runtime.GC()
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapInuse))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-done
	return float64(most.Load()) / (1 << 20)
}

// BenchmarkFetch brings a file over the loopback into the cache; beside it the same bytes without any care (GET, SHA-256,
// write, sync), and a copy on the disk (write, sync).
func BenchmarkFetch(b *testing.B) {
	url, path := newFileServer(b, benchBytes)
	b.Run("agent", func(b *testing.B) {
		b.SetBytes(benchBytes)
		for range b.N {
			c, err := Open(b.TempDir(), nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := c.Fetch(b.Context(), url); err != nil {
				b.Fatal(err)
			}
		}
	})
	bare := func(b *testing.B, open func() (io.ReadCloser, error), hashed bool) {
		b.SetBytes(benchBytes)
		for range b.N {
			in, err := open()
			if err != nil {
				b.Fatal(err)
			}
			out, err := os.Create(filepath.Join(b.TempDir(), "copy"))
			if err != nil {
				b.Fatal(err)
			}
			var from io.Reader = in
			if hashed {
				from = io.TeeReader(in, sha256.New())
			}
			if _, err = io.Copy(out, from); err == nil {
				err = out.Sync()
			}
			_, _ = in.Close(), out.Close()
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("bare", func(b *testing.B) {
		bare(b, func() (io.ReadCloser, error) {
			r, err := http.Get(url)
			if err != nil {
				return nil, err
			}
			return r.Body, nil
		}, true)
	})
	b.Run("cp", func(b *testing.B) { bare(b, func() (io.ReadCloser, error) { return os.Open(path) }, false) })
}

// BenchmarkFetchMemory shows that a large file needs no more memory than a small one.
func BenchmarkFetchMemory(b *testing.B) {
	for _, size := range []int64{16 << 20, 1 << 30} {
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			url, _ := newFileServer(b, size)
			b.SetBytes(size)
			for range b.N {
				c, err := Open(b.TempDir(), nil)
				if err != nil {
					b.Fatal(err)
				}
				most := peak(func() { _, err = c.Fetch(b.Context(), url) })
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(most, "MiB-heap")
			}
		})
	}
}

// BenchmarkUnpack places a tar.gz of 1,000 files of 64 KiB; beside it a bare loop that unpacks without a check.
func BenchmarkUnpack(b *testing.B) {
	const files, size = 1000, 64 << 10
	path := filepath.Join(b.TempDir(), "a.tar.gz")
	out, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	z, _ := gzip.NewWriterLevel(out, gzip.BestSpeed)
	w := tar.NewWriter(z)
	for k := range files {
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("d%d/f%d", k%10, k), Mode: 0o644, Size: size}); err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(w, pattern(size)); err != nil {
			b.Fatal(err)
		}
	}
	if w.Close() != nil || z.Close() != nil || out.Close() != nil {
		b.Fatal("cannot write the archive")
	}
	b.Run("agent", func(b *testing.B) {
		c, err := Open(b.TempDir(), nil)
		if err != nil {
			b.Fatal(err)
		}
		f, err := c.Fetch(b.Context(), "file://"+filepath.ToSlash(path))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(files * size)
		for range b.N {
			dir := b.TempDir()
			most := peak(func() { err = c.Place(b.Context(), []File{f}, dir) })
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(most, "MiB-heap")
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.SetBytes(files * size)
		for range b.N {
			bareUnpack(b, path, b.TempDir())
		}
	})
}

func bareUnpack(b *testing.B, path, dir string) {
	in, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		b.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
		name := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			b.Fatal(err)
		}
		f, err := os.Create(name)
		if err == nil {
			_, err = io.Copy(f, r)
		}
		if err == nil {
			err = f.Sync()
		}
		if err != nil || f.Close() != nil {
			b.Fatal(err)
		}
	}
}

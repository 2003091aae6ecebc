package artifact

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// maxBlocks bounds the blocks of an xz file, as each one gets a window of its own. Parallel packers write one per 24 MiB or so.
const maxBlocks = 10_000

var errXZ = errors.New("not an xz file, or a damaged one")

// xzReader reads the container of the .xz file format 1.2.1 (tukaani.org/xz/xz-file-format.txt) with the LZMA2 filter.
// It is here because a library that reads the whole format allocates the window that a header asks for, up to 4 GiB.
type xzReader struct {
	in     *xzInput
	flags  [2]byte // of the stream
	check  hash.Hash
	blocks int // of the whole file

	header  int64     // bytes of the header of the block that is read
	lzma    io.Reader // of that block, nil between blocks
	size    int64     // that came out of it
	claimed [2]int64  // compressed and uncompressed size that its header claims, -1: not told
	records int       // blocks of the stream
	sums    hash.Hash // over the sizes of these blocks
	err     error
}

func unxz(r io.Reader) (io.ReadCloser, error) {
	x := &xzReader{in: &xzInput{r: bufio.NewReader(r)}}
	if err := x.stream(); err != nil {
		return nil, unexpected(err)
	}
	return io.NopCloser(x), nil
}

func (x *xzReader) Read(p []byte) (int, error) {
	for x.err == nil {
		if x.lzma == nil {
			x.err = x.next()
			continue
		}
		n, err := x.lzma.Read(p)
		_, _ = x.check.Write(p[:n]) // a hash never fails
		x.size += int64(n)
		if err == io.EOF {
			x.lzma, err = nil, x.closeBlock()
		}
		if x.err = unexpected(err); n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	return 0, x.err
}

// stream reads a stream header (section 2.1.1).
func (x *xzReader) stream() error {
	var b [12]byte
	if _, err := io.ReadFull(x.in, b[:]); err != nil {
		return err
	}
	if string(b[:6]) != "\xfd7zXZ\x00" || crc32.ChecksumIEEE(b[6:8]) != binary.LittleEndian.Uint32(b[8:]) || b[6] != 0 {
		return errXZ
	}
	switch b[7] {
	case 0:
		x.check = noCheck{}
	case 1:
		x.check = crc32.NewIEEE()
	case 4:
		x.check = crc64.New(crc64.MakeTable(crc64.ECMA))
	case 10:
		x.check = sha256.New()
	default:
		return fmt.Errorf("xz check type %d is not supported", b[7])
	}
	x.flags, x.records, x.sums = [2]byte{b[6], b[7]}, 0, sha256.New()
	return nil
}

// next starts a block, or ends the stream and starts the next one. io.EOF is the end of the file.
func (x *xzReader) next() error {
	x.in.n = 0
	first, err := x.in.ReadByte()
	if err != nil {
		return unexpected(err)
	}
	if first != 0 {
		return unexpected(x.block(first))
	}
	if err := x.index(); err != nil {
		return unexpected(err)
	}
	for { // stream padding, section 2.2
		head, err := x.in.r.Peek(4)
		switch {
		case len(head) == 0 && err == io.EOF:
			return io.EOF
		case err != nil:
			return unexpected(err)
		case !bytes.Equal(head, make([]byte, 4)):
			return unexpected(x.stream())
		}
		_, _ = x.in.r.Discard(4) // they were peeked at
	}
}

// block reads a block header (section 3.1), whose first byte is given.
func (x *xzReader) block(first byte) error {
	if x.blocks++; x.blocks > maxBlocks {
		return fmt.Errorf("it has more than %d blocks", maxBlocks)
	}
	b := make([]byte, (int(first)+1)*4)
	b[0] = first
	if _, err := io.ReadFull(x.in, b[1:]); err != nil {
		return err
	}
	body, sum := b[:len(b)-4], b[len(b)-4:]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(sum) {
		return errXZ
	}
	if body[1]&0x3f != 0 {
		return errors.New("xz filters other than LZMA2 are not supported")
	}
	rest := bytes.NewReader(body[2:])
	for i := range x.claimed {
		x.claimed[i] = -1
		if body[1]&(0x40<<i) != 0 {
			size, err := binary.ReadUvarint(rest)
			if err != nil || size >= 1<<63 {
				return errXZ
			}
			x.claimed[i] = int64(size)
		}
	}
	var filter [3]byte // LZMA2, one byte of properties, the window; section 5.3.1
	if _, err := io.ReadFull(rest, filter[:]); err != nil || filter[1] != 1 || filter[2] > 40 {
		return errXZ
	} else if filter[0] != 0x21 {
		return errors.New("xz filters other than LZMA2 are not supported")
	}
	window := int64(2|filter[2]&1) << (filter[2]/2 + 11)
	if window > maxWindow {
		return fmt.Errorf("it needs a window of %d bytes; at most %d are granted", window, maxWindow)
	}
	x.header, x.in.n, x.size = int64(len(b)), 0, 0
	x.check.Reset()
	var err error
	x.lzma, err = lzma.Reader2Config{DictCap: int(window)}.NewReader2(x.in)
	return err
}

// closeBlock compares a block with what was said about it, and notes its sizes for the index.
func (x *xzReader) closeBlock() error {
	packed := x.in.n
	if c := x.claimed[0]; c >= 0 && c != packed {
		return errXZ
	} else if u := x.claimed[1]; u >= 0 && u != x.size {
		return errXZ
	}
	if err := x.in.padding(); err != nil {
		return err
	}
	sum := make([]byte, x.check.Size())
	if _, err := io.ReadFull(x.in, sum); err != nil {
		return err
	}
	have := x.check.Sum(nil)
	if x.flags[1] != 10 { // CRCs stand there with their lowest byte first
		for i, j := 0, len(have)-1; i < j; i, j = i+1, j-1 {
			have[i], have[j] = have[j], have[i]
		}
	}
	if !bytes.Equal(sum, have) {
		return errors.New("the checksum of a block is wrong")
	}
	x.records++
	x.record(uint64(x.header+packed+int64(len(sum))), uint64(x.size))
	return nil
}

func (x *xzReader) record(sizes ...uint64) {
	for _, size := range sizes {
		_, _ = x.sums.Write(binary.LittleEndian.AppendUint64(nil, size)) // a hash never fails
	}
}

// index reads the index and the stream footer (sections 4 and 2.1.2). Its first byte has been read.
func (x *xzReader) index() error {
	x.in.sum = crc32.NewIEEE()
	_, _ = x.in.sum.Write([]byte{0})
	count, err := binary.ReadUvarint(x.in)
	if err != nil || count != uint64(x.records) {
		return errors.Join(errXZ, err)
	}
	want := x.sums.Sum(nil)
	x.sums.Reset()
	for range x.records {
		packed, err1 := binary.ReadUvarint(x.in)
		unpacked, err2 := binary.ReadUvarint(x.in)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		x.record(packed, unpacked)
	}
	if err := x.in.padding(); err != nil {
		return err
	}
	length, sum := x.in.n+4, x.in.sum.Sum32()
	x.in.sum = nil
	var b [16]byte // checksum of the index; footer: checksum, size of the index, flags, magic
	if _, err := io.ReadFull(x.in, b[:]); err != nil {
		return err
	}
	le := binary.LittleEndian
	if !bytes.Equal(want, x.sums.Sum(nil)) || le.Uint32(b[:]) != sum || le.Uint32(b[4:]) != crc32.ChecksumIEEE(b[8:14]) ||
		(int64(le.Uint32(b[8:]))+1)*4 != length || [2]byte(b[12:]) != x.flags || string(b[14:]) != "YZ" {
		return errXZ
	}
	return nil
}

// xzInput counts what is read.
type xzInput struct {
	r   *bufio.Reader
	n   int64
	sum hash.Hash32 // over what is read, where wanted
}

func (i *xzInput) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.n += int64(n)
	if i.sum != nil {
		_, _ = i.sum.Write(p[:n]) // a hash never fails
	}
	return n, err
}

func (i *xzInput) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(i, b[:])
	return b[0], err
}

// padding reads zeros up to a multiple of four.
func (i *xzInput) padding() error {
	for i.n%4 != 0 {
		if b, err := i.ReadByte(); err != nil {
			return err
		} else if b != 0 {
			return errXZ
		}
	}
	return nil
}

// noCheck is the check of a stream that has none.
type noCheck struct{}

func (noCheck) Write(p []byte) (int, error) { return len(p), nil }
func (noCheck) Sum(b []byte) []byte         { return b }
func (noCheck) Reset()                      {}
func (noCheck) Size() int                   { return 0 }
func (noCheck) BlockSize() int              { return 1 }

// unexpected makes an end within the file an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

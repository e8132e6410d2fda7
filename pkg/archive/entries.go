package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"ccaas-template-builder/internal/safefile"
)

// entries calls visit for each entry of a gzip tar, which must unpack to less
// than limit bytes.
func entries(ctx context.Context, r io.Reader, limit int64, visit func(*tar.Header, io.Reader) error) error {
	buffered := bufio.NewReaderSize(r, 64<<10)
	head, headErr := buffered.Peek(headSize)
	unzipped, err := gzip.NewReader(buffered)
	if ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		return notGzip(head, headErr)
	}
	left := &io.LimitedReader{R: interruptible{ctx, unzipped}, N: limit}
	tooMuch := fmt.Errorf("unpacks to %d bytes or more", limit)
	headers := &headerReader{r: left}
	reader := tar.NewReader(headers)
	for count := 0; ; count++ {
		headers.counts = true
		header, err := reader.Next()
		headers.counts = false
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case left.N == 0: // check this before io.EOF, which the limit may have caused
			return tooMuch
		case err == io.EOF:
			return nil
		case errors.Is(err, errHeaders):
			return err
		case err != nil:
			return notTar(unzipped, count == 0, err)
		case count == safefile.MaxEntries:
			return errTooMany
		}
		if err := checkSize(header); err != nil {
			return err
		}
		err = visit(header, reader)
		if err == nil { // leave only headers to Next
			_, err = io.Copy(io.Discard, reader)
		}
		switch {
		case err != nil && left.N == 0:
			return tooMuch
		case errors.Is(err, io.ErrUnexpectedEOF):
			return notTar(unzipped, false, err)
		case err != nil:
			return err
		}
	}
}

// Limits on the headers of an archive. The PAX header of an entry may have any number of
// records, one in each line, and a record takes longer to read than its bytes.
const (
	maxHeaders = 24 << 20 // bytes
	perLine    = 100      // bytes that a line counts in addition
)

var errHeaders = errors.New("has too many headers for its entries: create it without extended attributes")

// headerReader reads an archive. While it counts, it fails at maxHeaders.
type headerReader struct {
	r      io.Reader
	counts bool
	count  int
}

func (h *headerReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if h.counts {
		h.count += n + perLine*bytes.Count(p[:n], []byte("\n"))
	}
	if h.count > maxHeaders {
		return n, errHeaders
	}
	return n, err
}

// checkSize rejects an entry with another size than that of its content in the archive. For a
// sparse file, archive/tar makes up zeros, which no limit on the archive would stop. No
// packager writes one.
func checkSize(header *tar.Header) error {
	if header.Size < 0 {
		return fmt.Errorf("%.40q: has a negative size", header.Name)
	}
	for record := range header.PAXRecords {
		if strings.HasPrefix(record, "GNU.sparse.") {
			return fmt.Errorf("%.40q: is a sparse file: create the archive without tar's option --sparse", header.Name)
		}
	}
	return nil
}

package archive

import (
	"archive/tar"
	"bufio"
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
	reader := tar.NewReader(left)
	for count := 0; ; count++ {
		header, err := reader.Next()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case left.N == 0: // check this before io.EOF, which the limit may have caused
			return tooMuch
		case err == io.EOF:
			return nil
		case err != nil:
			return notTar(unzipped, count == 0, err)
		case count == safefile.MaxEntries:
			return errTooMany
		}
		if err := checkSize(header); err != nil {
			return err
		}
		switch err := visit(header, reader); {
		case err != nil && left.N == 0:
			return tooMuch
		case errors.Is(err, io.ErrUnexpectedEOF):
			return notTar(unzipped, false, err)
		case err != nil:
			return err
		}
	}
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

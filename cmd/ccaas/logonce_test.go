package main

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// The refresh and the probe of a watch both warn, at the same time. Each warning is logged once.
func TestLogOnce(t *testing.T) {
	var out bytes.Buffer
	warn := logOnce(slog.New(slog.NewTextHandler(&out, nil)))
	const texts = 1000
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			for i := range texts {
				warn("warning %d", i)
			}
		})
	}
	both.Wait()
	if got := strings.Count(out.String(), "\n"); got != texts {
		t.Errorf("%d lines were logged, want %d", got, texts)
	}
}

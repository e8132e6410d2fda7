package program_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
)

func run(env map[string]string, step func(*program.Program) error) (int, string) {
	var stderr bytes.Buffer
	p := &program.Program{Name: "build", Env: env, Stderr: &stderr, Deadline: 5 * time.Second}
	return p.Run(step), stderr.String()
}

func TestRun(t *testing.T) {
	hint := func(s string) error { return message.WithHint(errors.New(s), "set it") }
	for name, test := range map[string]struct {
		step   func(*program.Program) error
		status int
		stderr string
	}{
		"fine":         {func(*program.Program) error { return nil }, 0, ""},
		"failed":       {func(*program.Program) error { return errors.New("a is b") }, 1, "build: error: a is b\n"},
		"silent":       {func(*program.Program) error { return program.Exit(1, nil) }, 1, ""},
		"broken":       {func(*program.Program) error { return program.Exit(2, errors.New("x")) }, 2, "build: error: x\n"},
		"usage":        {func(p *program.Program) error { return p.Usage("A B") }, 2, "build: error: wrong number of arguments (0); usage: build A B\n"},
		"all reported": {func(*program.Program) error { return errors.Join(hint("a"), errors.Join(hint("b"), errors.New("c"))) }, 1, "build: error: a\nbuild: error: b\nbuild: error: c\nbuild: hint: set it\n"},
		"one line":     {func(*program.Program) error { return errors.New("a\nb\x1b[31m\u2028\xff") }, 1, `build: error: a\nb\x1b[31m\u2028` + "\ufffd\n"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stderr := run(nil, test.step)
			if status != test.status || stderr != test.stderr {
				t.Errorf("got status %d and %q, want %d and %q", status, stderr, test.status, test.stderr)
			}
		})
	}
}

func TestPanicShowsNoValue(t *testing.T) {
	status, stderr := run(nil, func(*program.Program) error { panic("the key") })
	place := regexp.MustCompile(`: internal error in \S+/internal/program_test\.`)
	if status != 1 || strings.Contains(stderr, "the key") || strings.Count(stderr, "\n") != 1 || !place.MatchString(stderr) {
		t.Errorf("got status %d and %q", status, stderr)
	}
}

func TestLongLineIsCut(t *testing.T) {
	_, stderr := run(nil, func(*program.Program) error { return errors.New(strings.Repeat("ä", 1<<16)) })
	if len(stderr) > 4096 || !strings.HasSuffix(stderr, "…\n") {
		t.Errorf("got a line of %d bytes", len(stderr))
	}
}

func TestManyErrors(t *testing.T) {
	_, stderr := run(nil, func(*program.Program) error {
		var errs []error
		for i := range 60 {
			errs = append(errs, fmt.Errorf("e%d", i))
		}
		return errors.Join(errs...)
	})
	if got := strings.Count(stderr, "\n"); got != 51 || !strings.HasSuffix(stderr, "build: error: and 10 more errors\n") {
		t.Errorf("got %d lines: %s", got, stderr)
	}
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		status, stderr := run(nil, func(*program.Program) error { <-release; return nil })
		close(release)
		if status != 1 || !strings.Contains(stderr, "not done after 5s") {
			t.Errorf("got status %d and %q", status, stderr)
		}
	})
}

// A step that is told to stop has time to clean up, and Run reports why it was stopped.
func TestStop(t *testing.T) {
	until := func(p *program.Program) {
		for p.Stopped() == nil {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second) // as if it had to clean up
	}
	for name, test := range map[string]struct {
		err    error
		status int
		want   string
	}{
		"stopped":            {fmt.Errorf("a: %w", program.ErrStopped), 1, "build: error: not done after 5s"},
		"fails nevertheless": {errors.New("disk full"), 1, "build: error: disk full"},
		"ends nevertheless":  {nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				clean := false
				status, stderr := run(nil, func(p *program.Program) error { until(p); clean = true; return test.err })
				if !clean || status != test.status || !strings.HasPrefix(stderr, test.want) || test.want == "" && stderr != "" {
					t.Errorf("clean is %t, got status %d and %q", clean, status, stderr)
				}
			})
		})
	}
}

// A program prints as many warnings of one kind as errors, and then how many more there are.
func TestWarnAll(t *testing.T) {
	_, stderr := run(nil, func(p *program.Program) error {
		p.WarnAll(slices.Repeat([]string{"w"}, message.Most))
		return nil
	})
	if want := strings.Repeat("build: warning: w\n", message.Most); stderr != want {
		t.Errorf("got %s", stderr)
	}
	_, more := run(nil, func(p *program.Program) error {
		p.WarnAll(slices.Repeat([]string{"w"}, message.Most+2))
		return nil
	})
	if want := stderr + "build: warning: and 2 more warnings\n"; more != want {
		t.Errorf("got %s", more)
	}
}

func TestLevels(t *testing.T) {
	for level, want := range map[string]string{
		"debug": "warning info debug",
		"INFO":  "warning info",
		"":      "warning",
		"loud":  "warning",
		"error": "",
	} {
		_, stderr := run(map[string]string{program.LevelVariable: level}, func(p *program.Program) error {
			p.Warn("w %d", 1)
			p.Info("i %d", 1)
			p.Debug("d %d", 1)
			return nil
		})
		var got []string
		for line := range strings.Lines(stderr) {
			got = append(got, strings.TrimSuffix(strings.Fields(line)[1], ":"))
		}
		if fmt.Sprint(strings.Join(got, " ")) != want {
			t.Errorf("level %q: got %q, want %q", level, got, want)
		}
	}
}

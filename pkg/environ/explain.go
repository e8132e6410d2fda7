package environ

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/pemtext"
)

// VariableError is an error about the value of a setting's variable. Its text names the variable.
type VariableError struct {
	Variable string // without _FILE
	Err      error
}

func (e *VariableError) Error() string { return e.Err.Error() }
func (e *VariableError) Unwrap() error { return e.Err }

// ofVariable wraps each error that err joins in a VariableError for the variable called name.
func ofVariable(name string, err error) error {
	return message.Each(err, func(err error) error { return &VariableError{name, err} })
}

// Around returns an error if the value of a variable begins or ends with something that is probably
// not meant to be part of it, such as quotes in an item of a Compose list. Otherwise it returns
// nil.
func (e *Environment) Around(name string) error {
	v, err := e.layers.lookup(e.read, name)
	if err != nil {
		return nil
	}
	return around(name, v)
}

// around is Around for a variable with the value v. White space around PEM is no error.
func around(name, v string) error {
	first, _ := utf8.DecodeRuneInString(v)
	last, _ := utf8.DecodeLastRuneInString(v)
	isPEM := strings.Contains(v, pemtext.Begin)
	what := ""
	switch {
	case v == "":
	case isQuote(first):
		what = "begins with a quote: the quotes around it have become part of its value"
	case isQuote(last):
		what = "ends with a quote, which has become part of its value"
	case isPEM:
	case unicode.IsSpace(first):
		what = "begins with a blank, which has become part of its value"
	case unicode.IsSpace(last):
		what = "ends with a blank or newline, which has become part of its value"
	}
	if what == "" {
		return nil
	}
	return message.WithHint(fmt.Errorf("%s %s", name, what),
		"docker and an item of a Compose list take all behind = for the value: write NAME=VALUE without quotes or blanks")
}

func isQuote(r rune) bool { return strings.ContainsRune("\"'`“”‘’„", r) }

// named returns the beginning of an error about the file that a variable names. It shows the path
// only if the variable's name ends in _FILE and the value looks like a path: any other value may be
// secret.
func named(name, file string) string {
	if !strings.HasSuffix(name, "_FILE") || !isPath(file) {
		return "the file that " + name + " names"
	}
	return fmt.Sprintf("%s names %q, which", name, file)
}

// isPath reports whether v is probably the path of a file, that is, absolute or with an extension,
// and not a key or a password that was set by mistake.
func isPath(v string) bool {
	const longest, longestExtension = 1024, len(".extension")
	extension := len(filepath.Ext(v))
	return len(v) <= longest && !strings.Contains(v, "\n") && !pemtext.HoldsKey(v) &&
		(filepath.IsAbs(v) || extension > 1 && extension <= longestExtension)
}

// unreadable returns the error for a file that a variable names but that cannot be read.
func unreadable(name, file string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "the file must be there for the peer's process: in a container, at its path in the container"
	case errors.Is(err, fs.ErrPermission):
		hint = "the peer's user must be able to read the file, and to enter each folder on the way to it"
	}
	if wrapped := around(name, file); wrapped != nil {
		return wrapped
	}
	return message.WithHint(fmt.Errorf("%s cannot be read: %w", named(name, file), err), hint)
}

// relative returns the error for a variable that should name a file but does not hold an absolute
// path.
func relative(name, file string) error {
	if wrapped := around(name, file); wrapped != nil {
		return wrapped
	}
	err := fmt.Errorf("%s must be the absolute path of a file", name)
	if isPath(file) && strings.HasSuffix(name, "_FILE") {
		err = fmt.Errorf("%s must be the absolute path of a file, not %q", name, file)
	}
	return message.WithHint(err, "give the path as the peer's process sees it, from / on")
}

// checkText rejects a value that is not text, or is too large. The error begins with what.
func checkText(what, v string) error {
	switch {
	case len(v) > MaxValue:
		return fmt.Errorf("%s is larger than %d bytes", what, MaxValue)
	case strings.HasPrefix(v, "\ufeff"):
		return fmt.Errorf("%s begins with a byte order mark: save it as UTF-8 without one", what)
	case strings.HasPrefix(v, "\xff\xfe"), strings.HasPrefix(v, "\xfe\xff"):
		return fmt.Errorf("%s begins with the byte order mark of UTF-16: save it as UTF-8", what)
	case !utf8.ValidString(v) || strings.ContainsRune(v, 0):
		return fmt.Errorf("%s is not text: it is not valid UTF-8, or contains NUL bytes", what)
	}
	return nil
}

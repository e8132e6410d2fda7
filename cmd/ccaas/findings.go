package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
)

// writeFindings prints each finding as one line, with what it leads to and what to do in the
// lines below:
//
//	SEVERITY CODE PLACE: MESSAGE
func writeFindings(p *program.Program, all []finding.Finding) {
	for _, f := range all {
		line := string(f.Code) + " "
		if f.Place != "" {
			line += f.Place + ": "
		}
		fmt.Fprintf(p.Stdout, "%s %s\n", paint(p, f.Severity), message.OneLine(line+f.Message))
		for _, excerpt := range f.Excerpt {
			fmt.Fprintf(p.Stdout, "    %s\n", excerpt)
		}
		writeNote(p.Stdout, "otherwise", f.Otherwise)
		writeNote(p.Stdout, "hint", f.Hint)
	}
}

func writeNote(w io.Writer, word, text string) {
	if text != "" {
		fmt.Fprintf(w, "  %s\n", message.OneLine(word+": "+text))
	}
}

// verdict returns the error of a verb that found something wrong, or nil. If strict, warnings
// count too.
func verdict(all []finding.Finding, strict bool) error {
	wrong, warned := finding.Count(all, finding.Error), finding.Count(all, finding.Warning)
	if wrong == 0 && (!strict || warned == 0) {
		return nil
	}
	return fmt.Errorf("found %s and %s", plural(wrong, "error"), plural(warned, "warning"))
}

// refusal returns the errors among what lint found, followed by what came of them, or nil.
func refusal(all []finding.Finding, consequence string) error {
	var errs []error
	for _, f := range all {
		if f.Severity == finding.Error {
			err := fmt.Errorf("%s %s: %s", f.Code, f.Place, f.Message)
			errs = append(errs, message.WithHint(err, f.Hint))
		}
	}
	if len(errs) > 0 {
		errs = append(errs, message.WithHint(errors.New(consequence), "run ccaas lint for details"))
	}
	return errors.Join(errs...)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// paint colours a severity on a terminal, unless NO_COLOR is set.
func paint(p *program.Program, severity finding.Severity) string {
	file, ok := p.Stdout.(*os.File)
	if !ok || p.Env["NO_COLOR"] != "" || p.Env["TERM"] == "dumb" || !term.IsTerminal(int(file.Fd())) {
		return string(severity)
	}
	const red, yellow, reset = "\x1b[31m", "\x1b[33m", "\x1b[0m"
	colour := yellow
	if severity == finding.Error {
		colour = red
	}
	return colour + string(severity) + reset
}

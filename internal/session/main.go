// Command session draws docs/session.svg. It runs the commands below on the network that make
// network has just started in the folder network, and draws them with their output. make
// session calls it.
package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"unicode/utf8"
)

const output = "docs/session.svg"

// before approves a second chaincode as Org2, so that the commands, which Org1's administrator
// types, can commit it. It uses the package notes_1.0, which make network has already installed.
const before = `. network/org2.sh; ccaas deploy network/notes/notes.tgz -C mychannel -n memos >&2`

var commands = []string{
	". network/org1.sh",
	"ccaas deploy network/notes/notes.tgz -C mychannel -n memos",
	"ccaas status -n memos --ask",
}

func main() {
	if err := draw(); err != nil {
		fmt.Fprintln(os.Stderr, "session:", err)
		os.Exit(1)
	}
}

func draw() error {
	script := before + "\n"
	for _, command := range commands {
		script += fmt.Sprintf("echo '$ %s'\n%s\n", command, command)
	}
	shell := exec.Command("bash", "-ec", script)
	shell.Stderr = os.Stderr
	text, err := shell.Output()
	if err != nil {
		return fmt.Errorf("%w: this needs a network that has just started", err)
	}
	return os.WriteFile(output, svg(wrap(string(text))), 0o644)
}

// columns is the width of the terminal in the picture, in characters.
const columns = 96

// wrap breaks lines that are longer than columns, as a terminal does.
func wrap(text string) (lines []string) {
	for line := range strings.Lines(text) {
		rest := []rune(strings.TrimSuffix(line, "\n"))
		for len(rest) > columns {
			lines, rest = append(lines, string(rest[:columns])), rest[columns:]
		}
		lines = append(lines, string(rest))
	}
	return lines
}

// The size of a character, and the margin, in units of the picture.
const (
	width, height = 8.0, 18
	margin        = 16
)

// svg draws lines as in a terminal. Lines that begin with a prompt are bold.
func svg(lines []string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title" `+
		`font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13">
  <title id="title">ccaas deploy as Org1, then ccaas status</title>
  <style>
    rect { fill: #f6f8fa; stroke: #d0d7de }
    text { fill: #1f2328; white-space: pre }
    .typed { font-weight: 600; fill: #0969da }
    @media (prefers-color-scheme: dark) {
      rect { fill: #161b22; stroke: #30363d }
      text { fill: #e6edf3 }
      .typed { fill: #58a6ff }
    }
  </style>
  <rect x="1" y="1" width="%[3]d" height="%[4]d" rx="8"/>
`, int(columns*width)+2*margin, len(lines)*height+2*margin, int(columns*width)+2*margin-2, len(lines)*height+2*margin-2)
	for i, line := range lines {
		if line == "" {
			continue
		}
		class := ""
		if strings.HasPrefix(line, "$ ") {
			class = ` class="typed"`
		}
		// The fixed length keeps columns aligned in any font.
		fmt.Fprintf(&b, `  <text xml:space="preserve" x="%d" y="%d" textLength="%.0f"%s>`,
			margin, margin+(i+1)*height-5, width*float64(utf8.RuneCountInString(line)), class)
		xml.EscapeText(&b, []byte(line))
		b.WriteString("</text>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

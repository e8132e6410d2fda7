package envfile

import "strings"

// A PEM block begins with pemBegin and ends with pemEnd.
const pemBegin, pemEnd = "-----BEGIN ", "-----END "

// assign reads the value of a variable. text is its first line.
func (p *parser) assign(name, text string) {
	if first := p.setIn[name]; first > 0 {
		p.warn("sets the variable of line %d again, and replaces its value", first)
	}
	p.setIn[name] = p.line
	value := strings.TrimLeft(text, blanks)
	if value != "" && value != text {
		p.warn("docker keeps the blank after =, and a shell takes what follows for a command; " +
			"here it is not part of the value")
	}
	switch {
	case value != "" && strings.ContainsRune(`"'`, rune(value[0])):
		p.env[name] = p.quoted(value[0], value[1:])
	case strings.Contains(value, pemBegin) && !strings.Contains(value, pemEnd):
		p.fail("begins PEM without quotes: put quotes around all of its lines, or set the variable with _FILE to a path")
		for line := ""; p.rest != "" && !strings.Contains(line, pemEnd); p.line++ {
			line = p.next()
		}
	default:
		p.env[name] = p.unquoted(text)
	}
}

// unquoted reads a value without quotes, which ends with its line.
func (p *parser) unquoted(text string) string {
	value := strings.Trim(text, blanks)
	if !strings.HasSuffix(text, value) || value == "" && text != "" {
		p.warn("docker keeps the blank at the end of the line; here it is not part of the value")
	}
	if strings.TrimSpace(value) != value {
		p.warn("Compose drops white space of any kind at the ends of a value; here it is part of the value")
	}
	if strings.Contains(value, " #") {
		p.warn("Compose and a shell take # after a blank for a comment; here it is part of the value")
	} else if strings.ContainsAny(value, blanks) {
		p.warn("a shell ends a value without quotes at the blank")
	}
	if strings.Contains(value, "$") {
		p.warn("Compose and a shell replace $ and a name by a value; here it is part of the value")
	}
	if strings.Contains(value, `\`) {
		p.warn(`systemd and a shell drop a \ outside quotes; here it is part of the value`)
	}
	if strings.ContainsAny(value, "\"'`;&|<>()") || strings.HasPrefix(value, "~") || strings.Contains(value, ":~") {
		p.warn("a shell reads a value with any of \" ' ` ; & | < > ( ) ~ differently, unless it is in quotes")
	}
	return value
}

// quoted reads a value in quotes. text is what follows the first quote in its line.
func (p *parser) quoted(quote byte, text string) string {
	if end := closing(quote, text); end >= 0 {
		p.warn("docker keeps the quotes around a value")
		return p.content(quote, text[:end], text[end+1:])
	}
	end := closing(quote, p.rest)
	if end < 0 {
		p.fail("begins a value with %c, and no other %c ends it", quote, quote)
		p.rest = ""
		return ""
	}
	p.warn("docker keeps the quotes around a value, and takes each of its lines for another variable")
	text += "\n" + p.rest[:end]
	p.rest = p.rest[end+1:]
	value := p.content(quote, text, p.next())
	p.line += strings.Count(text, "\n")
	return value
}

// content returns the value of text, which was between quotes. after is what follows the last
// quote in its line.
func (p *parser) content(quote byte, text, after string) string {
	if strings.Trim(after, blanks) != "" {
		p.fail("has more after the quote that ends the value: remove it, or put all of the value in quotes")
	}
	return p.unescaped(quote, text)
}

// closing returns the index of the quote that ends text, or -1.
func closing(quote byte, text string) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == quote:
			return i
		case quote == '"' && text[i] == '\\':
			i++ // the next byte is part of the value
		}
	}
	return -1
}

const (
	escaped        = "\"\\$`"     // what a backslash escapes in double quotes, in a shell and systemd
	composeEscapes = "abcfnrtv0`" // what Compose reads differently after a backslash
)

// unescaped returns what text means. text was between quotes.
func (p *parser) unescaped(quote byte, text string) string {
	if quote == '\'' {
		if strings.HasSuffix(text, `\`) {
			p.warn(`Compose does not end a value at a quote after \`)
		}
		return text
	}
	var value strings.Builder
	for i := 0; i < len(text); i++ {
		next := byte(0)
		if i+1 < len(text) {
			next = text[i+1]
		}
		switch {
		case text[i] == '\\' && next == '\n':
			p.warn(`systemd and a shell join the line that ends with \ and the next; here both are part of the value`)
		case text[i] == '\\' && next != 0 && strings.IndexByte(composeEscapes, next) >= 0:
			p.warn(`Compose reads \%c in double quotes otherwise`, next)
		case text[i] == '$':
			p.warn("Compose and a shell replace $ and a name by a value; here it is part of the value")
		case text[i] == '`':
			p.warn("a shell runs what is between ` and `; here it is part of the value")
		}
		if text[i] == '\\' && next != 0 && strings.IndexByte(escaped, next) >= 0 {
			i++
		}
		value.WriteByte(text[i])
	}
	return value.String()
}

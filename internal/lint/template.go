package lint

import (
	"errors"
	"slices"
	"time"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/pemtext"
	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// ofTemplate checks the template in a folder of code, and returns it if it could be read at
// all.
func ofTemplate(dir chaincode.Dir, fabric int, now time.Time) ([]finding.Finding, *template.Template) {
	name, err := chaincode.TemplateFile(dir)
	if err != nil {
		return []finding.Finding{finding.New(finding.NoTemplate, "", "%s", err)}, nil
	}
	data, err := safefile.Read(dir, name, render.MaxSource)
	if err != nil {
		return []finding.Finding{ofFile(finding.BadDocument, err)}, nil
	}
	return document(name, data, fabric, now)
}

// document checks the template in data.
func document(name string, data []byte, fabric int, now time.Time) ([]finding.Finding, *template.Template) {
	parsed, err := template.Parse(name, data)
	c := checker{file: name, now: now, fabric: fabric, template: parsed}
	if parsed != nil {
		c.fields, c.variables = parsed.Fields(), parsed.Variables()
	}
	inField := slices.ContainsFunc(c.fields, func(f template.Field) bool { return f.HoldsPrivateKey })
	switch holdsKey := pemtext.TextHoldsKey(string(data)); {
	case holdsKey && !inField:
		c.add(render.Place{File: name}, keyFound("", "holds a private key"))
	case !holdsKey && !inField:
		c.text = newText(string(data))
	}
	for _, err := range message.Errors(err) {
		c.parseError(err)
	}
	c.check()
	slices.SortStableFunc(c.found, func(a, b placed) int { return a.place.Compare(b.place) })
	all := make([]finding.Finding, len(c.found))
	for i, f := range c.found {
		all[i] = f.Finding
	}
	return all, parsed
}

// checker checks one template.
type checker struct {
	file      string
	text      text // nil if the document holds a private key
	now       time.Time
	fabric    int
	template  *template.Template
	fields    []template.Field
	variables []template.Variable
	found     []placed
}

// placed is a finding with its place in the document.
type placed struct {
	finding.Finding
	place render.Place
}

func (c *checker) add(place render.Place, f finding.Finding) {
	f.Place, f.Excerpt = place.String(), c.text.excerpt(place)
	c.found = append(c.found, placed{f, place})
}

// parseError adds the errors of the template's parser.
func (c *checker) parseError(err error) {
	var at *render.Error
	if !errors.As(err, &at) {
		c.add(render.Place{}, finding.New(finding.BadDocument, "", "%s", err))
		return
	}
	code := map[render.Kind]finding.Code{
		render.OfValue:     finding.UnknownKey,
		render.OfDocument:  finding.BadDocument,
		render.OfDuplicate: finding.DuplicateKey,
		render.OfTemplate:  finding.BadTemplate,
		render.OfLanguage:  finding.BadLanguage,
	}[at.Kind]
	c.add(at.Place, finding.New(code, "", "%s", at.Message()))
}

// check checks each key in the document.
func (c *checker) check() {
	for _, f := range c.fields {
		if f.HoldsPrivateKey {
			c.add(c.at(f), keyFound("", f.Name+": holds a private key"))
		}
		switch {
		case f.Default || f.Unused && (f.Literal == "" || isFalse(f)):
		case f.Unused:
			c.unused(f)
		default:
			c.names(f)
			c.tries(f)
			c.same(f)
			c.domain(f)
			if f.Name == "tls_required" && isFalse(f) {
				c.add(c.at(f), finding.New(finding.NoTLS, "",
					"%s: is false: traffic between peer and chaincode can be read and changed on its way", f.Name))
			}
		}
	}
	c.literals()
}

// at returns the place of a key's value.
func (c *checker) at(f template.Field) render.Place {
	return render.Place{File: c.file, Line: f.Line, Column: f.Column}
}

func isFalse(f template.Field) bool { return f.Literal == false || f.Literal == "false" }

func (c *checker) field(name string) template.Field {
	return c.fields[slices.IndexFunc(c.fields, func(f template.Field) bool { return f.Name == name })]
}

// reads reports whether a key reads the variable or, if variable is empty, any variable.
func (c *checker) reads(variable, key string) bool {
	return slices.ContainsFunc(c.variables, func(v template.Variable) bool {
		return (v.Name == variable || variable == "") && slices.Contains(v.Fields, key)
	})
}

// unused reports why the peer never reads a key.
func (c *checker) unused(f template.Field) {
	decides := "client_auth_required"
	if isFalse(c.field("tls_required")) {
		decides = "tls_required"
	}
	c.add(c.at(f), finding.New(finding.UnusedKey, "", "%s: is never used: %s is false", f.Name, decides).
		WithHint("leave it out, or set %s to true", decides))
}

// names looks for misspelt names of settings.
func (c *checker) names(f template.Field) {
	for _, read := range f.Reads {
		if read.Kind != template.OfJSON {
			continue
		}
		name := read.Name
		if meant := environ.DidYouMean(name); meant != "" {
			c.add(c.at(f), finding.New(finding.UnknownName, "",
				"%s: .%s is not a setting, so only a key in %s can supply it%s", f.Name, name, environ.LegacyVariable, meant))
		}
	}
}

// tries checks whether a value that variables are likely to have makes a key valid: a name, a
// port, an address, a duration or a boolean.
func (c *checker) tries(f template.Field) {
	err := c.template.Try(f.Name, []string{"x", "1", "x:1", "3s", "true"}, func(v any) error { return right(f.Name, v) })
	if err == nil {
		return
	}
	place, message := c.at(f), f.Name+": "+err.Error()
	if placed := (*render.Error)(nil); errors.As(err, &placed) {
		place, message = placed.Place, placed.Message()
	}
	c.add(place, finding.New(finding.NoGoodValue, "", "%s, with every value that was tried", message))
}

// right returns what is wrong with a made-up value of a key. It accepts any certificate, since
// certificates cannot be made up.
func right(key string, v any) error {
	if _, secret := v.(environ.Secret); secret {
		if key != "client_key" {
			return errors.New("holds a private key, which only client_key may")
		}
		return nil
	}
	var known connection.Connection
	if err := known.Set(key, v); err != nil || key == "root_cert" || key == "client_cert" || key == "client_key" {
		return err
	}
	for _, err := range message.Errors(known.Validate()) {
		var failure *connection.Failure
		if errors.As(err, &failure) && failure.Key == key {
			return failure.Reason
		}
	}
	return nil
}

// same looks for keys whose value is the same on every peer, although it should not be.
func (c *checker) same(f template.Field) {
	switch {
	case c.reads("", f.Name) || !f.Readable || f.Err != nil || f.Literal == "":
	case f.Name == "address":
		c.add(c.at(f), finding.New(finding.SameAddress, "", "%s: reads no variable, so it is the same on every peer", f.Name).
			WithHint(`make it from the peer's ID, as in "{{ .Peer.ID }}.example.com:9999", `+
				"or leave the key out and set %s", f.Setting))
	case f.Name == "root_cert" || f.Name == "client_cert":
		c.add(c.at(f), finding.New(finding.SameCertificate, "",
			"%s: is in the package, so it is the same on every peer, and a new one needs a new package", f.Name).
			WithHint("leave the key out and set %s_FILE", f.Setting))
	}
}

// domain checks whether the peer will read domain.
func (c *checker) domain(f template.Field) {
	auth := c.field("client_auth_required")
	switch {
	case f.Name != "domain" || f.Literal == "":
		return
	case isFalse(auth):
		c.add(c.at(f), finding.New(finding.DomainNoAuth, "",
			"domain: the peer ignores it because client_auth_required is false"))
	case auth.Default && !c.reads(auth.Setting, f.Name):
		c.add(c.at(f), finding.New(finding.DomainNoAuth, "",
			"domain: the peer ignores it unless %s is true on each peer", auth.Setting))
	}
	if c.fabric != 0 && c.fabric < 3 {
		c.add(c.at(f), finding.New(finding.DomainOldFabric, "",
			"domain: peers before v3 ignore it, "+
				"so the host of the address must be a name in the server's certificate"))
	}
}

// literals checks the values that are the same on every peer by the rules for a connection.
func (c *checker) literals() {
	var known connection.Connection
	checked := map[string]template.Field{}
	decided := map[string]bool{}
	for _, f := range c.fields {
		if placed := (*render.Error)(nil); errors.As(f.Err, &placed) {
			c.add(placed.Place, finding.New(finding.BadLiteral, "", "%s", placed.Message()))
		}
		decided[f.Name] = f.Literal != nil
		if f.Unused || f.Literal == nil {
			continue
		}
		if err := known.Set(f.Name, f.Literal); err != nil {
			c.add(c.at(f), finding.New(finding.BadLiteral, "", "%s: %s", f.Name, err))
			continue
		}
		checked[f.Name] = f
	}
	// A variable that decides may be true on some peers.
	if !decided["tls_required"] {
		known.TLSRequired = known.RootCert != "" || known.ClientCert != ""
	}
	if !decided["client_auth_required"] {
		known.ClientAuthRequired = known.ClientCert != ""
	}
	for _, err := range message.Errors(known.Validate()) {
		var failure *connection.Failure
		if errors.As(err, &failure) && checked[failure.Key].Name != "" {
			c.add(c.at(checked[failure.Key]), finding.New(finding.BadLiteral, "", "%s", failure))
		}
	}
	for _, failure := range known.Warnings(c.now) {
		f, ok := checked[failure.Key]
		if !ok || f.Name == "domain" {
			continue
		}
		code := finding.DoubtfulLiteral
		if errors.As(failure, new(*connection.DateFault)) {
			code = finding.ExpiredLiteral
		}
		c.add(c.at(f), finding.New(code, "", "%s", failure))
	}
}

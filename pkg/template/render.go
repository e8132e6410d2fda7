package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ccaas-template-builder/internal/jsonvalue"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
)

// relevant reports whether the peer reads a key, given the values of tls_required and
// client_auth_required.
func relevant(key string, tls, clientAuth bool) bool {
	switch key {
	case "client_auth_required", "domain", "root_cert":
		return tls
	case "client_cert", "client_key":
		return tls && clientAuth
	}
	return true
}

// order returns the keys in the order in which they are rendered: first the keys that decide
// whether others are read.
func order() []string {
	first := []string{"tls_required", "client_auth_required"}
	rest := slices.DeleteFunc(connection.Keys(), func(key string) bool { return slices.Contains(first, key) })
	return append(first, rest...)
}

// Rendered is the result of rendering a template for one peer.
type Rendered struct {
	Connection connection.Connection
	// Warnings are what is probably a mistake, but no reason to fail. None contains a value.
	Warnings []error
	// Sources lists the variables that each key was made from.
	Sources map[string][]string
}

// Render renders the template for one peer and checks the result as of the time now. The error
// joins everything that is wrong. It contains no value.
func (t *Template) Render(env *environ.Environment, metadata chaincode.Metadata, now time.Time) (Rendered, error) {
	r := rendering{template: t, env: env, values: valuesOf(env, metadata), sources: map[string][]string{}}
	r.misnamed = sync.OnceValue(func() map[string]string { return env.Misnamed(t.names()) })
	for _, key := range order() {
		if relevant(key, r.connection.TLSRequired, r.connection.ClientAuthRequired) {
			r.render(key)
		}
	}
	r.validate()
	if err := errors.Join(r.errs...); err != nil {
		return Rendered{}, err
	}
	warnings := r.warnings(now)
	r.connection.Canonicalize()
	return Rendered{r.connection, warnings, r.sources}, nil
}

// valuesOf combines the values that the package supplies with those that the operator
// supplies.
func valuesOf(env *environ.Environment, metadata chaincode.Metadata) render.Values {
	root := env.Root()
	if _, ok := root["Chaincode"]; !ok {
		root["Chaincode"] = environ.Group{
			"Label": variableOf("label", metadata.Label),
			"Type":  variableOf("type", metadata.Type),
			"Path":  {Name: "path in " + chaincode.MetadataFile, Value: metadata.Path},
			"Extra": {
				Name:  "extra in " + chaincode.MetadataFile,
				Value: jsonvalue.Numbers(metadata.Extra),
				Why:   "there is no extra in " + chaincode.MetadataFile,
			},
		}
	}
	return render.Values{Root: root, Unknown: env.Unknown, Env: env.Lookup, EnvFile: env.ReadFile}
}

// variableOf returns a key of metadata.json as a variable. An empty text counts as not set.
func variableOf(key, text string) environ.Var {
	v := environ.Var{
		Name: key + " in " + chaincode.MetadataFile,
		Why:  "there is no " + key + " in " + chaincode.MetadataFile,
		Hint: "set it with --" + key,
	}
	if text != "" {
		v.Value = text
	}
	return v
}

// rendering is the state of one call of Render.
type rendering struct {
	template   *Template
	env        *environ.Environment
	values     render.Values
	misnamed   func() map[string]string // what Environment.Misnamed returns
	connection connection.Connection
	sources    map[string][]string // for each key, the variables that its value was made from
	failed     []string            // the keys that could not be rendered
	errs       []error
}

func (r *rendering) render(key string) {
	result, err := r.template.member(key).Render(r.values)
	err = r.template.withoutText(err)
	r.sources[key] = result.Variables
	if err == nil {
		err = r.set(key, result.Value)
	}
	if err != nil {
		r.failed = append(r.failed, key)
		r.fail(key, err)
	}
}

// validate checks the connection and records the errors, except those of keys that could not
// be rendered.
func (r *rendering) validate() {
	for _, err := range message.Errors(r.connection.Validate()) {
		var failure *connection.Failure
		if errors.As(err, &failure) && !slices.Contains(r.failed, failure.Key) {
			r.fail(failure.Key, r.wrong(failure.Key, failure.Reason))
		}
	}
	if r.env.RequireTLS() && !r.connection.TLSRequired && !slices.Contains(r.failed, "tls_required") {
		err := errors.New("is false, but " + environ.RequireTLSVariable + " allows no connection without TLS")
		r.fail("tls_required", r.place("tls_required", err))
	}
}

// place adds to err the place of the key and the variables that its value was made from.
func (r *rendering) place(key string, err error) error {
	if from := r.sources[key]; len(from) > 0 {
		err = fmt.Errorf("%w (from %s)", err, strings.Join(from, ", "))
	}
	return r.template.errorAt(key, err)
}

// wrong returns err as place does, for a value that the key cannot have. If the template has
// text around the variable, the error quotes that text, which helps more than the result.
func (r *rendering) wrong(key string, err error) error {
	for _, name := range r.sources[key] {
		if around := r.env.Around(name); around != nil {
			return r.template.errorAt(key, around)
		}
	}
	return r.place(key, err)
}

// Placed returns err, the error of environ.Load, with the place of the key that reads the
// variable added to each joined error that is about a setting. t may be nil.
func (t *Template) Placed(err error) error {
	if t == nil {
		return err
	}
	return message.Each(err, func(err error) error {
		var about *environ.VariableError
		if !errors.As(err, &about) {
			return err
		}
		for _, key := range connection.Keys() {
			reads := func(r Read) bool { return r == Read{OfEnvironment, about.Variable} }
			if slices.ContainsFunc(readsOf(t.member(key)), reads) {
				return t.errorAt(key, err)
			}
		}
		return err
	})
}

// fail records each error that err joins, with a hint for the operator.
func (r *rendering) fail(key string, err error) {
	for _, err := range message.Errors(err) {
		var missing *render.NotSetError
		isMissing := errors.As(err, &missing)
		if placed := (*render.Error)(nil); r.template.isDefault(key) && errors.As(err, &placed) {
			err = r.template.errorAt(key, placed.Err) // the user cannot see our defaults, so a place in them is no help
		}
		if isMissing && missing.Message == "" {
			err = r.notSet(key, err, missing.Var)
		}
		r.errs = append(r.errs, err)
	}
}

// notSet adds to the error about a variable that is not set what the operator can do about it.
func (r *rendering) notSet(key string, err error, v environ.Var) error {
	for _, meant := range []string{v.Name, v.Name + "_FILE"} {
		if set := r.misnamed()[meant]; set != "" {
			return fmt.Errorf("%w, but %s is: rename it to %s", err, set, meant)
		}
	}
	if key == "root_cert" && r.template.isDefault(key) && r.template.isDefault("tls_required") {
		err = fmt.Errorf("%w, and the template has no tls_required, "+
			"so TLS is on unless CORE_CHAINCODE_TLS_REQUIRED is false", err)
	}
	return message.WithHint(err, v.Hint)
}

// isDefault reports whether the document lacks a key, so that its value comes from its
// setting.
func (t *Template) isDefault(key string) bool { return t.document.Member(key) == nil }

// errorAt returns err at the place of the key, or at the file if the file lacks the key.
func (t *Template) errorAt(key string, err error) error {
	if m := t.document.Member(key); m != nil {
		return m.Error(err)
	}
	return &render.Error{Place: render.Place{File: t.file}, Field: key, Err: err}
}

// warnings returns the warnings about the connection and about how it was rendered.
func (r *rendering) warnings(now time.Time) []error {
	var warnings []error
	for _, failure := range r.connection.Warnings(now) {
		warnings = append(warnings, r.place(failure.Key, failure.Reason))
	}
	for _, m := range r.template.document.Members {
		if holdsPrivateKey(m) {
			err := errors.New("is in the package itself: everyone who has the package has this private key")
			warnings = append(warnings, m.Error(err))
		}
	}
	if !r.connection.TLSRequired && (r.certificatesGiven() || r.tlsAskedFor()) {
		err := errors.New("is false, so the connection has no TLS, " +
			"although TLS is requested or certificates are given")
		warnings = append(warnings, r.place("tls_required", err))
	}
	return append(warnings, r.env.Unread(r.template.names())...)
}

// tlsAskedFor reports whether the operator has set the variable that turns TLS on. A template
// may still turn it off.
func (r *rendering) tlsAskedFor() bool {
	asked, err := r.env.Lookup(environ.Fields()["TLSRequired"].Variable)
	return err == nil && asked.Value != nil && r.values.Root["TLSRequired"].(environ.Var).Value == true
}

// certificatesGiven reports whether the package or the operator supplies any
// certificate or key.
func (r *rendering) certificatesGiven() bool {
	for _, key := range []string{"root_cert", "client_cert", "client_key"} {
		if m := r.template.document.Member(key); m != nil {
			if literal, ok := m.Literal(); !ok || literal != "" {
				return true
			}
		}
	}
	for _, name := range []string{"RootCert", "ClientCert", "ClientKey"} {
		if v, ok := r.values.Root[name].(environ.Var); ok && v.Value != nil {
			return true
		}
	}
	return false
}

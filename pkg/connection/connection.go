// Package connection implements connection.json, the file that a peer reads to dial a
// chaincode server: its type ([Connection]), its rules ([Connection.Validate]), and its
// encoding ([Connection.Encode], [Decode]).
package connection

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"

	"ccaas-template-builder/internal/nearest"
	"ccaas-template-builder/internal/pemtext"
)

// Connection is the content of a connection.json. It has the same keys as
// ChaincodeServerUserData in Fabric's core/container/externalbuilder.
type Connection struct {
	// Address is the address of the chaincode server, HOST:PORT.
	Address string `json:"address" validate:"address"`
	// Domain is the name for which the server certificate must be valid, if it is not the host
	// of Address. Peers before v3 ignore it, and so do all peers without ClientAuthRequired.
	Domain string `json:"domain,omitempty" validate:"omitempty,host"`
	// DialTimeout is a Go duration such as 3s.
	DialTimeout string `json:"dial_timeout" validate:"dial_timeout"`
	TLSRequired bool   `json:"tls_required"`
	// ClientAuthRequired makes the peer send a client certificate.
	ClientAuthRequired bool `json:"client_auth_required"`
	// RootCert holds the CA certificates of the chaincode server, in PEM.
	RootCert string `json:"root_cert,omitempty" validate:"required_if=TLSRequired true,omitempty,certificates"`
	// ClientCert and ClientKey are the peer's client certificate and private key, in PEM.
	ClientCert string `json:"client_cert,omitempty" validate:"required_if=ClientAuthRequired true,omitempty,certificates"`
	ClientKey  string `json:"client_key,omitempty" validate:"required_if=ClientAuthRequired true,omitempty,private_key"`
}

// Failure is an error about one key of a connection. Reason contains no values.
type Failure struct {
	Key    string
	Reason error
}

func (f *Failure) Error() string { return f.Key + ": " + f.Reason.Error() }
func (f *Failure) Unwrap() error { return f.Reason }

func fail(key, format string, args ...any) error {
	return &Failure{key, fmt.Errorf(format, args...)}
}

// Keys returns the keys of a connection.json, in the order of Encode.
func Keys() []string {
	t := reflect.TypeFor[Connection]()
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = keyOf(t.Field(i))
	}
	return keys
}

// CheckKey rejects a key that the peer would ignore or mistake for another: the peer matches
// keys in any case and ignores unknown keys.
func CheckKey(key string) error {
	keys := Keys()
	for _, known := range keys {
		if key == known {
			return nil
		}
	}
	if meant := nearest.DidYouMean(key, "", keys); meant != "" {
		return fmt.Errorf("the peer does not know this key%s", meant)
	}
	return fmt.Errorf("the peer does not know this key; it knows %s", strings.Join(keys, ", "))
}

// Set sets the value of key, which must be one of Keys. If the peer expects a bool, v must be
// a bool or the string "true" or "false"; otherwise it must be a string.
func (c *Connection) Set(key string, v any) error {
	field := c.field(key)
	if field.Kind() == reflect.Bool {
		switch v {
		case true, "true":
			field.SetBool(true)
		case false, "false":
			field.SetBool(false)
		default:
			return errors.New("must be true or false")
		}
		return nil
	}
	text, ok := v.(string)
	switch {
	case ok:
		field.SetString(text)
		return nil
	case key == "dial_timeout":
		return errors.New(`must be a duration in quotes such as "10s": the peer reads a number as nanoseconds`)
	}
	return errors.New("must be a string")
}

// Value returns the value of a key, which must be one of Keys: a string or a bool.
func (c Connection) Value(key string) any { return c.field(key).Interface() }

func (c *Connection) field(key string) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if keyOf(v.Type().Field(i)) == key {
			return v.Field(i)
		}
	}
	panic("no key of a connection: " + key)
}

// Encode returns c as JSON for the peer. The same c gives the same bytes: keys in fixed order,
// indented by two spaces, with a newline at the end. It omits empty optional keys.
func (c Connection) Encode() []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(c); err != nil {
		panic(err) // strings and bools always encode
	}
	return b.Bytes()
}

// Decode reads a connection.json as the peer does, but rejects what the peer would ignore or
// fail on later: unknown keys, keys in another case, duplicate keys, null, numbers, strings
// for booleans, and trailing data. It does not call Validate.
func Decode(data []byte) (Connection, error) {
	var c Connection
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return c, errors.New("is not a JSON object")
	}
	seen := map[string]bool{}
	var errs []error
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return c, errors.New("is not valid JSON")
		}
		var v any
		if err := decoder.Decode(&v); err != nil {
			return c, errors.New("is not valid JSON")
		}
		errs = append(errs, c.decode(key.(string), v, seen))
	}
	if _, err := decoder.Token(); err != nil {
		return c, errors.New("is not valid JSON")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return c, errors.New("has trailing data after the JSON object")
	}
	return c, errors.Join(errs...)
}

func (c *Connection) decode(key string, v any, seen map[string]bool) error {
	if err := CheckKey(key); err != nil {
		return fail(fmt.Sprintf("%q", key), "%w", err)
	}
	if seen[key] {
		return fail(key, "appears twice")
	}
	seen[key] = true
	if _, isText := v.(string); isText && c.field(key).Kind() == reflect.Bool {
		return fail(key, "is a string, which the peer rejects: write true or false without quotes")
	}
	if err := c.Set(key, v); err != nil {
		return fail(key, "%w", err)
	}
	return nil
}

// Canonicalize removes the text around the PEM blocks of a valid connection, and the PEM
// headers of its certificates.
func (c *Connection) Canonicalize() {
	for _, field := range []*string{&c.RootCert, &c.ClientCert, &c.ClientKey} {
		if canonical, err := pemtext.Canonical(*field); err == nil {
			*field = canonical
		}
	}
}

// ServerName returns the name for which the server certificate must be valid: Domain, if it
// and ClientAuthRequired are set, or else Host.
func (c Connection) ServerName() string {
	if c.ClientAuthRequired && c.Domain != "" {
		return c.Domain
	}
	return c.Host()
}

// Host returns the host of Address. To peers before v3, it is always the name for which the
// server certificate must be valid.
func (c Connection) Host() string {
	host, _, _ := net.SplitHostPort(c.Address)
	return host
}

// Redacted returns c without its private key.
func (c Connection) Redacted() Connection {
	if c.ClientKey != "" {
		c.ClientKey = "(hidden)"
	}
	return c
}

// Package value holds the types that stand between the environment, which
// supplies values, and the template language, which works on them.
//
// A value is a string, bool, int64, float64, Secret, []any or map[string]any.
package value

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// Secret stands for a private key wherever a value may stand. It is only a
// number by which the environment finds the key again: whoever holds a Secret
// holds nothing of the key, neither its bytes nor its length.
type Secret int

// Var is a value with the name it was found under, for errors that must name
// the variable and never its value.
type Var struct {
	Name  string // as people know it, e.g. CORE_CHAINCODE_ADDRESS
	Value any    // nil: not set
	Why   string // what to say when it is not set; empty: "NAME is not set"
	Hint  string // what to do when it is not set, if there is something to say
}

// Group is a named set of variables, such as .Peer: only its members are values.
type Group map[string]Var

// DecodeJSON decodes data, one JSON value and nothing behind it, into target.
// Numbers in it stay json.Number where target has any; see FromJSON.
func DecodeJSON(data []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// FromJSON turns the numbers of v, as DecodeJSON leaves them, into int64 where
// they are whole and float64 where they are not. It changes maps and lists in place.
func FromJSON(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		for key, element := range v {
			v[key] = FromJSON(element)
		}
	case []any:
		for i, element := range v {
			v[i] = FromJSON(element)
		}
	}
	return v
}

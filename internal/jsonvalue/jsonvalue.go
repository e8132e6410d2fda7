// Package jsonvalue decodes JSON to values that templates can use.
package jsonvalue

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// Decode decodes data into target. data must be one JSON value with nothing after it. Numbers
// become json.Number where target has an interface type; see Numbers.
func Decode(data []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("there is trailing data after the JSON value")
	}
	return nil
}

// Numbers converts the numbers in v, as Decode leaves them, to int64 if they are integers,
// otherwise to float64. It changes maps and lists in place.
func Numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		for key, element := range v {
			v[key] = Numbers(element)
		}
	case []any:
		for i, element := range v {
			v[i] = Numbers(element)
		}
	}
	return v
}

package environ

import (
	"fmt"
	"strings"

	"ccaas-template-builder/internal/jsonvalue"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/pemtext"
)

// LegacyVariable holds a JSON object whose keys are at the root of a template, as in Fabric's own
// ccaas_builder.
const LegacyVariable = "CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG"

// legacy is the content of LegacyVariable.
type legacy struct {
	set    bool
	secret bool // it contains a private key, or part of one
	keys   map[string]any
}

func (e *Environment) loadLegacy() (legacy, error) {
	text, err := e.layers.lookup(e.read, LegacyVariable)
	if err != nil || text == "" {
		return legacy{}, err
	}
	if quotesEaten(text) {
		err := fmt.Errorf("%s has no quotes around its keys: a shell has probably removed them", LegacyVariable)
		return legacy{}, message.WithHint(err,
			`quote the whole value for the shell: `+LegacyVariable+`='{"peername":"peer0"}'`)
	}
	if strings.HasPrefix(text, `'`) || strings.HasPrefix(text, `"`) {
		return legacy{}, fmt.Errorf("%s begins with a quote: the quotes around it have become part of its value",
			LegacyVariable)
	}
	var keys map[string]any
	if jsonvalue.Decode([]byte(text), &keys) != nil || keys == nil {
		return legacy{}, fmt.Errorf("%s is not a JSON object", LegacyVariable)
	}
	l := legacy{set: true, keys: keys}
	before := len(e.keys)
	jsonvalue.Numbers(keys)
	fragment := false
	e.hideKeys(keys, &fragment)
	if fragment { // other values may contain the rest of the key
		for key := range keys {
			keys[key] = e.secret("")
		}
	}
	l.secret = len(e.keys) > before
	return l, nil
}

// quotesEaten reports whether text looks like a JSON object whose quotes have been removed.
func quotesEaten(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "{") && strings.Contains(text, ":") && !strings.Contains(text, `"`)
}

// hideKeys replaces each string in a decoded JSON value by what a template may have. It sets
// fragment if a string is only part of a private key, or if the key of an object contains one.
func (e *Environment) hideKeys(v any, fragment *bool) any {
	switch v := v.(type) {
	case string:
		hidden := e.value(v, false)
		if secret, ok := hidden.(Secret); ok && !pemtext.IsWholeKey(e.Key(secret)) {
			*fragment = true
		}
		return hidden
	case map[string]any:
		for key, element := range v {
			*fragment = *fragment || pemtext.HoldsKey(key)
			v[key] = e.hideKeys(element, fragment)
		}
	case []any:
		for i, element := range v {
			v[i] = e.hideKeys(element, fragment)
		}
	}
	return v
}

// root returns the keys as variables at the root of a template.
func (l legacy) root() map[string]any {
	root := make(map[string]any, len(l.keys))
	for key, v := range l.keys {
		root[key] = Var{Name: LegacyVariable, Value: v, Why: fmt.Sprintf("%s has null for .%s", LegacyVariable, key)}
	}
	return root
}

package template

import (
	"errors"
	"slices"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/pemtext"
	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
)

// set sets the value of a key. Nothing else takes a private key out of the environment.
func (r *rendering) set(key string, v any) error {
	if secret, ok := v.(environ.Secret); ok {
		if key != "client_key" {
			return r.place(key, errors.New("holds a private key, which only client_key may"))
		}
		v = r.env.Key(secret)
	} else if _, literal := r.template.member(key).Literal(); key == "client_key" && !literal {
		return r.place(key, errors.New("must be exactly one private key, from one variable or file"))
	}
	if err := r.connection.Set(key, v); err != nil {
		return r.wrong(key, err)
	}
	return nil
}

// withoutText returns err without any text that may quote the document, if the document
// contains a private key. The name of a variable that is not set stays.
func (t *Template) withoutText(err error) error {
	if err == nil || !pemtext.TextHoldsKey(t.source) {
		return err
	}
	return message.Each(err, func(err error) error {
		var placed *render.Error
		var notSet *render.NotSetError
		if !errors.As(err, &placed) || errors.As(err, &notSet) && notSet.Message == "" {
			return err
		}
		hidden := *placed
		if !slices.Contains(connection.Keys(), hidden.Field) {
			hidden.Field = ""
		}
		hidden.Err = errors.New("is wrong, but not shown because the document holds a private key")
		return &hidden
	})
}

// holdsPrivateKey reports whether the source of a member contains a private key, as its value
// or in an action. Any literal value of client_key counts as one.
func holdsPrivateKey(m *render.Member) bool {
	literal, _ := m.Literal()
	text, _ := literal.(string)
	return text != "" && m.Key == "client_key" || pemtext.TextHoldsKey(m.Source())
}

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

// set gives a key its value. This is the only place where a private key leaves
// the environment.
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

// withoutText is err without text that may quote the document, if the document
// holds a private key. The name of a variable that is not set is kept.
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

// holdsPrivateKey reports whether a private key is in the source of a member, as
// its value or in an action. Any literal value of client_key counts as one.
func holdsPrivateKey(m *render.Member) bool {
	literal, _ := m.Literal()
	text, _ := literal.(string)
	return text != "" && m.Key == "client_key" || pemtext.TextHoldsKey(m.Source())
}

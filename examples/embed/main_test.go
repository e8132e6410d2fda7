package main

import (
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	document := []byte(`{"address": "{{ .Env.HOST }}:9999", "tls_required": false}`)
	c, err := render(document, "basic", map[string]string{"HOST": "cc"})
	if err != nil || c.Address != "cc:9999" || c.TLSRequired {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := render(document, "basic", nil); err == nil || !strings.Contains(err.Error(), "HOST is not set") {
		t.Errorf("without a value: %v", err)
	}
}

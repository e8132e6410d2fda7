package template

// defaults holds the templates of the keys that a document lacks: their settings.
const defaults = `{
  "address": "{{ .Address }}",
  "domain": "{{ .Domain | default "" }}",
  "dial_timeout": "{{ .DialTimeout }}",
  "tls_required": {{ .TLSRequired }},
  "client_auth_required": {{ .ClientAuthRequired }},
  "root_cert": "{{ .RootCert }}",
  "client_cert": "{{ .ClientCert }}",
  "client_key": "{{ .ClientKey }}"
}`

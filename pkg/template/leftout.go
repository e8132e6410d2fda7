package template

// defaults is the document that supplies the keys that a package's document leaves out. Each
// takes its value from a setting.
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

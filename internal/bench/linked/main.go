// Command linked does nothing: it links the libraries that build is made with, and
// so takes what build takes before its first line.
package main

import (
	_ "crypto/tls"
	_ "text/template/parse"

	_ "github.com/Masterminds/sprig/v3"
	_ "github.com/go-playground/validator/v10"
	_ "github.com/kelseyhightower/envconfig"
)

func main() {}

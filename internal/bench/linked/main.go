// Command linked does nothing, and links the libraries that build uses: it takes what
// build takes before its first line.
package main

import (
	_ "crypto/tls"
	"os"
	_ "text/template/parse"

	"github.com/Masterminds/sprig/v3"
	"github.com/go-playground/validator/v10"
	"github.com/kelseyhightower/envconfig"
)

func main() {
	if len(os.Args) > 1 { // never, but the linker does not know: otherwise it would leave out what is not called
		validator.New()
		sprig.GenericFuncMap()
		_ = envconfig.Process("", nil)
	}
}

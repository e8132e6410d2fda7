// Command linked does nothing, but links the libraries that build uses: it costs what build costs
// before the first line of its main function.
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
	if len(os.Args) > 1 { // never true, but without these calls the linker would leave the libraries out
		validator.New()
		sprig.GenericFuncMap()
		_ = envconfig.Process("", nil)
	}
}

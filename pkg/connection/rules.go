package connection

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-playground/validator/v10"

	"ccaas-template-builder/internal/pemtext"
)

// MaxDialTimeout is the maximum dial_timeout. The peer dials during an invocation, which ends
// long before that.
const MaxDialTimeout = 5 * time.Minute

// rules holds the checks for our own validate tags of Connection. Their errors contain no
// values.
var rules = map[string]func(string) error{
	"address":      checkAddress,
	"dial_timeout": checkDialTimeout,
	"private_key":  checkPrivateKey,
	"host":         checkHost,
	"certificates": func(text string) error { _, err := certificates(text); return err },
}

// reasons holds the messages for validator's own tags.
var reasons = map[string]string{
	"required_if": "is missing",
}

var validate = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(keyOf)
	for tag, check := range rules {
		valid := func(field validator.FieldLevel) bool { return check(field.Field().String()) == nil }
		if err := v.RegisterValidation(tag, valid, true); err != nil {
			panic(err)
		}
	}
	return v
})

// keyOf returns the JSON key of a field of Connection.
func keyOf(field reflect.StructField) string {
	key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return key
}

// Validate checks c against everything that the peer and gRPC require. Its error joins a
// *Failure for each broken rule.
func (c Connection) Validate() error {
	var failed validator.ValidationErrors
	err := validate().Struct(c)
	if err != nil && !errors.As(err, &failed) {
		return err
	}
	var errs []error
	broken := map[string]bool{}
	for _, f := range failed {
		broken[f.Field()] = true
		if check, ok := rules[f.Tag()]; ok {
			errs = append(errs, fail(f.Field(), "%w", check(f.Value().(string))))
			continue
		}
		reason, why := reasons[f.Tag()], ""
		if condition, _, _ := strings.Cut(f.Param(), " "); condition != "" {
			field, _ := reflect.TypeFor[Connection]().FieldByName(condition)
			why = ": " + keyOf(field) + " is true"
		}
		errs = append(errs, fail(f.Field(), "%s%s", reason, why))
	}
	if c.ClientKey != "" && c.ClientCert != "" && !broken["client_key"] && !broken["client_cert"] {
		if err := checkPair(c.ClientCert, c.ClientKey); err != nil {
			errs = append(errs, fail("client_key", "%w", err))
		}
	}
	return errors.Join(append(errs, c.checkUsages()...)...)
}

func checkAddress(address string) error {
	if strings.Contains(address, "://") {
		return errors.New("must be HOST:PORT without a scheme")
	}
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 || strings.HasSuffix(address, "]") {
		return errors.New("must be HOST:PORT, but has no port")
	}
	host, port := address[:colon], address[colon+1:]
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '0' {
		return errors.New("must be HOST:PORT with a port from 1 to 65535")
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		if ip, err := netip.ParseAddr(host[1 : len(host)-1]); err != nil || !ip.Is6() {
			return errors.New("must have an IPv6 address between [ and ]")
		}
		return nil
	}
	switch {
	case host == "":
		return errors.New("must be HOST:PORT, but has no host")
	case strings.Contains(host, ":"):
		return errors.New("has an IPv6 address without brackets, or more than one port: put an IPv6 address between [ and ]")
	case !isHost(host):
		return errors.New("has an invalid host name: use letters, digits, - and _ in parts separated by dots")
	}
	return nil
}

func checkHost(name string) error {
	if !isHost(name) {
		return errors.New("must be a host name, without scheme or port")
	}
	return nil
}

// isHost reports whether a resolver accepts host as a name. Underscores are valid, because
// names of Compose services may contain them.
func isHost(host string) bool {
	if len(host) > 253 {
		return false
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if part == "" || len(part) > 63 || part[0] == '-' || part[len(part)-1] == '-' {
			return false
		}
		for _, r := range part {
			if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_') {
				return false
			}
		}
	}
	return true
}

func checkDialTimeout(text string) error {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return errors.New("must be a duration such as 3s, 500ms or 1m")
	case d <= 0:
		return errors.New("must be more than 0")
	case d > MaxDialTimeout:
		return fmt.Errorf("must not be more than %s", MaxDialTimeout)
	}
	return nil
}

// certificates parses PEM that holds one or more certificates and no other blocks.
func certificates(text string) ([]*x509.Certificate, error) {
	blocks, err := pemtext.Blocks(text)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for i, block := range blocks {
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("must hold only certificates, but holds another kind of PEM block")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be parsed", i+1)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// checkPrivateKey accepts PEM with exactly one private key, which must not be encrypted.
func checkPrivateKey(text string) error {
	blocks, err := pemtext.Blocks(text)
	if err != nil {
		return err
	}
	keys := 0
	for _, block := range blocks {
		if !strings.HasSuffix(block.Type, pemtext.PrivateKey) {
			continue
		}
		keys++
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return errors.New("is encrypted with a password, which the peer cannot supply: store it decrypted")
		}
		if !pemtext.IsPrivateKey(block.Bytes) {
			return errors.New("cannot be parsed as a private key")
		}
	}
	if keys != 1 {
		return fmt.Errorf("must hold exactly one private key, but holds %d", keys)
	}
	return nil
}

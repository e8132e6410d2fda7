package connection

import (
	"fmt"
	"time"
)

// Warnings lists what the peer accepts but people should know about, at the time
// now.
func (c Connection) Warnings(now time.Time) []*Failure {
	var warnings []*Failure
	warn := func(key, format string, args ...any) {
		warnings = append(warnings, &Failure{key, fmt.Errorf(format, args...)})
	}
	if c.Domain != "" && !c.ClientAuthRequired {
		warn("domain", "the peer ignores it without client_auth_required")
	}
	for key, certs := range c.Certificates() {
		for _, cert := range certs {
			switch {
			case now.After(cert.NotAfter):
				warn(key, "certificate %s expired at %s", Fingerprint(cert), cert.NotAfter.UTC().Format(time.RFC3339))
			case now.Before(cert.NotBefore):
				warn(key, "certificate %s is not valid before %s", Fingerprint(cert), cert.NotBefore.UTC().Format(time.RFC3339))
			}
		}
	}
	return warnings
}

package watch

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

const rules = "../../examples/prometheus/"

// The alerts use only metrics that exist. Every metric that shows a problem by itself has an
// alert.
func TestRulesKnowMetrics(t *testing.T) {
	text, err := os.ReadFile(rules + "rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	watched := map[string]bool{}
	for _, name := range regexp.MustCompile(`\bccaas_\w+`).FindAllString(string(text), -1) {
		watched[name] = true
	}
	descs := make(chan *prometheus.Desc, 100)
	NewStatus(nil).Describe(descs)
	close(descs)
	for desc := range descs {
		_, name, _ := strings.Cut(desc.String(), `fqName: "`)
		name, _, _ = strings.Cut(name, `"`)
		if !watched[name] && desc != refreshes && desc != lastSuccess && desc != hookRuns {
			t.Errorf("no alert looks at %s", name)
		}
		delete(watched, name)
	}
	for name := range watched {
		t.Errorf("there is no metric %s", name)
	}
}

func TestRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("there is no promtool")
	}
	for _, args := range [][]string{{"check", "rules", "rules.yml"}, {"test", "rules", "rules_test.yml"}} {
		check := exec.Command(promtool, args...)
		check.Dir = rules
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

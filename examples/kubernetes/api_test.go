package kubernetes_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ccaas-template-builder/internal/must"
)

// TestAPIServer checks that Kubernetes' own API server accepts every manifest without a warning
// and admits the pods, and that the sidecar may do what it needs and nothing else.
func TestAPIServer(t *testing.T) {
	programs := os.Getenv("KUBERNETES_BIN")
	if programs == "" {
		t.Skip("KUBERNETES_BIN is not set; make kubernetes-api sets it")
	}
	admin := startAPIServer(t, programs)
	admin.installCertManager(t)
	admin.mustKubectl(t, "apply", "-f", "namespace.yaml")
	admin.mustKubectl(t, "create", "serviceaccount", "default") // what a controller does in a cluster
	dir := withRestart(t)

	t.Run("kustomizations", func(t *testing.T) { admin.tryAll(t, dir) })
	t.Run("apply", func(t *testing.T) {
		admin.mustKubectl(t, "apply", "-k", dir)
		versions := func() string {
			return admin.mustKubectl(t, "get", "-k", dir,
				`--output=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}`)
		}
		before := versions()
		admin.mustKubectl(t, "apply", "-k", dir)
		if after := versions(); after != before || strings.Count(after, "\n") < 20 {
			t.Errorf("applied again, it changes something: before\n%safter\n%s", before, after)
		}
	})
	t.Run("pods", admin.createPods)
	t.Run("role", admin.checkRole)
}

// installCertManager installs cert-manager's CustomResourceDefinitions, which are in its Go
// module.
func (u *user) installCertManager(t *testing.T) {
	t.Helper()
	module := must.Get(exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output())(t)
	u.mustKubectl(t, "create", "-f", filepath.Join(strings.TrimSpace(string(module)), "deploy", "crds"))
	u.mustKubectl(t, "wait", "--for=condition=Established", "--timeout=1m", "crd", "--all")
}

// tryAll applies each kustomization on its own in a dry run. A component must be listed in the
// root kustomization.
func (u *user) tryAll(t *testing.T, dir string) {
	root := string(must.Get(os.ReadFile(filepath.Join(dir, "kustomization.yaml")))(t))
	tried := 0
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "kustomization.yaml" {
			return err
		}
		folder := filepath.Dir(path)
		if !strings.Contains(string(must.Get(os.ReadFile(path))(t)), "kind: Component\n") {
			u.mustKubectl(t, "apply", "--namespace=fabric", "--dry-run=server", "-k", folder)
			tried++
		} else if !strings.Contains(root, "\n  - "+filepath.Base(folder)+"\n") {
			t.Errorf("the component %s is not tried", folder)
		}
		return nil
	})
	if err != nil || tried != 5 {
		t.Errorf("tried %d kustomizations, want 5: %v", tried, err)
	}
}

// createPods creates pods from the pod templates, as controllers do. The namespace must admit
// them, and refuse pods that are less confined.
func (u *user) createPods(t *testing.T) {
	objects := restarting(t)
	pods := map[string]corev1.PodTemplateSpec{}
	for _, d := range all[*appsv1.Deployment](objects) {
		pods[d.Name] = d.Spec.Template
	}
	for _, set := range all[*appsv1.StatefulSet](objects) {
		for _, claim := range set.Spec.VolumeClaimTemplates {
			source := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name + "-peer-0"}}
			set.Spec.Template.Spec.Volumes = append(set.Spec.Template.Spec.Volumes, corev1.Volume{Name: claim.Name, VolumeSource: source})
		}
		pods[set.Name+"-0"] = set.Spec.Template
	}
	if len(pods) != 3 {
		t.Errorf("made pods of %d templates, want 3", len(pods))
	}
	for name, template := range pods {
		pod := &corev1.Pod{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "fabric", Labels: template.Labels},
			Spec:       *template.Spec.DeepCopy(),
		}
		if err := u.create(t, pod); err != nil {
			t.Errorf("%s is not admitted: %v", name, err)
		}
		pod.Name += "-as-root"
		pod.Spec.SecurityContext.RunAsNonRoot = nil
		if err := u.create(t, pod); err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
			t.Errorf("%s: %v", pod.Name, err)
		}
	}
}

// checkRole checks what the sidecar may do with a token that is bound to its pod, as the
// kubelet's is.
func (u *user) checkRole(t *testing.T) {
	objects := restarting(t)
	for name, namespace := range map[string]string{"another": "fabric", "basic-peer-0": "other"} {
		d := find[*appsv1.Deployment](t, objects, "basic-peer-0").DeepCopy()
		d.Name, d.Namespace = name, namespace
		if namespace != "fabric" {
			u.mustKubectl(t, "create", "namespace", namespace)
		}
		if err := u.create(t, d); err != nil {
			t.Fatal(err)
		}
	}
	set := find[*appsv1.StatefulSet](t, objects, "peer")
	account := set.Spec.Template.Spec.ServiceAccountName
	token := u.mustKubectl(t, "create", "token", account, "--bound-object-kind=Pod", "--bound-object-name=peer-0")
	sidecar := u.server.user(t, strings.TrimSpace(token))

	for _, name := range []string{"peer-0", "peer-1"} {
		p := &pod{t: t, name: name, spec: set.Spec.Template.Spec}
		refresh := p.container("refresh")
		_, command, _ := strings.Cut(p.expand(strings.Join(refresh.Command, " "), p.environment(refresh)), " -- kubectl ")
		sidecar.mustKubectl(t, strings.Fields(command)...)
		annotations := u.mustKubectl(t, "get", "deployment", "basic-"+name, "--output=jsonpath={.spec.template.metadata.annotations}")
		if !strings.Contains(annotations, "kubectl.kubernetes.io/restartedAt") {
			t.Errorf("kubectl %s did not restart the server of %s", command, name)
		}
	}
	u.checkRefused(t, sidecar, account)
	u.checkRights(t, sidecar)
}

// checkRefused checks that the sidecar is forbidden what it does not need. The administrator runs
// the same commands successfully, so nothing else is wrong with them.
func (u *user) checkRefused(t *testing.T, sidecar *user, account string) {
	u.mustKubectl(t, "create", "secret", "generic", "peer-0-identity") // as in examples/kubernetes/README.md
	for _, command := range []string{
		"rollout restart deployment/another",
		"rollout restart deployment/basic-peer-0 --namespace=other",
		"rollout restart statefulset/peer",
		"scale deployment/basic-peer-0 --replicas=1",
		"delete deployment/basic-peer-0 --dry-run=server",
		"get deployments",
		"get deployments --all-namespaces",
		"get pods",
		"delete pod peer-0 --dry-run=server",
		"get configmap peer-0-values",
		"get secrets",
		"get secret peer-0-identity",
		"get roles",
		"create token " + account,
	} {
		out, err := sidecar.kubectl(strings.Fields(command)...)
		if err == nil || !strings.Contains(out, `User "system:serviceaccount:fabric:`+account+`" cannot `) {
			t.Errorf("the sidecar is not forbidden to %s: %s", command, out)
		}
		u.mustKubectl(t, strings.Fields(command)...)
	}
}

// checkRights checks that the sidecar may get and patch the two Deployments, and otherwise has
// only the rights of every ServiceAccount.
func (u *user) checkRights(t *testing.T, sidecar *user) {
	everyone := u.server.user(t, strings.TrimSpace(u.mustKubectl(t, "create", "token", "default")))
	rights := func(of *user, namespace string) []string {
		var rights []string
		for line := range strings.Lines(of.mustKubectl(t, "auth", "can-i", "--list", "--namespace="+namespace)) {
			rights = append(rights, strings.Join(strings.Fields(line), " "))
		}
		return rights
	}
	for namespace, want := range map[string][]string{
		"fabric":  {"deployments.apps [] [basic-peer-0] [get patch]", "deployments.apps [] [basic-peer-1] [get patch]"},
		"other":   nil,
		"default": nil,
	} {
		common := rights(everyone, namespace)
		own := slices.DeleteFunc(rights(sidecar, namespace), func(right string) bool { return slices.Contains(common, right) })
		if len(common) < 5 || !slices.Equal(own, want) {
			t.Errorf("in the namespace %s the sidecar may %q, want %q; everyone %q", namespace, own, want, common)
		}
	}
}

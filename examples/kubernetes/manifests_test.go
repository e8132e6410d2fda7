// Package kubernetes_test tests the manifests: Kubernetes accepts them, and peers that are set up
// with them get connections to their chaincode servers.
package kubernetes_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	podsecurityapi "k8s.io/pod-security-admission/api"
	podsecurity "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"ccaas-template-builder/internal/must"
)

// render returns the objects that kubectl apply -k would send.
func render(t *testing.T, dir string) []runtime.Object {
	t.Helper()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy // as kubectl does: a namespace before its objects
	resources := must.Get(krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), dir))(t)
	return decode(t, must.Get(resources.AsYaml())(t))
}

// decode decodes manifests as a strict API server would: a field that is unknown or occurs twice
// is an error.
func decode(t *testing.T, manifests []byte) []runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, rbacv1.AddToScheme, certmanager.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	for manifest := range bytes.SplitSeq(manifests, []byte("\n---\n")) {
		object, kind, err := decoder.Decode(manifest, nil, nil)
		if err != nil {
			t.Fatalf("%v: %v in\n%s", kind, err, manifest)
		}
		objects = append(objects, object)
	}
	return objects
}

// all returns the objects of one kind.
func all[T metav1.Object](objects []runtime.Object) []T {
	var these []T
	for _, object := range objects {
		if this, ok := object.(T); ok {
			these = append(these, this)
		}
	}
	return these
}

// find returns the object with this kind and name.
func find[T metav1.Object](t *testing.T, objects []runtime.Object, name string) T {
	t.Helper()
	these := all[T](objects)
	at := slices.IndexFunc(these, func(this T) bool { return this.GetName() == name })
	if at < 0 {
		t.Fatalf("there is no %T %q", *new(T), name)
	}
	return these[at]
}

func TestKubectl(t *testing.T) {
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("there is no kubectl")
	}
	cmd := exec.Command(kubectl, "kustomize", ".")
	cmd.Stderr = os.Stderr
	manifests, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(decode(t, manifests), render(t, ".")) {
		t.Error("kubectl kustomize renders other objects than kustomize's library")
	}
}

// TestWithoutCertManager checks that the cert-manager component adds objects and changes none.
func TestWithoutCertManager(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kubernetes")
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "kustomization.yaml")
	before, rest, _ := strings.Cut(string(must.Get(os.ReadFile(file))(t)), "components:")
	_, after, found := strings.Cut(rest, "\n  - cert-manager\n")
	if !found {
		t.Fatal("there is no component cert-manager to leave out")
	}
	if err := os.WriteFile(file, []byte(before+after), 0o600); err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(render(t, "."), func(object runtime.Object) bool {
		return object.GetObjectKind().GroupVersionKind().Group == certmanager.SchemeGroupVersion.Group
	})
	if got := render(t, dir); !reflect.DeepEqual(got, want) {
		t.Errorf("%d objects without the component, want the %d that are not cert-manager's", len(got), len(want))
	}
}

// withRestart copies the example, adds the restart component, and returns the folder of the copy.
func withRestart(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "kubernetes")
	if err := os.CopyFS(dir, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "kustomization.yaml")
	before, after, found := strings.Cut(string(must.Get(os.ReadFile(file))(t)), "\n  - cert-manager\n")
	if !found {
		t.Fatal("there is no component cert-manager to put another after")
	}
	if err := os.WriteFile(file, []byte(before+"\n  - cert-manager\n  - restart\n"+after), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// restarting returns the objects of the example with the restart component.
func restarting(t *testing.T) []runtime.Object {
	t.Helper()
	return render(t, withRestart(t))
}

// TestRestart checks that the restart component gives the peers' pods the right to get and patch
// the servers' Deployments, gives the token for it to one container, and changes nothing else.
func TestRestart(t *testing.T) {
	plain, objects := render(t, "."), restarting(t)
	var deployments []string
	for _, d := range all[*appsv1.Deployment](objects) {
		deployments = append(deployments, d.Name)
	}
	want := []rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, ResourceNames: deployments, Verbs: []string{"get", "patch"}}}
	if role := all[*rbacv1.Role](objects); len(role) != 1 || !reflect.DeepEqual(role[0].Rules, want) {
		t.Errorf("the roles are %v, want one of %v", role, want)
	}
	if cluster := all[*rbacv1.ClusterRole](objects); len(cluster) != 0 {
		t.Errorf("there are %v", cluster)
	}
	set := find[*appsv1.StatefulSet](t, objects, "peer")
	account := find[*corev1.ServiceAccount](t, objects, set.Spec.Template.Spec.ServiceAccountName)
	binding := find[*rbacv1.RoleBinding](t, objects, "restart-chaincode")
	if s := binding.Subjects; len(s) != 1 || s[0].Name != account.Name || s[0].Namespace != account.Namespace || binding.RoleRef.Name != "restart-chaincode" {
		t.Errorf("the role is bound to %v", s)
	}
	for _, c := range slices.Concat(set.Spec.Template.Spec.InitContainers, set.Spec.Template.Spec.Containers) {
		mounted := slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == "token" })
		if mounted != (c.Name == "refresh") {
			t.Errorf("%s has the token: %v", c.Name, mounted)
		}
		if c.Name == "refresh" {
			command := strings.Join(c.Command, " ")
			for _, d := range deployments {
				id := "peer-" + d[len(d)-1:]
				if !strings.HasSuffix(strings.ReplaceAll(command, "$(CORE_PEER_ID)", id), " -- kubectl rollout restart deployment/"+d) {
					t.Errorf("the command of %s is %s", id, command)
				}
			}
		}
	}
	others := func(all []runtime.Object) []runtime.Object {
		return slices.DeleteFunc(slices.Clone(all), func(o runtime.Object) bool {
			switch o.(type) {
			case *appsv1.StatefulSet, *corev1.ServiceAccount, *rbacv1.Role, *rbacv1.RoleBinding:
				return true
			}
			return false
		})
	}
	if !reflect.DeepEqual(others(plain), others(objects)) {
		t.Error("other objects differ")
	}
}

// TestConfined checks that the pods satisfy the namespace's Pod Security Standard and some
// stricter rules.
func TestConfined(t *testing.T) {
	t.Run("plain", func(t *testing.T) { confined(t, render(t, ".")) })
	t.Run("restart", func(t *testing.T) { confined(t, restarting(t)) })
}

func confined(t *testing.T, objects []runtime.Object) {
	t.Helper()
	level := must.Get(podsecurityapi.ParseLevel(find[*corev1.Namespace](t, objects, "fabric").Labels[podsecurityapi.EnforceLevelLabel]))(t)
	if level != podsecurityapi.LevelRestricted {
		t.Errorf("the namespace enforces the level %q", level)
	}
	evaluator := must.Get(podsecurity.NewEvaluator(podsecurity.DefaultChecks(), nil))(t)
	templates := map[string]corev1.PodTemplateSpec{}
	for _, set := range all[*appsv1.StatefulSet](objects) {
		templates[set.Name] = set.Spec.Template
	}
	for _, deployment := range all[*appsv1.Deployment](objects) {
		templates[deployment.Name] = deployment.Spec.Template
	}
	for name, template := range templates {
		checks := evaluator.EvaluatePod(podsecurityapi.LevelVersion{Level: level, Version: podsecurityapi.LatestVersion()}, &template.ObjectMeta, &template.Spec)
		if result := podsecurity.AggregateCheckResults(checks); !result.Allowed {
			t.Errorf("%s: %s", name, result.ForbiddenDetail())
		}
		if context := template.Spec.SecurityContext; context.FSGroup == nil || *context.FSGroup != *context.RunAsGroup {
			t.Errorf("%s: its user cannot read its Secrets", name)
		}
		for _, c := range slices.Concat(template.Spec.InitContainers, template.Spec.Containers) {
			if readOnly := c.SecurityContext.ReadOnlyRootFilesystem; readOnly == nil || !*readOnly {
				t.Errorf("%s: %s can write to its root file system", name, c.Name)
			}
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s: %s lacks requests or limits", name, c.Name)
			}
			if !strings.Contains(c.Image, ":") {
				t.Errorf("%s: %s has an image that kustomization.yaml does not name: %s", name, c.Name, c.Image)
			}
		}
	}
	if len(templates) != 3 {
		t.Errorf("looked at %d kinds of pods, want 3", len(templates))
	}
}

package kubernetes_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"ccaas-template-builder/internal/must"
)

// pod is a pod set up as a kubelet would, except that the root of each container is a folder in
// which mounts are symbolic links. It refuses what it does not support.
type pod struct {
	t       *testing.T
	name    string
	labels  map[string]string
	spec    corev1.PodSpec
	objects []runtime.Object
	dir     string
}

// newPod makes the volumes of a pod and mounts them. The volumes in claims come from
// volumeClaimTemplates.
func newPod(t *testing.T, name string, template corev1.PodTemplateSpec, objects []runtime.Object, claims ...string) *pod {
	p := &pod{t, name, template.Labels, template.Spec, objects, t.TempDir()}
	for _, claim := range claims {
		p.mkdir(p.volume(claim))
	}
	p.updateVolumes()
	for _, c := range slices.Concat(p.spec.InitContainers, p.spec.Containers) {
		for _, mount := range c.VolumeMounts {
			p.mount(c, mount)
		}
	}
	return p
}

func (p *pod) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

func (p *pod) mkdir(dir string)          { p.t.Helper(); p.must(os.MkdirAll(dir, 0o700)) }
func (p *pod) volume(name string) string { return filepath.Join(p.dir, "volumes", name) }

// path returns the path on this machine for a path in a container.
func (p *pod) path(container, path string) string { return filepath.Join(p.dir, container, path) }

// mount mounts a volume. A mount with a subPath is a copy, because it is never updated.
func (p *pod) mount(c corev1.Container, mount corev1.VolumeMount) {
	p.t.Helper()
	from, to := p.volume(mount.Name), p.path(c.Name, mount.MountPath)
	if _, err := os.Stat(from); err != nil {
		p.t.Fatalf("%s: %s mounts %s, which is no volume", p.name, c.Name, mount.Name)
	}
	p.mkdir(filepath.Dir(to))
	sub := mount.SubPath + p.expand(mount.SubPathExpr, p.environment(c))
	if sub == "" {
		p.must(os.Symlink(from, to))
		return
	}
	from = filepath.Join(from, sub)
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		p.must(os.CopyFS(to, os.DirFS(from)))
		return
	}
	p.must(os.WriteFile(to, must.Get(os.ReadFile(from))(p.t), 0o600))
}

// updateVolumes writes the volumes with the current content of the ConfigMaps and Secrets.
func (p *pod) updateVolumes() {
	p.t.Helper()
	for _, v := range p.spec.Volumes {
		switch {
		case v.EmptyDir != nil:
			p.mkdir(p.volume(v.Name))
		case v.ConfigMap != nil:
			p.write(v.Name, p.configMap(v.ConfigMap.Name, v.ConfigMap.Items))
		case v.Secret != nil:
			p.write(v.Name, p.secret(v.Secret.SecretName, v.Secret.Items))
		case v.Projected != nil:
			files := map[string]string{}
			for _, source := range v.Projected.Sources {
				switch {
				case source.ConfigMap != nil:
					maps.Copy(files, p.configMap(source.ConfigMap.Name, source.ConfigMap.Items))
				case source.Secret != nil:
					maps.Copy(files, p.secret(source.Secret.Name, source.Secret.Items))
				default:
					p.t.Fatalf("%s: a source of the volume %s is of an unknown kind", p.name, v.Name)
				}
			}
			p.write(v.Name, files)
		default:
			p.t.Fatalf("%s: the volume %s is of an unknown kind", p.name, v.Name)
		}
	}
}

func (p *pod) configMap(name string, items []corev1.KeyToPath) map[string]string {
	p.t.Helper()
	return p.files(find[*corev1.ConfigMap](p.t, p.objects, name).Data, items, name)
}

func (p *pod) secret(name string, items []corev1.KeyToPath) map[string]string {
	p.t.Helper()
	return p.files(find[*corev1.Secret](p.t, p.objects, name).StringData, items, name)
}

// files returns the files for the keys of an object, or only for the keys in items.
func (p *pod) files(data map[string]string, items []corev1.KeyToPath, object string) map[string]string {
	p.t.Helper()
	if len(items) == 0 {
		return data
	}
	files := map[string]string{}
	for _, item := range items {
		value, ok := data[item.Key]
		if !ok {
			p.t.Fatalf("%s: %s has no key %s, so the pod would not start", p.name, object, item.Key)
		}
		files[item.Path] = value
	}
	return files
}

// write writes a volume atomically, as the kubelet does: ..data is a link to the current folder,
// and the visible files are links into it.
func (p *pod) write(volume string, files map[string]string) {
	p.t.Helper()
	dir := p.volume(volume)
	now := fmt.Sprintf("..%d", time.Now().UnixNano())
	for name, content := range files {
		file := filepath.Join(dir, now, name)
		p.mkdir(filepath.Dir(file))
		p.must(os.WriteFile(file, []byte(content), 0o440))
	}
	data := filepath.Join(dir, "..data")
	old, _ := os.Readlink(data)
	p.must(os.Symlink(now, data+"_tmp"))
	p.must(os.Rename(data+"_tmp", data))
	for name := range files {
		top, _, _ := strings.Cut(name, "/")
		if err := os.Symlink("..data/"+top, filepath.Join(dir, top)); err != nil && !os.IsExist(err) {
			p.t.Fatal(err)
		}
	}
	if old != "" {
		p.must(os.RemoveAll(filepath.Join(dir, old)))
	}
}

// environment returns the environment that Kubernetes gives a container.
func (p *pod) environment(c corev1.Container) map[string]string {
	p.t.Helper()
	env := map[string]string{}
	if len(c.EnvFrom) > 0 {
		p.t.Fatalf("%s: envFrom is not known here", c.Name)
	}
	for _, e := range c.Env {
		switch from := e.ValueFrom; {
		case from == nil:
			env[e.Name] = p.expand(e.Value, env)
		case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.name":
			env[e.Name] = p.name
		case from.ConfigMapKeyRef != nil:
			ref := from.ConfigMapKeyRef
			env[e.Name] = p.configMap(ref.Name, []corev1.KeyToPath{{Key: ref.Key, Path: e.Name}})[e.Name]
		default:
			p.t.Fatalf("%s: the value of %s is of an unknown kind", c.Name, e.Name)
		}
	}
	return env
}

var reference = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_]*)\)`)

// expand replaces references to variables with their values. References to unset variables are
// kept.
func (p *pod) expand(text string, env map[string]string) string {
	return reference.ReplaceAllStringFunc(text, func(ref string) string {
		if value, ok := env[ref[2:len(ref)-1]]; ok {
			return value
		}
		return ref
	})
}

// trueEnvironment returns the environment of a container with its paths on this machine. It
// includes TMPDIR, because the container's /tmp is not this machine's.
func (p *pod) trueEnvironment(c corev1.Container) map[string]string {
	p.t.Helper()
	env := p.environment(c)
	env["TMPDIR"] = "/tmp"
	for name, value := range env {
		if filepath.IsAbs(value) {
			env[name] = p.path(c.Name, value)
		}
	}
	return env
}

// absolute matches the beginning of an absolute path.
var absolute = regexp.MustCompile(`(^|[ >])/`)

// command returns the command of a container, using ccaas from bin.
func (p *pod) command(c corev1.Container) *exec.Cmd {
	p.t.Helper()
	if len(c.Args) > 0 {
		p.t.Fatalf("%s: args are not known here", c.Name)
	}
	cmd := exec.CommandContext(p.t.Context(), c.Command[0])
	if c.Command[0] == "/bin/ccaas" {
		cmd = exec.CommandContext(p.t.Context(), filepath.Join(bin, "ccaas"))
	}
	for _, arg := range c.Command[1:] { // a path, or the script of a shell
		arg = absolute.ReplaceAllString(arg, "${1}"+p.path(c.Name, "/")+"/")
		cmd.Args = append(cmd.Args, arg)
	}
	cmd.Env = []string{}
	for name, value := range p.trueEnvironment(c) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stderr = &bytes.Buffer{}
	return cmd
}

// container returns the container with this name.
func (p *pod) container(name string) corev1.Container {
	p.t.Helper()
	at := slices.IndexFunc(p.spec.Containers, func(c corev1.Container) bool { return c.Name == name })
	if at < 0 {
		p.t.Fatalf("%s has no container %q", p.name, name)
	}
	return p.spec.Containers[at]
}

// isSelected reports whether a selector selects the pod.
func (p *pod) isSelected(selector *metav1.LabelSelector) bool {
	p.t.Helper()
	return must.Get(metav1.LabelSelectorAsSelector(selector))(p.t).Matches(labels.Set(p.labels))
}

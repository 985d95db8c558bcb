// Package cluster tests the manifests, scripts and programs beside it, with the command built from the module above, on the images and
// the network of its demo. No cluster is needed: the containers' commands run here as Kubernetes would call them, Spark and Ray are
// stand-ins that call what they are given. Slurm is tried where VZSL_SLURM=1 says so (slurm_test.go).
package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"vzsl/datasets/demo"
)

// manifest decodes a file of manifests: a field that Kubernetes' types do not have is an error, and one that is there twice.
func manifest(t *testing.T, name string) (jobs []batchv1.Job) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("kubernetes", name))
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range bytes.Split(b, []byte("\n---\n")) {
		var kind struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal(doc, &kind); err != nil {
			t.Fatal(err)
		}
		switch kind.APIVersion + " " + kind.Kind {
		case "batch/v1 Job":
			var j batchv1.Job
			if err := yaml.UnmarshalStrict(doc, &j); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			jobs = append(jobs, j)
		case "v1 PersistentVolumeClaim":
			var c corev1.PersistentVolumeClaim
			if err := yaml.UnmarshalStrict(doc, &c); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		default:
			t.Fatalf("%s: %+v", name, kind)
		}
	}
	return jobs
}

// What the API server would refuse, as Kubernetes' documentation of jobs has it, and what the exit codes mean.
func TestManifests(t *testing.T) {
	for _, name := range []string{"plan.yaml", "extract.yaml", "finish.yaml"} {
		for _, j := range manifest(t, name) {
			pod, policy := j.Spec.Template.Spec, j.Spec.PodFailurePolicy
			if pod.RestartPolicy != corev1.RestartPolicyNever {
				t.Errorf("%s: a podFailurePolicy needs restartPolicy: Never", name)
			}
			indexed := j.Spec.CompletionMode != nil && *j.Spec.CompletionMode == batchv1.IndexedCompletion
			if j.Spec.BackoffLimitPerIndex != nil && !indexed || indexed && j.Spec.Completions == nil {
				t.Errorf("%s: backoffLimitPerIndex needs an Indexed Job, and that completions", name)
			}
			var codes []int32
			disruption := false
			for i, r := range policy.Rules {
				if (r.OnExitCodes == nil) == (len(r.OnPodConditions) == 0) {
					t.Errorf("%s: rule %d: one of onExitCodes and onPodConditions", name, i)
				}
				if r.Action == batchv1.PodFailurePolicyActionFailIndex && j.Spec.BackoffLimitPerIndex == nil {
					t.Errorf("%s: FailIndex needs backoffLimitPerIndex", name)
				}
				if r.OnExitCodes != nil {
					codes = append(codes, r.OnExitCodes.Values...)
					if c := r.OnExitCodes.ContainerName; c == nil || *c != pod.Containers[0].Name || !slices.IsSorted(r.OnExitCodes.Values) || slices.Contains(r.OnExitCodes.Values, 0) {
						t.Errorf("%s: rule %d: %+v", name, i, r.OnExitCodes)
					}
				}
				disruption = disruption || i == 0 && r.Action == batchv1.PodFailurePolicyActionIgnore && r.OnPodConditions[0].Type == corev1.DisruptionTarget
			}
			if !disruption || !slices.Contains(codes, 2) || !slices.Contains(codes, 4) || slices.Contains(codes, 1) || slices.Contains(codes, 130) {
				t.Errorf("%s: exit codes %v, disruptions ignored: %v", name, codes, disruption)
			}
			mounted := map[string]bool{}
			for _, m := range pod.Containers[0].VolumeMounts {
				mounted[m.Name] = true
			}
			for _, v := range pod.Volumes {
				if !mounted[v.Name] {
					t.Errorf("%s: volume %s is not mounted", name, v.Name)
				}
			}
		}
	}
}

// command is the vzsl that the containers have.
var command = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "vzsl-cluster-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "vzsl")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if bin, err := command(); err == nil {
		_ = os.RemoveAll(filepath.Dir(bin))
	}
	os.Exit(code)
}

// site is a folder as the containers see it: /work and /data.
type site struct {
	t         *testing.T
	bin, root string
}

// images of the demo, its network, and what one process makes of them.
var images = sync.OnceValues(func() (string, error) {
	bin, err := command()
	if err != nil {
		return "", err
	}
	root := filepath.Dir(bin)
	data, model := filepath.Join(root, "data", "imagenet"), filepath.Join(root, "work", "models", "vgg19.onnx")
	if err := demo.Write(context.Background(), data, demo.Options{PerClass: 5}); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(model), 0o755); err != nil {
		return "", err
	}
	if err := demo.WriteNetwork(model); err != nil {
		return "", err
	}
	out, err := exec.Command(bin, "extract", "--quiet", "--dataset", "imagenet", "--layout", "folder", "--data", data, "--model", model, "--out", filepath.Join(root, "one"), "--shard-rows", "16").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return root, nil
})

func newSite(t *testing.T) *site {
	t.Helper()
	from, err := images()
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t, filepath.Join(from, "vzsl"), t.TempDir()}
	for _, name := range []string{"data", "work", "one"} {
		if err := os.CopyFS(s.path(name), os.DirFS(filepath.Join(from, name))); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *site) path(p string) string { return filepath.Join(s.root, filepath.FromSlash(p)) }

// run runs a program that must succeed.
func (s *site) run(env []string, program string, args ...string) string {
	s.t.Helper()
	c := exec.Command(program, args...)
	c.Env = append(os.Environ(), env...)
	c.Dir = s.root
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// container runs the command of a job's container, with more flags.
func (s *site) container(j batchv1.Job, index int, more ...string) string {
	s.t.Helper()
	c := j.Spec.Template.Spec.Containers[0]
	var args []string
	for _, a := range append(c.Command, c.Args...) {
		for _, m := range c.VolumeMounts {
			if a == m.MountPath || strings.HasPrefix(a, m.MountPath+"/") {
				a = s.path(a)
			}
		}
		args = append(args, a)
	}
	if args[0] != "/usr/bin/vzsl" {
		s.t.Fatalf("the image's program is /usr/bin/vzsl, not %s", args[0])
	}
	var env []string
	if index >= 0 {
		env = append(env, "JOB_COMPLETION_INDEX="+strconv.Itoa(index))
	}
	return s.run(env, s.bin, append(args[1:], more...)...)
}

// same compares the features with those of one process.
func (s *site) same() {
	s.t.Helper()
	read := func(root string) map[string]string {
		all := map[string]string{}
		dir := filepath.Join(s.path(root), "features", "imagenet", "vgg19")
		entries, err := os.ReadDir(dir)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				b, err := os.ReadFile(filepath.Join(dir, e.Name()))
				if err != nil {
					s.t.Fatal(err)
				}
				all[e.Name()] = string(b)
			}
		}
		return all
	}
	want, got := read("/one"), read("/work")
	if len(want) < 5 || len(got) != len(want) {
		s.t.Errorf("%d files, one process leaves %d", len(got), len(want))
	}
	for name, b := range want {
		if got[name] != b {
			s.t.Errorf("%s has %d bytes, one process writes %d, and they differ", name, len(got[name]), len(b))
		}
	}
}

// layout: the demo is a folder per class, which the example's dataset of that name is not.
var layout = []string{"--layout", "folder", "--shard-rows", "16"}

// The containers' commands, run one after the other with JOB_COMPLETION_INDEX set by hand, leave what one process does.
func TestKubernetes(t *testing.T) {
	s := newSite(t)
	plan, extract, finish := manifest(t, "plan.yaml")[0], manifest(t, "extract.yaml")[0], manifest(t, "finish.yaml")[0]
	said := s.container(plan, -1, append(layout, "--tasks", "5")...)
	if !strings.Contains(said, "5 tasks") || !strings.Contains(said, "request ") {
		t.Errorf("the plan: %s", said)
	}
	for index := range 5 {
		s.container(extract, index)
	}
	s.container(extract, 3) // a pod that was started twice
	s.container(finish, -1)
	s.same()
}

// Spark's and Ray's programs with stand-ins that call each task here, the first of them twice.
func TestSparkAndRay(t *testing.T) {
	python := "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		t.Skip("needs ", python)
	}
	for _, program := range []string{"spark_extract.py", "ray_extract.py"} {
		s := newSite(t)
		s.container(manifest(t, "plan.yaml")[0], -1, append(layout, "--tasks", "4")...)
		here, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		s.run([]string{"PYTHONPATH=" + filepath.Join(here, "testdata"), "PYTHONDONTWRITEBYTECODE=1"}, python, filepath.Join(here, program), s.path("/work/plans/imagenet-vgg19"), "4", s.bin)
		s.same()
	}
}

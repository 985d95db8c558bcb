package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

const slurmConf = `ClusterName=test
SlurmctldHost=NODE(127.0.0.1)
AuthType=auth/munge
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=STATE/state
SlurmdSpoolDir=STATE/spool
SlurmctldPidFile=STATE/slurmctld.pid
SlurmdPidFile=STATE/slurmd.pid
SlurmctldLogFile=STATE/log/ctld.log
SlurmdLogFile=STATE/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SchedulerType=sched/backfill
MaxArraySize=7
MinJobAge=30000
ReturnToService=2
SlurmctldPort=16917
SlurmdPort=16918
MailProg=/bin/true
NodeName=NODE NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=NODE Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES
`

// cluster starts Slurm on this machine (Debian: slurm-wlm munge; root).
func cluster(t *testing.T) (env []string) {
	if os.Getenv("VZSL_SLURM") == "" {
		t.Skip("starts Slurm here, as root: VZSL_SLURM=1")
	}
	state := t.TempDir()
	for _, dir := range []string{"state", "spool", "log"} {
		if err := os.MkdirAll(filepath.Join(state, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	conf := filepath.Join(state, "slurm.conf")
	if err := os.WriteFile(conf, []byte(strings.NewReplacer("NODE", host, "STATE", state).Replace(slurmConf)), 0o644); err != nil {
		t.Fatal(err)
	}
	env = []string{"SLURM_CONF=" + conf}
	daemon := func(name string, args ...string) {
		c := exec.Command(name, args...)
		c.Env = append(os.Environ(), env...)
		var said bytes.Buffer
		c.Stdout, c.Stderr = &said, &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = c.Process.Signal(os.Interrupt)
			ended := make(chan error, 1)
			go func() { ended <- c.Wait() }()
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				_ = c.Process.Kill()
			}
		})
	}
	if exec.Command("munge", "-n").Run() != nil { // it runs already, or is started
		_ = exec.Command("mungekey", "--create").Run()
		_ = os.MkdirAll("/run/munge", 0o755)
		_ = exec.Command("chown", "munge:", "/run/munge", "/etc/munge/munge.key").Run()
		daemon("su", "-s", "/bin/sh", "munge", "-c", "exec munged -F")
		time.Sleep(time.Second)
	}
	daemon("slurmctld", "-D")
	time.Sleep(time.Second)
	daemon("slurmd", "-D", "-N", host)
	for range 60 {
		c := exec.Command("sinfo", "-h", "-o", "%T")
		c.Env = append(os.Environ(), env...)
		if out, err := c.Output(); err == nil && strings.Contains(string(out), "idle") {
			return env
		}
		time.Sleep(500 * time.Millisecond)
	}
	logs, _ := filepath.Glob(filepath.Join(state, "log", "*"))
	for _, l := range logs {
		b, _ := os.ReadFile(l)
		t.Logf("%s\n%s", l, b)
	}
	t.Fatal("Slurm did not start")
	return nil
}

// An array of 16, two at a time, in arrays of at most seven; tasks are killed by -9 at random and queued again, some are started twice:
// finish, submitted with them, leaves what one process does.
func TestSlurm(t *testing.T) {
	env := cluster(t)
	s := newSite(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s.container(manifest(t, "plan.yaml")[0], -1, append(layout, "--tasks", "16")...)
	plan := s.path("/work/plans/imagenet-vgg19")
	env = append(env, "VZSL="+s.bin, "TRIES=20")
	said := s.run(env, filepath.Join(here, "slurm", "submit.sh"), plan, "--array-limit=2", "--cpus-per-task=1", "--time=5", "--mem=500M", "--chdir="+s.root)
	t.Log(said)
	if strings.Count(said, ": tasks ") != 3 {
		t.Errorf("16 tasks in arrays of 7 are 3 arrays: %s", said)
	}
	twice := exec.Command("sbatch", "--export=ALL,OFFSET=0,TASKS=16", "--array=2,5", "--cpus-per-task=1", "--time=5", "--mem=500M", "--chdir="+s.root, filepath.Join(here, "slurm", "task.sbatch"), plan)
	twice.Env = append(os.Environ(), env...)
	if out, err := twice.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	kills := killing(t, env, s, 6)
	logs, _ := filepath.Glob(filepath.Join(s.root, "vzsl-*.log"))
	requeued := 0
	for _, l := range logs {
		b, err := os.ReadFile(l)
		if err != nil {
			t.Fatal(err)
		}
		requeued += strings.Count(string(b), "queued again")
		if len(b) > 0 {
			t.Logf("%s: %s", filepath.Base(l), b)
		}
	}
	t.Logf("%d tasks killed, %d queued again", kills, requeued)
	if kills == 0 || requeued == 0 {
		t.Error("no task was killed and queued again")
	}
	s.same()
}

// killing waits until Slurm's queue is empty, and kills tasks at random, at most so many.
func killing(t *testing.T, env []string, s *site, most int) (kills int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	left := ""
	for ctx.Err() == nil {
		c := exec.Command("squeue", "-h", "-r", "-o", "%i %T %j %r")
		c.Env = append(os.Environ(), env...)
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		if left = strings.TrimSpace(string(out)); left == "" {
			return kills
		}
		if kills < most && rand.N(3) == 0 { // a task may take a tenth of a second: the next one is waited for
			for range 100 {
				if n := kill9(t, s.bin); n > 0 {
					kills += n
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		time.Sleep(time.Duration(200+rand.N(600)) * time.Millisecond)
	}
	t.Fatalf("still in the queue:\n%s", left)
	return 0
}

// A comparison of six methods on three splits as 18 tasks, and a search whose stages are arrays that depend on each other, each submitted
// once: they are what one process makes of them.
func TestSlurmSearches(t *testing.T) {
	env := cluster(t)
	s := newSite(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	in := func(out string, args ...string) []string {
		return append(args, "--quiet", "--dataset", "imagenet", "--out", s.path(out))
	}
	s.run(nil, s.bin, in("/one", "attributes", "--layout", "folder", "--data", s.path("/data/imagenet"))...)
	s.run(nil, s.bin, in("/one", "split", "--split", "r", "--random", "3", "--unseen-classes", "10", "--seed", "3")...)
	if err := os.CopyFS(s.path("/work"), os.DirFS(s.path("/one"))); err != nil {
		t.Fatal(err)
	}
	splits := []string{"r-1", "r-2", "r-3"}
	budget := []string{"--methods", "eszsl,sae,conse,plda,vzsl-sharp,devise", "--trials", "3", "--folds", "2", "--seeds", "2", "--set", "epochs=2"}
	tune := []string{"--split", "r-1", "--method", "devise", "--run", "search", "--trials", "4", "--folds", "4", "--seeds", "2", "--set", "epochs=3"}
	for _, split := range splits {
		s.run(nil, s.bin, in("/one", append([]string{"compare", "--split", split, "--budget", "0"}, budget...)...)...)
	}
	s.run(nil, s.bin, in("/one", append([]string{"tune"}, tune...)...)...)
	said := s.run(nil, s.bin, in("/work", append([]string{"plan", "compare", "--splits", strings.Join(splits, ",")}, budget...)...)...)
	if !strings.Contains(said, "18 units by 18 tasks") {
		t.Error(said)
	}
	said = s.run(nil, s.bin, in("/work", append([]string{"plan", "tune"}, tune...)...)...)
	if !strings.Contains(said, "in 4 stages") {
		t.Error(said)
	}
	env = append(env, "VZSL="+s.bin, "TRIES=20")
	for plan, kills := range map[string]int{"imagenet-compare": 6, "imagenet-tune": 2} { // Slurm holds a task for two minutes each time, and the stages behind it
		said := s.run(env, filepath.Join(here, "slurm", "submit.sh"), s.path("/work/plans/"+plan), "--array-limit=2", "--cpus-per-task=1", "--time=5", "--mem=500M", "--chdir="+s.root)
		t.Log(said)
		t.Log(killing(t, env, s, kills), "killed")
		said = s.run(nil, s.bin, "status", s.path("/work/plans/"+plan))
		if !strings.Contains(said, "all done") {
			logs, _ := filepath.Glob(filepath.Join(s.root, "vzsl-*.log"))
			for _, l := range logs {
				b, _ := os.ReadFile(l)
				t.Logf("%s: %s", filepath.Base(l), b)
			}
			t.Fatal(said)
		}
	}
	for _, split := range splits {
		path := "/reports/imagenet-" + split + "-compare/compare.json"
		one, work := untimed(t, s.path("/one"+path)), untimed(t, s.path("/work"+path))
		if one == nil || !reflect.DeepEqual(one, work) {
			t.Errorf("%s: of one process %v, of tasks %v", split, one, work)
		}
	}
	for _, file := range []string{"seed-1/model.safetensors", "seed-2/model.safetensors", "seed-1/config.toml"} {
		one, err := os.ReadFile(s.path("/one/runs/search/" + file))
		if err != nil {
			t.Fatal(err)
		}
		if work, err := os.ReadFile(s.path("/work/runs/search/" + file)); err != nil || !bytes.Equal(one, work) {
			t.Errorf("%s differs: %v", file, err)
		}
	}
	if _, err := os.Stat(s.path("/work/runs/search/tuning/trials.parquet")); err != nil {
		t.Error("the search was not finished:", err)
	}
}

// untimed is a JSON file without seconds.
func untimed(t *testing.T, path string) any {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	var clear func(v any)
	clear = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				if strings.Contains(k, "seconds") {
					delete(v, k)
				}
				clear(e)
			}
		case []any:
			for _, e := range v {
				clear(e)
			}
		}
	}
	clear(v)
	return v
}

// kill9 kills one of the tasks at work here, chosen at random, by the program that it runs.
func kill9(t *testing.T, bin string) int {
	procs, _ := filepath.Glob("/proc/[0-9]*/exe")
	rand.Shuffle(len(procs), func(i, k int) { procs[i], procs[k] = procs[k], procs[i] })
	for _, p := range procs {
		exe, err := os.Readlink(p)
		if err != nil || exe != bin {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(p), "cmdline"))
		if err != nil || !bytes.Contains(line, []byte("\x00--task\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(p)))
		if err != nil {
			t.Fatal(err)
		}
		target, err := os.FindProcess(pid)
		if err == nil && target.Kill() == nil {
			return 1
		}
	}
	return 0
}

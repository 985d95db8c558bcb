# The tasks of a plan on Ray 2, where vzsl is on every machine and all see the plan's folder:
#
#   python examples/cluster/ray_extract.py plans/imagenet-vgg19 64
#
# Not run on Ray by the project's tests: they run it with a stand-in for ray, which calls each task here.
import subprocess
import sys

import ray

plan, tasks = sys.argv[1], int(sys.argv[2])
vzsl = sys.argv[3] if len(sys.argv) > 3 else "vzsl"


class Passing(Exception):
    """An error that may be gone at the next try."""


@ray.remote(num_cpus=2, max_retries=4, retry_exceptions=[Passing])
def run(task):
    """Computes one task and gives its exit code."""
    done = subprocess.run([vzsl, "extract", "--plan", plan, "--task", f"{task}/{tasks}", "--quiet"], stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, 2, 3, 4):
        raise Passing(f"task {task}: exit code {done.returncode}: {done.stderr}")
    return task, done.returncode, done.stderr


if __name__ == "__main__":
    ray.init()
    failed = [r for r in ray.get([run.remote(task) for task in range(tasks)]) if r[1]]
    for task, code, said in failed:
        print(f"task {task}: exit code {code}: to try again is in vain: {said}", file=sys.stderr)
    sys.exit(failed[0][1] if failed else subprocess.run([vzsl, "finish", plan]).returncode)

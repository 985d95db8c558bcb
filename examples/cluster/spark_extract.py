# The tasks of a plan on Spark 3.2 or later, a partition for each, where vzsl is on every machine and all see the plan's folder:
#
#   spark-submit --conf spark.task.cpus=2 examples/cluster/spark_extract.py plans/imagenet-vgg19 64
#
# Not run on Spark by the project's tests: they run it with a stand-in for pyspark, which calls each partition here.
import subprocess
import sys

plan, tasks = sys.argv[1], int(sys.argv[2])
vzsl = sys.argv[3] if len(sys.argv) > 3 else "vzsl"


def run(task):
    """Computes one task and gives its exit code. What may pass is an exception: Spark tries the partition again (spark.task.maxFailures)."""
    done = subprocess.run([vzsl, "extract", "--plan", plan, "--task", f"{task}/{tasks}", "--quiet"], stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, 2, 3, 4):
        raise RuntimeError(f"task {task}: exit code {done.returncode}: {done.stderr}")
    return task, done.returncode, done.stderr


if __name__ == "__main__":
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("vzsl").getOrCreate()
    failed = [r for r in spark.sparkContext.parallelize(range(tasks), tasks).map(run).collect() if r[1]]
    for task, code, said in failed:
        print(f"task {task}: exit code {code}: to try again is in vain: {said}", file=sys.stderr)
    sys.exit(failed[0][1] if failed else subprocess.run([vzsl, "finish", plan]).returncode)

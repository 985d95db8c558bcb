# Reads what vzsl writes in Spark 3.2 or later: spark-submit examples/spark_read.py [demo]
# Not run on Spark by the project's tests, which check in its place that the files hold only what Spark's documentation says it
# reads: int32, float, double, boolean, strings and three-level lists; plain and dictionary pages; zstd.
import sys

from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession, functions as F

out = sys.argv[1] if len(sys.argv) > 1 else "demo"
spark = SparkSession.builder.appName("vzsl").getOrCreate()

# The folder holds manifest.json, skipped.csv and .cache/ too: name the shards. A fixed-size list is an array<float>.
features = spark.read.parquet(f"{out}/features/demo/demo/part-*.parquet")
roles = spark.read.parquet(f"{out}/features/demo/splits/demo.parquet")
classes = spark.read.parquet(f"{out}/features/demo/classes.parquet")
features.printSchema()

# Images of each class and role; the class table joins by class or label.
features.join(roles, "image").groupBy("role", "class").count().orderBy("role", "class").show()
classes.select("label", "class", F.size("attributes").alias("attributes")).show(5)

# A filter on class or label skips row groups by their statistics.
print(features.filter(F.col("label") == 3).count(), "images of class 3")

# MLlib wants vectors.
features.select("class", array_to_vector("feature").alias("feature")).show(3)

# How well each unseen class is named.
predictions = spark.read.parquet(f"{out}/reports/demo-demo-vzsl/predictions.parquet")
(predictions.filter("task = 'zero-shot'").groupBy("class")
    .agg(F.avg(F.col("correct").cast("int")).alias("accuracy")).orderBy("accuracy").show(50, False))

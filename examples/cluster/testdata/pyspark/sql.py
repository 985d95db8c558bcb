"""As much of pyspark as spark_extract.py uses: partitions are called here, the first one twice, as after a machine that was lost."""


class _Partitions:
    def __init__(self, values, calls=None):
        self.values, self.calls = list(values), calls or []

    def map(self, f):
        return _Partitions(self.values, self.calls + [f])

    def collect(self):
        f = self.calls[0]
        f(self.values[0])
        return [f(v) for v in self.values]


class _Context:
    def parallelize(self, values, partitions):
        assert len(list(values)) == partitions
        return _Partitions(values)


class SparkSession:
    sparkContext = _Context()

    class builder:
        @classmethod
        def appName(cls, name):
            return cls

        @classmethod
        def getOrCreate(cls):
            return SparkSession

"""As much of ray as ray_extract.py uses: tasks are called here."""


def init():
    pass


def remote(**options):
    assert options["max_retries"] > 0 and options["retry_exceptions"]

    def of(f):
        f.remote = f
        return f

    return of


def get(results):
    return results

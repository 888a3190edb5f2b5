"""The tests. A function `test_NAME(t)` of a module here runs once on each database; `t` is a `Case`."""


def only(*databases):
    """For a test that makes sense on some databases only."""

    def mark(function):
        function.databases = list(databases)
        return function

    return mark


def slow(seconds):
    """For a test that waits for long: it is started early."""

    def mark(function):
        function.slow = seconds
        return function

    return mark


def alone(function):
    """For a test that loads both cores, or measures: it runs by itself."""
    function.alone = True
    return function

"""Waiting for a condition, with a deadline."""

import time


class TooLate(AssertionError):
    """The condition did not come true in time."""


def until(what, condition, seconds=10.0, every=0.05):
    """Polls `condition` until it answers something true, and answers that.

    An AssertionError or KeyError of the condition counts as "not yet" and is shown if time runs out.
    """
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            seen = condition()
            if seen:
                return seen
            last = repr(seen)
        except (AssertionError, LookupError, OSError) as error:
            last = f"{type(error).__name__}: {error}"
        if time.monotonic() > deadline:
            raise TooLate(f"waited {seconds:g} s for {what}; last seen: {last}")
        time.sleep(every)


def never(what, condition, seconds):
    """Polls `condition` for all of `seconds` and fails as soon as it answers something true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = condition()
        assert not seen, f"this was never to happen: {what}: {seen!r}"
        time.sleep(0.05)

"""kill -9 inside every call outside that a runbook makes, and between any two: nothing is done twice, and every run ends explained.

UPDATE=1 writes the table to docs/crash-matrix.md; FIREDOG_TEST_POINTS=TEXT runs only points whose name contains TEXT.
"""

import concurrent.futures
import os
import pathlib
import time

from ..crash import HTTP, MOMENTS, RPC, STARTED, Driver, Point, attempt
from . import only, slow

# It measures how late pages leave.
ALONE = True

# Each point is a town and a server that wait most of the time.
AT_ONCE = int(os.environ.get("FIREDOG_TEST_AT_ONCE", "24"))
ONLY = os.environ.get("FIREDOG_TEST_POINTS", "")
TABLE = pathlib.Path(__file__).resolve().parents[3] / "docs/crash-matrix.md"
# So fast that a build is looked at in the queue, while it runs and when it has ended, and no longer.
FAST = ("--speed", "8", "--institutions", "6")

RESTART = {
    "runbook": "restart",
    "steps": [
        {"do": f"Restart {service}", "uses": "service.restart", "with": {"service": service}} for service in (HTTP, RPC)
    ],
}

DRIVERS = [
    Driver("Jenkins, Marathon", ("--through", "marathon", *FAST), "marathon", RESTART),
    Driver("Jenkins without a key, Marathon", ("--through", "marathon", "--no-key", *FAST), "marathon", RESTART, keyed=False),
    Driver("Jenkins, Kubernetes", ("--through", "kubernetes", *FAST), "kubernetes", RESTART),
    Driver("rollout by Kubernetes", ("--through", "rollout", *FAST), "kubernetes", RESTART),
]


def run_all(t, points):
    """The rows, in the order of the points; fails with everything that is wrong."""
    rows, wrong = [], []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        # PostgreSQL's databases are made by this thread, one after the other.
        database = t.cluster.new_database if t.database == "postgres" else lambda: None
        running = [(point, pool.submit(attempt, t, number, point, database())) for number, point in enumerate(points)]
        for point, found in running:
            try:
                rows.append((point, found.result()))
            except Exception as error:  # noqa: BLE001  all points are shown
                wrong.append(f"{point.name}: {type(error).__name__}: {error}\n" + "\n".join(getattr(error, "__notes__", [])))
    assert not wrong, f"{len(wrong)} of {len(points)} points are wrong:\n" + "\n\n".join(wrong[:5])
    return [row for _, row in rows if row], [point for point, row in rows if not row]


def say(t, driver, rows):
    of = [row for row in rows if row.point.driver is driver]
    if of:
        restarts, uncertain, page_s = sum(row.restarts for row in of), sum(row.uncertain for row in of), max(row.page_s for row in of)
        print(
            f"crash_matrix[{t.database}]: {driver.name}: {len(of)} points, {restarts} restarts in {len(of)} runs, "
            f"{uncertain} uncertain, slowest page {page_s:.2f} s",
            flush=True,
        )


def count_calls(t, driver, number):
    """The calls outside that an undisturbed run makes."""
    from ..crash import Trial, judge

    trial = Trial(t, number, driver)
    try:
        trial.person.start()
        run = trial.finish()
        judge(trial, Point(driver), None, 0.0, run)
        return trial.town.requests()
    finally:
        trial.end()


@only("sqlite")
@slow(300)
def test_nothing_is_done_twice_wherever_it_is_killed(t):
    begin = time.monotonic()
    t.hooks  # made here, once
    with concurrent.futures.ThreadPoolExecutor(len(DRIVERS)) as pool:
        calls = list(pool.map(lambda pair: count_calls(t, pair[1], f"undisturbed-{pair[0]}"), enumerate(DRIVERS)))
    points = []
    for driver, count in zip(DRIVERS, calls, strict=True):
        assert len(count) >= 8, f"{driver.name}: only {count}: nothing is tested"
        for n, call in enumerate(count, 1):
            # What only reads and comes late changes nothing.
            points += [Point(driver, n, when) for when in ("before", "after", *(["late"] if call["method"] != "GET" else []))]
        points += [Point(driver, at=moment) for moment in (STARTED, *MOMENTS)]
    points = [point for point in points if ONLY in point.name]
    rows, missed = run_all(t, points)
    for driver in DRIVERS:
        say(t, driver, rows)
    print(f"crash_matrix[{t.database}]: {len(rows)} kills in {time.monotonic() - begin:.0f} s, calls {[len(of) for of in calls]}, not reached {len(missed)}", flush=True)
    assert ONLY or len(rows) >= 200, f"only {len(rows)} points"
    if os.environ.get("UPDATE") == "1" and not ONLY:
        TABLE.write_text(table(rows))


def table(rows):
    return "\n".join(f"{row.point.name} | {row.call} | {row.told}" for row in rows)

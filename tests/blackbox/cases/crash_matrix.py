"""kill -9 inside every call outside that a runbook makes, and between any two: nothing is done twice, and every run ends explained.

FIREDOG_TEST_POINTS=TEXT runs only points whose name contains TEXT; UPDATE=1 writes the table of every driver whose points were all run to
docs/crash-matrix.md.
"""

import concurrent.futures
import os
import pathlib
import time

from ..crash import HTTP, MOMENTS, RPC, STARTED, Driver, Point, Trial, attempt, judge
from . import alone, only, slow

# Each point is a town and a server that wait most of the time.
AT_ONCE = int(os.environ.get("FIREDOG_TEST_AT_ONCE", "40"))
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

# What an institution's outage asks for, up to the restarts: chat, logs, a probe and a decision.
OUTAGE = {
    "runbook": "outage",
    "for": {"institution": "required"},
    "steps": [
        {"do": "Tell support", "uses": "support.tell", "with": {"answer_within": "10s"}},
        {"do": "Find the root error", "uses": "logs.root_error", "with": {"last": "15m"}},
        {"do": "See who else fails", "uses": "logs.blast_radius", "with": {"last": "15m"}},
        {"do": "Probe the core", "uses": "net.probe", "with": {"target": "${institution.core_endpoint}"}},
        {"do": "Decide", "uses": "decide", "with": {"table": "ours-or-theirs"}},
        *({"when": "decision.remedy == 'restart'"} | step for step in RESTART["steps"]),
    ],
}

DRIVERS = [
    Driver("Jenkins, Marathon", ("--through", "marathon", *FAST), "marathon", RESTART),
    Driver("Jenkins without a key, Marathon", ("--through", "marathon", "--no-key", *FAST), "marathon", RESTART, keyed=False),
    Driver("Jenkins, Kubernetes", ("--through", "kubernetes", *FAST), "kubernetes", RESTART),
    Driver("rollout by Kubernetes", ("--through", "rollout", *FAST), "kubernetes", RESTART),
    Driver(
        "an institution's outage", ("--through", "rollout", *FAST), "kubernetes", OUTAGE, inputs=(("institution", "inst-1"),),
        weather=("pool_exhausted",), told=6,
        systems=("slack", "search", "core"),
    ),
]  # fmt: skip


def run_all(t, points):
    """The rows, in the order of the points; fails with everything that is wrong."""
    rows, wrong = [], []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        # PostgreSQL's databases are made by this thread, one after the other.
        database = t.cluster.new_database if t.database == "postgres" else lambda: None
        # Those that take longest first.
        order = sorted(enumerate(points), key=lambda one: (not one[1].driver.told, one[1].when not in ("twice", "before")))
        running = [(number, point, pool.submit(attempt, t, number, point, database())) for number, point in order]
        for _, point, found in sorted(running, key=lambda one: one[0]):
            try:
                rows.append((point, found.result()))
            except Exception as error:  # noqa: BLE001  all points are shown
                wrong.append((point.name, f"{point.name}: {type(error).__name__}: {error}\n" + "\n".join(getattr(error, "__notes__", []))))
    names = "\n".join(name for name, _ in wrong)
    assert not wrong, f"{len(wrong)} of {len(points)} points are wrong:\n{names}\n\n" + "\n\n".join(why for _, why in wrong[:5])
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


def points_of(driver, calls):
    assert len(calls) >= 8, f"{driver.name}: only {calls}: nothing is tested"
    points = []
    for n, call in enumerate(calls, 1):
        if driver.systems is None or call["system"] in driver.systems:
            # What only reads and comes late changes nothing; without a key a person is asked after the first kill. A message that is
            # so late is said again, and the newer one deleted: support is not kept waiting for it.
            late = [] if is_read(call) or driver.told else ["late", "twice"] if driver.keyed and call["method"] == "POST" else ["late"]
            points += [Point(driver, n, when) for when in ("before", "after", *late)]
    return points + ([Point(driver, at=moment) for moment in (STARTED, *MOMENTS)] if driver.systems is None else [])


def is_read(call):
    return call["method"] == "GET" or call["system"] in ("search", "core")


def count_calls(t, driver, number):
    """The calls outside that an undisturbed run makes."""
    trial = Trial(t, number, driver)
    try:
        trial.person.start()
        run = trial.finish()
        judge(trial, Point(driver), None, 0.0, run)
        return trial.town.requests()
    finally:
        trial.end()


# It keeps both cores busy, and measures how late pages leave.
@alone
@only("sqlite")
def test_nothing_is_done_twice_wherever_it_is_killed(t):
    begin = time.monotonic()
    t.hooks  # made here, once
    with concurrent.futures.ThreadPoolExecutor(len(DRIVERS)) as pool:
        calls = list(pool.map(lambda pair: count_calls(t, pair[1], f"undisturbed-{pair[0]}"), enumerate(DRIVERS)))
    every = [point for driver, made in zip(DRIVERS, calls, strict=True) for point in points_of(driver, made)]
    points = [point for point in every if ONLY in point.name]
    rows, missed = run_all(t, points)
    for driver in DRIVERS:
        say(t, driver, rows)
    print(f"crash_matrix[{t.database}]: {len(rows)} kills in {time.monotonic() - begin:.0f} s, calls {[len(of) for of in calls]}, not reached {len(missed)}", flush=True)
    assert ONLY or len(rows) >= 200, f"only {len(rows)} points"
    if os.environ.get("UPDATE") == "1":
        # Of a driver all of whose points were run; the others stand as they were found last.
        whole = [driver for driver in DRIVERS if all(ONLY in point.name for point in every if point.driver is driver)]
        TABLE.write_text(table(rows, whole, TABLE.read_text()))


@only("postgres")
@slow(180)
def test_on_a_shared_database_nothing_is_done_twice_either(t):
    """A handful: what was interrupted goes on when its lease of 90 s has ended, since another node may be at it."""
    begin = time.monotonic()
    t.hooks  # noqa: B018  made here, once
    points = []
    for number, driver in enumerate(DRIVERS[i] for i in (0, 1, 3)):
        calls = count_calls(t, driver, f"undisturbed-{number}")
        acts = [n for n, call in enumerate(calls, 1) if not is_read(call)]
        points += [Point(driver, acts[0], when) for when in ("before", "after", "late")]
        points += [Point(driver, acts[-1], "after"), Point(driver, acts[0] - 1, "after"), Point(driver, acts[0] + 2, "before")]
        points += [Point(driver, at=moment) for moment in MOMENTS if "first" in moment]
    points = [point for point in points if ONLY in point.name]
    rows, missed = run_all(t, points)
    for driver in DRIVERS:
        say(t, driver, rows)
    print(f"crash_matrix[{t.database}]: {len(rows)} kills in {time.monotonic() - begin:.0f} s, not reached {len(missed)}", flush=True)
    assert ONLY or len(rows) >= 25, f"only {len(rows)} points"


HEAD = """# The crash matrix

`kill -9` inside every call outside that a runbook makes, and between any two of them, on the built binary with SQLite. A town (`firedog town`)
holds the call; Firedog is killed, started again on the same database, and the run goes on to its end. `tests/blackbox/cases/crash_matrix.py`
made this table, and fails unless at every point

- each server was restarted exactly once, HTTP before RPC, and nobody was asked for a second build or rollout;
- the run ended `done`, and its log says how every step ended, and that it was interrupted;
- only a build without a key, killed while it was asked for, became `uncertain` and asked a person, who looked;
- the page that was on its way, and one triggered right after the start, came within 2 s of the ready line.

`before`: held before anything was done, and never done. `after`: done, and the answer never came. `late`: done some seconds after Firedog was back.
`twice`: the first one was never done, and the one made in its place killed Firedog again, and was done late.
A message to support is not tried `late`: nobody waits 45 s with the first notice to find out, so it is said again, and the newer of two is deleted when they meet.

"""


def table(rows, whole, before):
    """What is published."""
    parts = [HEAD]
    for driver in DRIVERS:
        title = f"## {driver.name[0].upper()}{driver.name[1:]}\n"
        if driver not in whole:
            parts.append(title + before.split(title)[1].split("\n## ")[0].rstrip("\n") + "\n\n")
            continue
        of = [row for row in rows if row.point.driver is driver]
        uncertain, page_s = sum(row.uncertain for row in of), max(row.page_s for row in of)
        parts.append(
            f"{title}\n{len(of)} kills, {sum(row.restarts for row in of)} restarts in "
            f"{len(of)} runs of two, {uncertain} uncertain, slowest page {page_s:.2f} s.\n\n| killed | call | what happened |\n|---|---|---|\n"
        )
        for row in of:
            killed = f"{row.point.call}, {row.point.when}" if row.point.call else row.point.at
            parts.append(f"| {killed} | {f'`{row.call}`' if row.call else ''} | {row.told} |\n")
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"

"""`make bench`: Firedog beside Debian's Alertmanager, in the same run on the same machine.

Prints one table: medians of the rounds, with the range, and Firedog's ratio to Alertmanager. Firedog's
2xx means that the event is on the disk; Alertmanager's means that it is in memory.
"""

import argparse
import asyncio
import concurrent.futures
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

import latency  # noqa: E402
import machine  # noqa: E402
from blackbox import setups, web  # noqa: E402
from blackbox.case import Case, Once  # noqa: E402
from blackbox.peers import ALERTMANAGER, Alertmanager  # noqa: E402
from blackbox.postgres import Cluster  # noqa: E402
from blackbox.process import free_port  # noqa: E402
from blackbox.wait import until  # noqa: E402

AM, PD = setups.KEYS["am"], setups.KEYS["pd"]
CONNECTIONS = 64
# Alerts that are sent again and again: as many as a large site has open on a bad day.
OPEN = 10_000
# New ones per round: more than can be accepted in its seconds.
NEW = 400_000
PAGES_PER_S = 100
# Runs that wait for somebody.
RUNS = 10_000
# Steps that call nothing outside: what is left is what a step costs.
STEPS, STEP_RUNS = 90, 5


def alert(number, kind="open"):
    return {
        "labels": {
            "alertname": f"DiskFull{number % 50}", "instance": f"{kind}-{number}.example.com", "severity": "critical",
            "cluster": f"eu-west-{number % 20}", "team": "storage",
        },
        "annotations": {
            "summary": f"Disk /var on host-{number} is 97% full", "runbook": "https://wiki.example.com/runbooks/disk-full",
            "description": "The volume has less than three percent of free space left",
        },
        "generatorURL": "http://prom.example.com/graph",
    }  # fmt: skip


def event(number):
    return {
        "routing_key": PD, "event_action": "trigger", "dedup_key": f"host-{number}/disk-full",
        "payload": {
            "summary": f"Disk /var on host-{number} is 97% full", "source": f"host-{number}.example.com", "severity": "critical",
            "custom_details": {"mount": "/var", "used": "97%", "runbook": "https://wiki.example.com/runbooks/disk-full"},
        },
    }  # fmt: skip


def lines(path, bodies):
    with open(path, "w") as file:
        file.writelines(json.dumps(body, separators=(",", ":")) + "\n" for body in bodies)
    return path


def write_bodies(directory):
    """The request bodies, built once: (name, path below the server, file, alerts in a body)."""
    batch = lambda first, size, kind: [alert(first + n, kind) for n in range(size)]  # noqa: E731
    return {
        "events": lines(directory / "events", (event(n) for n in range(OPEN))),
        "singles": lines(directory / "singles", (batch(n, 1, "open") for n in range(OPEN))),
        "batches": lines(directory / "batches", (batch(n * 64, 64, "open") for n in range(OPEN // 64))),
        "new": lines(directory / "new", (batch(n * 64, 64, "new") for n in range(NEW // 64))),
    }


def wrk(url, bodies, seconds):
    """Requests per second, and the latency's p50 and p99 in milliseconds."""
    command = ["/usr/bin/wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", ROOT / "bench/replay.lua", url, "--", bodies]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds + 60)
    for line in done.stdout.splitlines():
        if line.startswith("result "):
            requests, duration_us, refused, failed, p50_us, p99_us = map(int, line.split()[1:])
            if refused or failed:
                raise SystemExit(f"{url}: {refused} of {requests} requests refused, {failed} failed: the figures would mean nothing")
            return requests / (duration_us / 1e6), p50_us / 1000, p99_us / 1000
    raise SystemExit(f"wrk failed:\n{done.stdout}{done.stderr}")


def sleeping_setup(hook):
    """Everybody is asleep and everything can wait: pages are decided and stored, and not sent."""
    now = datetime.datetime.now(datetime.timezone.utc)
    setup = setups.pupper(lambda user: [{"id": "hook", "webhook": hook}])
    for user in setup["users"]:
        user["waking"] = {"from": f"{now + datetime.timedelta(hours=5):%H:%M}", "to": f"{now + datetime.timedelta(hours=6):%H:%M}"}
    setup["services"][0]["urgency"] = "low"
    return setup


def runbook_setup():
    setup = setups.pupper(lambda user: [{"id": "hook", "webhook": "http://127.0.0.1:9/nobody"}])
    setup["institutions"] = [{"id": f"inst-{n}"} for n in range(RUNS)]
    step = {"do": "Decide", "uses": "decide", "with": {"table": "ours-or-theirs"}}
    setup["runbooks"] = [
        {"runbook": "waits", "for": {"institution": "required"}, "steps": [{"do": "Look", "ask": {"seen": "text"}}]},
        {"runbook": "steps", "for": {"institution": "required"}, "steps": [step] * STEPS},
    ]
    return setup


class Table:
    """Figures by row and column; every round adds one."""

    def __init__(self, columns):
        self.columns, self.rows = columns, {}

    def add(self, row, column, value):
        self.rows.setdefault(row, {}).setdefault(column, []).append(value)

    def text(self):
        heads = ["", *self.columns, "ratio"]
        cells = [[row, *(self._cell(by_column.get(column)) for column in self.columns), self._ratio(by_column)] for row, by_column in self.rows.items()]
        widths = [max(len(line[at]) for line in [heads, *cells]) for at in range(len(heads))]
        show = lambda line: "  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))])  # noqa: E731
        return "\n".join([show(heads), *map(show, cells)])

    def _cell(self, values):
        if not values:
            return "-"
        low, middle, high = min(values), machine.median(values), max(values)
        return number(middle) if low == high else f"{number(middle)} [{number(low)}..{number(high)}]"

    def _ratio(self, by_column):
        ours, theirs = by_column.get(self.columns[0]), by_column.get("Alertmanager")
        return f"{machine.median(ours) / machine.median(theirs):.2f}" if ours and theirs else "-"


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


ROWS = {
    "event": "ingest, 1 PagerDuty event per request, /s",
    "single": "ingest, 1 alert per request, alerts/s",
    "batch": "ingest, 64 alerts per request, alerts/s",
    "new": "ingest, 64 new alerts per request, alerts/s",
    "single_p50": "  1 per request: answered after, p50 ms",
    "single_p99": "  1 per request: answered after, p99 ms",
    "answer_p50": f"at {PAGES_PER_S} new alerts/s: sent to answered, p50 ms",
    "answer_p99": f"at {PAGES_PER_S} new alerts/s: sent to answered, p99 ms",
    "page_p50": f"at {PAGES_PER_S} new alerts/s: sent to page arrived, p50 ms",
    "page_p99": f"at {PAGES_PER_S} new alerts/s: sent to page arrived, p99 ms",
    "ready": "start to ready, empty, ms",
    "again": "start to ready, after the ingest, ms",
    "idle": "resident memory, idle, MiB",
    "full": "resident memory, after the ingest, MiB",
    "step_p50": "runbook: a step beyond its outside call, p50 ms",
    "step_p99": "runbook: a step beyond its outside call, p99 ms",
    "runs": f"runbook: {RUNS:,} waiting runs, MiB",
    "threads": f"runbook: {RUNS:,} waiting runs, threads",
    "size": "binary, MiB",
}


class Bench:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.table = Table(["Firedog, SQLite", "Alertmanager", "Firedog, PostgreSQL"])
        self.bodies = write_bodies(directory)
        self.probes = []
        # PostgreSQL runs as another user, who may not reach into this directory.
        self.public = pathlib.Path(tempfile.mkdtemp(prefix="firedog-bench-", dir="/var/tmp"))
        self.public.chmod(0o755)
        self.cluster = Once(lambda: Cluster(self.public / "postgres", fsync=True))
        self.cases = 0

    def case(self, database):
        self.cases += 1
        return Case(f"bench{self.cases}", self.options.binary, self.directory / f"case{self.cases}", database, self.cluster)

    def add(self, row, column, value):
        self.table.add(ROWS[row], column, value)

    def probe(self):
        self.probes.append(machine.sync_probe(self.directory))

    def ingest(self, column, base, am_path, event_path=None):
        seconds = self.options.seconds
        if event_path:
            rate, _, _ = wrk(base + event_path, self.bodies["events"], seconds)
            self.add("event", column, rate)
        self.fill(base + am_path)
        rate, p50, p99 = wrk(base + am_path, self.bodies["singles"], seconds)
        for row, value in (("single", rate), ("single_p50", p50), ("single_p99", p99)):
            self.add(row, column, value)
        rate, _, _ = wrk(base + am_path, self.bodies["batches"], seconds)
        self.add("batch", column, rate * 64)
        rate, _, _ = wrk(base + am_path, self.bodies["new"], seconds)
        self.add("new", column, rate * 64)

    def fill(self, url):
        """Opens the alerts that are then sent again."""
        for body in open(self.bodies["batches"]):
            web.send("POST", url, body=body.encode(), headers={"Content-Type": "application/json"}).expect(200)

    def firedog(self, column, database, run):
        unlimited = {"FIREDOG_INGEST_RATE": "100000000", "FIREDOG_INGEST_BURST": "100000000", "FIREDOG_LOG": "warn"}
        case = self.case(database)
        try:
            server = case.firedog(sleeping_setup("http://127.0.0.1:9/nobody"), start=False, **unlimited)
            begin = time.perf_counter()
            server.start()
            self.add("ready", column, (time.perf_counter() - begin) * 1000)
            self.add("idle", column, self.settled(server.process.pid))
            self.ingest(column, server.url, f"/in/{AM}/api/v2/alerts", "/v2/enqueue")
            self.add("full", column, machine.resident_mib(server.process.pid))
            server.stop()
            begin = time.perf_counter()
            server.start()
            self.add("again", column, (time.perf_counter() - begin) * 1000)
        finally:
            case.end()
        case = self.case(database)
        try:
            port = free_port()
            hook = lambda user: [{"id": "hook", "webhook": f"http://127.0.0.1:{port}/{user}"}]  # noqa: E731
            server = case.firedog(setups.pupper(hook), **unlimited)
            path = f"/in/{AM}/api/v2/alerts"
            self.pages(column, server.url, path, port, run)
        finally:
            case.end()

    def runbooks(self, column, database):
        case = self.case(database)
        try:
            server = case.firedog(runbook_setup(), **{"FIREDOG_LOG": "warn"})
            get = lambda path: server.api("GET", path).expect(200).json  # noqa: E731
            body = lambda book, n: {"runbook": book, "inputs": {"institution": f"inst-{n}"}}  # noqa: E731
            start = lambda book, n: server.api("POST", "/runs", json_body=body(book, n)).expect(201).json["id"]  # noqa: E731
            took = []
            for n in range(STEP_RUNS):
                run = start("steps", n)
                until("the run's end", lambda run=run: get(f"/runs/{run}")["state"] == "done", 60, every=0.1)
                lines = [line for line in get(f"/runs/{run}/log?after=0") if line["kind"] == "begun"]
                times = [datetime.datetime.fromisoformat(line["at"]).timestamp() * 1000 for line in lines]
                took += [after - before for before, after in zip(times, times[1:])]
            for name, value in zip(("p50", "p99"), machine.percentiles(took)):
                self.add(f"step_{name}", column, value)
            pid = server.process.pid
            memory, threads = self.settled(pid), machine.threads(pid)
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                list(pool.map(lambda n: start("waits", n), range(RUNS)))
            self.add("runs", column, self.settled(pid) - memory)
            self.add("threads", column, machine.threads(pid) - threads)
        finally:
            case.end()

    def alertmanager(self, column, run):
        case = self.case("sqlite")
        try:
            begin = time.perf_counter()
            peer = Alertmanager(case, {}, ready=alertmanager_ready)
            self.add("ready", column, (time.perf_counter() - begin) * 1000)
            self.add("idle", column, self.settled(peer.process.pid))
            self.ingest(column, peer.url, "/api/v2/alerts")
            self.add("full", column, machine.resident_mib(peer.process.pid))
        finally:
            case.end()
        case = self.case("sqlite")
        try:
            port = free_port()
            receiver = {"webhook_configs": [{"url": f"http://127.0.0.1:{port}/", "send_resolved": False}]}
            # No waiting and every alert for itself: the fastest that it pages.
            peer = Alertmanager(case, receiver, {"group_by": ["..."], "group_wait": "0s"})
            self.pages(column, peer.url, "/api/v2/alerts", port, run)
        finally:
            case.end()

    def pages(self, column, url, path, port, run):
        body_of = lambda key: (path, [{"labels": {"alertname": "Latency", "key": key}, "annotations": {"summary": key}}])  # noqa: E731
        answer, page = asyncio.run(latency.measure(url, body_of, PAGES_PER_S, self.options.seconds * 2, port, run))
        for row, values in (("answer", answer), ("page", page)):
            for name, value in zip(("p50", "p99"), machine.percentiles(values)):
                self.add(f"{row}_{name}", column, value)

    @staticmethod
    def settled(pid):
        """Resident memory once it no longer changes."""
        last = [0.0]

        def same():
            now = machine.resident_mib(pid)
            steady, last[0] = abs(now - last[0]) < 0.1, now
            return steady and now

        return until("memory to settle", same, 20, every=1)

    def run(self):
        print(f"{os.cpu_count()} cores, {machine.file_system(self.directory)}; before: {machine.pressure()}", flush=True)
        for run in range(self.options.rounds):
            self.probe()
            self.firedog("Firedog, SQLite", "sqlite", run)
            self.runbooks("Firedog, SQLite", "sqlite")
            self.probe()
            self.alertmanager("Alertmanager", run)
            if not self.options.no_postgres:
                self.probe()
                self.firedog("Firedog, PostgreSQL", "postgres", run)
                self.runbooks("Firedog, PostgreSQL", "postgres")
            print(f"round {run + 1} of {self.options.rounds}: {machine.pressure()}", flush=True)
        self.add("size", "Firedog, SQLite", self.options.binary.stat().st_size / 2**20)
        self.add("size", "Alertmanager", pathlib.Path(ALERTMANAGER).stat().st_size / 2**20)
        print(f"\nMedians of {self.options.rounds} rounds [range]; {CONNECTIONS} connections; ratio: Firedog on SQLite to Alertmanager.\n")
        order = {name: place for place, name in enumerate(ROWS.values())}
        self.table.rows = dict(sorted(self.table.rows.items(), key=lambda row: order[row[0]]))
        print(self.table.text())
        for name in ("append", "overwrite"):
            middle = [machine.median([probe[name][at] for probe in self.probes]) for at in (0, 1)]
            print(f"one 4 KiB write with fdatasync, {name}, in the same minutes: p50 {middle[0]:.2f} ms, p99 {middle[1]:.2f} ms")
        print(
            "Firedog answers when the event is on the disk (fdatasync), Alertmanager when it is in memory. Ingest: 10,000 open alerts that are sent\n"
            "again; `new` opens alerts, with their first page decided and stored but not sent (low urgency, everybody asleep). Limits per key were\n"
            "raised by FIREDOG_INGEST_RATE and FIREDOG_INGEST_BURST. Alertmanager pages with group_wait 0 s and a group per alert.\n"
            "A step of a runbook is two commits, its intent and its outcome; these call nothing outside.\n"
            f"after: {machine.pressure()}"
        )


def alertmanager_ready(port, process):
    def ready():
        return web.send("GET", f"http://127.0.0.1:{port}/-/ready", seconds=1).status == 200

    until(f"{process.name} is ready", ready, 20, every=0.001)


def main():
    arguments = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/firedog")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=int, default=4, help="length of one measurement")
    arguments.add_argument("--no-postgres", action="store_true")
    arguments.add_argument("--directory", type=pathlib.Path, default=ROOT / "target/bench", help="on the disk to be measured")
    options = arguments.parse_args()
    options.binary = options.binary.resolve()
    shutil.rmtree(options.directory, ignore_errors=True)
    options.directory.mkdir(parents=True)
    bench = Bench(options, options.directory.resolve())
    try:
        bench.run()
    finally:
        bench.cluster.stop()
        shutil.rmtree(bench.public, ignore_errors=True)
        shutil.rmtree(options.directory, ignore_errors=True)


if __name__ == "__main__":
    main()

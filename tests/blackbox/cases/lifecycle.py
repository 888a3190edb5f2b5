"""Stopping, starting, pausing, filling the disk: what the server does around its work."""

import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

from .. import firedog, web
from ..case import Skipped
from ..setups import KEYS, by_hook, pupper
from ..wait import never, until
from . import only

PD = KEYS["pd"]


def test_sigterm_finishes_what_is_under_way_and_exits_0(t):
    reached, release = threading.Event(), threading.Event()

    def slow_answer():
        reached.set()
        release.wait(5)
        return 200

    t.hooks.answer["/ada"] = [slow_answer]
    server = t.firedog(pupper(by_hook(t.hooks)))
    server.enqueue(PD, summary="under way")
    assert reached.wait(10), "the page is on its way"
    server.process.send(signal.SIGTERM)
    threading.Timer(0.5, release.set).start()
    assert server.process.wait(20) == 0
    server.start()
    entries = until("the outcome is known", lambda: server.timeline(server.only_alert()["id"], "notified"))
    assert entries[-1]["outcome"] == "sent", entries
    never("the page comes again", lambda: len(t.hooks.pages("/ada")) > 1, 1)


def test_a_restart_forgets_nothing_and_resumes_the_escalation(t):
    server = t.firedog(pupper(by_hook(t.hooks), waits=("4s", "1h")))
    server.enqueue(PD, dedup_key="k", summary="before the restart")
    first = t.hooks.wait("/ada")
    assert server.stop() == 0
    begin = time.monotonic()
    server.start()
    assert time.monotonic() - begin < 5
    second = t.hooks.wait("/grace", seconds=15)
    assert second.received - first.received >= 3.5
    # The link in the first page still works.
    web.send("POST", first.json["ack_url"], form={"action": "acknowledge"}).expect(200, 303)
    assert server.only_alert()["state"] == "acknowledged"
    assert len(t.hooks.pages("/ada")) == 1


def test_what_fell_due_while_it_was_down_is_paged_at_the_start(t):
    server = t.firedog(pupper(by_hook(t.hooks), waits=("2s", "1h")))
    server.enqueue(PD, summary="x")
    t.hooks.wait("/ada")
    server.kill()
    never("a page by a dead server", lambda: t.hooks.pages("/grace"), 3)
    server.start()
    t.hooks.wait("/grace", seconds=5)


def test_a_stopped_process_catches_up(t):
    server = t.firedog(pupper(by_hook(t.hooks), waits=("3s", "1h")))
    server.enqueue(PD, summary="x")
    t.hooks.wait("/ada")
    server.process.send(signal.SIGSTOP)
    never("a page by a stopped server", lambda: t.hooks.pages("/grace"), 5)
    server.process.send(signal.SIGCONT)
    t.hooks.wait("/grace", seconds=10)
    assert len(t.hooks.pages("/grace")) == 1


@only("sqlite")
def test_a_second_process_on_the_same_file_is_refused(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    second = firedog.Firedog(t.binary, t.directory / "second", server.database, server.setup)
    second.env["FIREDOG_SECRET_KEY_FILE"] = server.env["FIREDOG_SECRET_KEY_FILE"]
    process = second.launch().process
    t.at_end(process.kill)
    assert process.wait(15) == 1, process.tail()
    assert "firedog.db" in process.text() and "another" in process.text().lower(), process.text()
    server.enqueue(PD, summary="the first one is unharmed")
    t.hooks.wait("/ada")
    # A process that was killed leaves nothing behind that keeps the next one out.
    server.kill()
    server.start()


@only("postgres")
def test_postgres_going_away_is_survived(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    server.enqueue(PD, summary="before")
    t.hooks.wait("/ada", about="before")
    name = server.database.rsplit("/", 1)[1]
    t.cluster.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'", "postgres")
    # A sender that is refused tries again, as senders do.
    event = {"routing_key": PD, "event_action": "trigger", "dedup_key": "k", "payload": {"summary": "after", "source": "x", "severity": "error"}}
    until("events are accepted again", lambda: server.send("POST", "/v2/enqueue", json_body=event).status == 202, 20)
    t.hooks.wait("/ada", about="after")
    until("it is ready", lambda: server.send("GET", "/readyz").status == 200)


@only("postgres")
def test_two_servers_on_one_database_page_once(t):
    one = t.firedog(pupper(by_hook(t.hooks), waits=("3s", "1h")))
    two = firedog.Firedog(t.binary, t.directory / "second", one.database, one.setup)
    two.env["FIREDOG_SECRET_KEY_FILE"] = one.env["FIREDOG_SECRET_KEY_FILE"]
    two.token = two.env["FIREDOG_ADMIN_TOKEN"] = one.token
    two.start()
    t.at_end(two.process.kill)
    for number in range(20):
        (one, two)[number % 2].enqueue(PD, dedup_key=str(number), summary=f"alert {number}.")
    for number in range(20):
        t.hooks.wait("/grace", about=f"alert {number}.", seconds=20)
    assert len(t.hooks.pages("/ada")) == 20 and len(t.hooks.pages("/grace")) == 20
    # What one knows the other knows.
    alert = two.only_alert("alert 7.")
    one.run("alert", "ack", alert["id"])
    assert two.state(alert["id"]) == "acknowledged"
    assert two.stop() == 0


@only("sqlite")
def test_a_full_disk_loses_nothing_that_was_accepted(t):
    if os.geteuid() != 0:
        raise Skipped("only root may mount a small file system to fill")
    disk = t.directory / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=True, timeout=10)
    t.at_end(subprocess.run, ["umount", "-l", disk])
    server = t.firedog(pupper(by_hook(t.hooks)), start=False)
    server.env["FIREDOG_DATABASE"] = server.database = f"sqlite:{disk / 'firedog.db'}"
    server.start()
    ballast = disk / "ballast"
    accepted, refused = fill(server, ballast)
    assert accepted and refused, f"{len(accepted)} accepted, {refused} refused: the disk was never full"
    # Room again: it goes on, by itself or after the restart that its exit asks for.
    ballast.unlink()
    if not server.process.running():
        server.start()
    until("events are accepted again", lambda: answer(server, "after") == 202, 30)
    kept = {alert["dedup_key"] for alert in server.alerts("--state", "all", "--limit", "100000")}
    assert accepted <= kept, f"lost: {sorted(accepted - kept)[:5]}"
    until("every alert is paged", lambda: kept <= {page.alert["dedup_key"] for page in t.hooks.pages("/ada")}, 60)


def answer(server, key, size=2000):
    """The status of one event; 0 if there was no answer."""
    event = {
        "routing_key": PD, "event_action": "trigger", "dedup_key": key,
        "payload": {"summary": key, "source": "x", "severity": "error", "custom_details": {"text": "x" * size}},
    }  # fmt: skip
    try:
        return server.send("POST", "/v2/enqueue", json_body=event).status
    except OSError:
        return 0


def fill(server, ballast):
    """Sends until the disk is full and some were refused. Answers the accepted keys and how many were refused."""
    accepted, refused = set(), 0
    for number in range(3000):
        if number == 20:
            free = shutil.disk_usage(ballast.parent).free
            pathlib.Path(ballast).write_bytes(b"\0" * max(0, free - 200_000))
        status = answer(server, f"event-{number}")
        if status == 202:
            accepted.add(f"event-{number}")
        else:
            refused += 1
            assert status in (0, 500, 503), status
        if refused >= 5 or not server.process.running():
            break
    return accepted, refused

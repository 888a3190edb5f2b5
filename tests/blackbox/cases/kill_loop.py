"""kill -9, again and again, while events come in: what was accepted is an alert and is paged.

FIREDOG_TEST_KILLS and FIREDOG_TEST_SEED set how often, and replay the moments of a run.
"""

import collections
import http.client
import json
import os
import random
import threading
import time

from ..process import free_port
from ..setups import KEYS, by_hook, pupper
from ..wait import until

# It keeps both cores busy.
ALONE = True

KILLS = int(os.environ.get("FIREDOG_TEST_KILLS", "25"))
# How long a server lives, in seconds: long enough to accept something, short enough to die at every stage.
LIFE_S = (0.005, 0.5)
SENDERS = 4
# Pages per second are bounded by the receiver here, which is Python; so are the events, therefore.
PAUSE_S = 0.004


class Loader:
    """Sends events with keys of their own until told to stop. Remembers which were accepted."""

    def __init__(self, host, number):
        self.host, self.number = host, number
        self.accepted, self.sent = [], 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        connection = http.client.HTTPConnection(self.host, timeout=5)
        while not self.stopping.is_set():
            key = f"{self.number}-{self.sent}"
            self.sent += 1
            event = {
                "routing_key": KEYS["pd"], "event_action": "trigger", "dedup_key": key,
                "payload": {"summary": key, "source": "loader", "severity": "critical"},
            }  # fmt: skip
            try:
                connection.request("POST", "/v2/enqueue", json.dumps(event), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 202:
                    self.accepted.append(key)
            except (OSError, http.client.HTTPException):
                connection.close()  # it was killed; this event may or may not be kept
                self.stopping.wait(0.01)
            self.stopping.wait(PAUSE_S)
        connection.close()

    def stop(self):
        self.stopping.set()
        self.thread.join(15)
        assert not self.thread.is_alive(), "a sender hangs"


def test_what_was_accepted_survives_and_is_paged(t):
    seed = int(os.environ.get("FIREDOG_TEST_SEED", random.randrange(2**32)))
    moments = random.Random(seed)
    print(f"kill_loop[{t.database}]: FIREDOG_TEST_SEED={seed} FIREDOG_TEST_KILLS={KILLS}", flush=True)
    port = free_port()
    server = t.firedog(pupper(by_hook(t.hooks)), start=False, FIREDOG_LISTEN=f"127.0.0.1:{port}")
    server.start()
    loaders = [Loader(server.host, number) for number in range(SENDERS)]
    for kill in range(KILLS):
        time.sleep(moments.uniform(*LIFE_S))
        server.kill()
        if kill % 5 == 4:
            # Killed while it starts, too: before it is ready, whatever it is doing then.
            server.launch()
            time.sleep(moments.uniform(0, 0.05))
            server.kill()
        server.start()
    time.sleep(moments.uniform(*LIFE_S))
    for loader in loaders:
        loader.stop()

    accepted = {key for loader in loaders for key in loader.accepted}
    sent = {f"{loader.number}-{n}" for loader in loaders for n in range(loader.sent)}
    assert len(accepted) >= KILLS, f"only {len(accepted)} events were accepted in {KILLS} lives: nothing is tested"
    alerts = server.alerts("--state", "all", "--limit", "100000")
    times = collections.Counter(alert["dedup_key"] for alert in alerts)
    lost = sorted(accepted - set(times))
    assert not lost, f"seed {seed}: {len(lost)} of {len(accepted)} accepted events are lost, such as {lost[:5]}"
    twice = [key for key, count in times.items() if count > 1]
    assert not twice, f"seed {seed}: alerts that are there more than once: {twice[:5]}"
    assert set(times) <= sent, f"seed {seed}: alerts that nobody sent: {sorted(set(times) - sent)[:5]}"
    assert {alert["state"] for alert in alerts} == {"triggered"}, "nobody acknowledged anything"

    # Every alert's page arrives; again only where a kill came between the page and its record.
    unpaged = lambda: set(times) - {page.alert["dedup_key"] for page in t.hooks.pages("/ada")}  # noqa: E731
    until("every alert is paged", lambda: not unpaged() or unpaged_report(unpaged()), 90, every=0.5)
    pages = collections.Counter(page.idempotency_key for page in t.hooks.pages("/ada"))
    by_alert = collections.defaultdict(set)
    for page in t.hooks.pages("/ada"):
        by_alert[page.alert["dedup_key"]].add(page.idempotency_key)
    split = {key: keys for key, keys in by_alert.items() if len(keys) > 1}
    assert not split, f"seed {seed}: an attempt again must have the same idempotency key: {list(split.items())[:3]}"
    deaths = server.starts - 1
    worst = max(pages.values())
    assert worst <= 1 + deaths, f"seed {seed}: one page came {worst} times in {deaths} kills"
    assert not t.hooks.pages("/grace"), "the second step is not due for an hour"
    server.send("GET", "/readyz").expect(200)
    again = sum(count - 1 for count in pages.values())
    print(f"kill_loop[{t.database}]: {deaths} kills, {len(accepted)} accepted, {len(times)} alerts, {again} pages came again", flush=True)
    assert server.stop() == 0


def unpaged_report(keys):
    raise AssertionError(f"{len(keys)} are not paged, such as {sorted(keys)[:5]}")

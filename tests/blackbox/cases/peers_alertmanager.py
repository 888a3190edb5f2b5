"""Debian's Alertmanager sends to Firedog, and Debian's amtool takes Firedog for an Alertmanager."""

import re

from .. import peers
from ..setups import KEYS, by_hook, pupper
from ..wait import until


def test_webhooks_of_alertmanager_open_and_resolve(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    peer = peers.Alertmanager(t, {"webhook_configs": [{"url": f"{server.url}/in/{KEYS['am']}/alertmanager"}]})
    labels = ["alertname=DiskFull", "severity=warning", "host=db1"]
    peers.amtool_add(peer.url, *labels, summary="97 percent of /var are used")

    page = t.hooks.wait("/ada")
    assert page.alert["summary"] == "97 percent of /var are used", page
    alert = server.only_alert()
    assert alert["labels"] == {"alertname": "DiskFull", "severity": "warning", "host": "db1"}, alert
    assert alert["severity"] == "warning" and alert["service"] == "shop", alert

    # A second alert of the same group is an alert of its own, and the first stays what it is.
    peers.amtool_add(peer.url, "alertname=DiskFull", "severity=warning", "host=db2", summary="db2 as well")
    second = server.only_alert("db2 as well")
    assert second["id"] != alert["id"]

    peers.amtool_resolve(peer.url, *labels, summary="97 percent of /var are used")
    until("the first one resolves", lambda: server.state(alert["id"]) == "resolved", 20)
    assert server.state(second["id"]) == "triggered"
    t.hooks.wait("/ada", "resolved", "97 percent of /var are used")


def test_alertmanager_takes_firedog_for_pagerduty(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    receiver = {"pagerduty_configs": [{"routing_key": KEYS["pd"], "url": f"{server.url}/v2/enqueue", "severity": "error"}]}
    peer = peers.Alertmanager(t, receiver)
    peers.amtool_add(peer.url, "alertname=X")
    alert = server.only_alert()
    # SHA-256 of the group key `{}:{alertname="X"}`.
    assert alert["dedup_key"] == "25fb0bff77cf7f8850f1cb3aeea9e63be0fbd3e78a8c0ef038392ade26e7d3a6", alert
    assert alert["severity"] == "error" and "X" in alert["summary"], alert
    t.hooks.wait("/ada")
    peers.amtool_resolve(peer.url, "alertname=X")
    until("the alert resolves", lambda: server.state(alert["id"]) == "resolved", 20)


def test_amtool_adds_and_queries_alerts(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    url = f"{server.url}/in/{KEYS['am']}"
    assert "HighLatency" not in peers.amtool(url, "alert", "query")
    peers.amtool(url, "alert", "add", "HighLatency", "service=checkout", "severity=critical", "--annotation=summary=p99 above 2s")
    # Vector of the Alertmanager sheet: the fingerprint of these labels.
    found = peers.amtool(url, "alert", "query", "alertname=HighLatency", "--output=json")
    assert '"c75f68922c9ebc87"' in found, found
    assert "p99 above 2s" in peers.amtool(url, "alert", "query", "HighLatency", "--output=extended")
    assert "HighLatency" not in peers.amtool(url, "alert", "query", "alertname=~Low.*", "--output=json")
    page = t.hooks.wait("/ada")
    assert page.alert["summary"] == "p99 above 2s", page
    assert server.only_alert()["labels"]["service"] == "checkout"


def test_amtool_silences(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    url = f"{server.url}/in/{KEYS['am']}"
    id = peers.amtool(url, "silence", "add", "alertname=Noisy", "--author=linus", "--comment=ticket 42", "--duration=2h").strip()
    assert re.fullmatch(r"[0-9a-f-]{36}", id), id
    listed = peers.amtool(url, "silence", "query", "--output=extended")
    assert id in listed and "ticket 42" in listed and "linus" in listed, listed

    # What it matches pages nobody, and amtool sees it as silenced.
    peers.amtool(url, "alert", "add", "Noisy", "--annotation=summary=a noisy one")
    peers.amtool(url, "alert", "add", "Loud", "--annotation=summary=a loud one")
    t.hooks.wait("/ada", about="a loud one")
    silenced = server.only_alert("a noisy one")
    assert "Noisy" not in peers.amtool(url, "alert", "query")
    assert "Noisy" in peers.amtool(url, "alert", "query", "--silenced")
    held = server.timeline(silenced["id"], "held")
    assert held and "silence" in held[0]["reason"], server.timeline(silenced["id"])
    assert not t.hooks.pages(about="a noisy one")

    # A longer end keeps the matchers, so it keeps the id.
    peers.amtool(url, "silence", "update", id, "--duration=4h", "--comment=ticket 43")
    listed = peers.amtool(url, "silence", "query", "--output=extended")
    assert id in listed and "ticket 43" in listed and "ticket 42" not in listed, listed

    # Expired: it is gone from the list, and what it held back pages.
    peers.amtool(url, "silence", "expire", id)
    assert id not in peers.amtool(url, "silence", "query", "--quiet")
    t.hooks.wait("/ada", about="a noisy one")
    assert id in peers.amtool(url, "silence", "query", "--expired", "--quiet")
    # An unknown one is an error.
    peers.amtool(url, "silence", "expire", "00000000-0000-4000-8000-000000000000", code=1)


def test_amtool_reads_the_status(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    url = f"{server.url}/in/{KEYS['am']}"
    assert "receiver" in peers.amtool(url, "config", "show")
    assert "Routing tree" in peers.amtool(url, "config", "routes", "show")
    assert "ready" in peers.amtool(url, "cluster", "show") or "disabled" in peers.amtool(url, "cluster", "show")
    # A wrong key is refused.
    peers.amtool(f"{server.url}/in/not-a-key-that-anybody-gave-out", "alert", "query", code=1)

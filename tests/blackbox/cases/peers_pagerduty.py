"""PagerDuty's own Python client against Firedog, and the vectors of the Events API sheet."""

import json
import os
import pathlib
import subprocess
import sys

from ..setups import KEYS, MORE_PD_KEY, by_hook, pupper, service
from ..tls import TlsFront
from ..wait import until

CLIENT = pathlib.Path(__file__).parent.parent / "pagerduty_client.py"
KEY = KEYS["pd"]


def setup(t, strict=False):
    more = {"strict": True} if strict else {}
    integrations = [
        {"id": "pd", "kind": "pagerduty", "key": KEY} | more,
        {"id": "more", "kind": "pagerduty", "key": MORE_PD_KEY} | more,
    ]
    return pupper(by_hook(t.hooks), services=[service(integrations=integrations)])


def test_the_official_client_works_unmodified(t):
    server = t.firedog(setup(t))
    front = TlsFront(t.directory, server.host)  # the client refuses plain HTTP
    t.at_end(front.stop)
    done = subprocess.run(
        [sys.executable, CLIENT, front.url, KEY],
        env=os.environ | {"SSL_CERT_FILE": str(front.authority)}, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    key = got["trigger"]
    assert isinstance(key, str) and key and got["again"] == key and got["acknowledge"] == key, got
    assert got["second"] == got["resolve"] == "stock/1", got
    assert got["unknown_key"] == 400, got

    [alert] = server.alerts()
    assert alert["dedup_key"] == key and alert["state"] == "acknowledged" and alert["count"] == 2, alert
    assert alert["summary"] == "The shop is on fire" and alert["severity"] == "error", alert
    [closed] = server.alerts("--state", "resolved")
    assert closed["dedup_key"] == "stock/1", closed
    assert t.hooks.wait("/ada").alert["summary"] == "The shop is on fire"


def test_keys_identify_alerts(t):
    server = t.firedog(setup(t))
    # 1. Without a dedup key every trigger is an alert.
    first, second = server.enqueue(KEY, summary="one"), server.enqueue(KEY, summary="two")
    assert first != second and len(server.alerts()) == 2
    # 2. The same key twice is one alert and one page.
    server.enqueue(KEY, dedup_key="k", summary="three")
    server.enqueue(KEY, dedup_key="k", summary="three")
    alert = server.only_alert("three")
    assert alert["count"] == 2, alert
    t.hooks.wait("/ada", about="three")
    # 3. After a resolve it is another one, and pages again.
    server.enqueue(KEY, "resolve", "k")
    until("it resolves", lambda: server.state(alert["id"]) == "resolved")
    server.enqueue(KEY, dedup_key="k", summary="three again")
    assert server.only_alert("three again")["id"] != alert["id"]
    t.hooks.wait("/ada", about="three again")
    assert len(t.hooks.pages("/ada", "three")) == 2, t.hooks.pages("/ada", "three")
    # 4. Resolving what nobody knows changes nothing.
    assert server.enqueue(KEY, "resolve", "never heard of") == "never heard of"
    # 5. Another key's resolve does not count.
    server.enqueue(KEY, dedup_key="mine", summary="mine")
    assert server.enqueue(MORE_PD_KEY, "resolve", "mine") == "mine"
    assert server.only_alert("mine")["state"] == "triggered"
    # An acknowledgement by the source stops nobody from seeing it, but counts.
    server.enqueue(KEY, "acknowledge", "mine")
    assert server.only_alert("mine")["state"] == "acknowledged"


def refused(server, event, status=400, path="/v2/enqueue", **more):
    """The error of one refused event; it must have the shape that every client can read."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    headers = {"Content-Type": "application/json"} | more
    answer = server.send("POST", path, body=body, headers=headers).expect(status)
    assert answer.headers["Content-Type"].startswith("application/json"), answer.headers
    error = answer.json
    assert isinstance(error["status"], str) and isinstance(error["message"], str), error
    assert all(isinstance(text, str) for text in error.get("errors", [])) and error.get("errors", ["x"]), error
    return error


def trigger(**changes):
    payload = {"summary": "s", "source": "x", "severity": "critical"} | changes.pop("payload", {})
    event = {"routing_key": KEY, "event_action": "trigger", "payload": payload} | changes
    return {name: value for name, value in event.items() if value is not None}


def test_what_is_refused_and_how(t):
    server = t.firedog(setup(t, strict=True))
    # 6. The action's spelling.
    assert "event_action" in str(refused(server, trigger(event_action="Trigger"))["errors"])
    # 7. Not an object.
    for body in (b"[]", b"{", b"", b"\xff\xfe"):
        assert refused(server, body)["status"] == "Unrecognized object", body
    # 8. Too large.
    refused(server, trigger(payload={"custom_details": {"text": "x" * 600_000}}), 413)
    # 9. Lengths.
    refused(server, trigger(dedup_key="k" * 256))
    # 10. The key.
    assert "routing" in str(refused(server, trigger(routing_key="a" * 20))["errors"]).lower()
    assert refused(server, trigger(routing_key="a" * 32))["errors"]
    refused(server, trigger(routing_key=None))
    # Missing parts, all named at once.
    errors = str(refused(server, trigger(payload={"summary": None, "source": None, "severity": "purple"}))["errors"])
    assert "summary" in errors and "source" in errors and "severity" in errors, errors
    refused(server, {"routing_key": KEY, "event_action": "resolve"})
    refused(server, {"routing_key": KEY, "event_action": "acknowledge", "dedup_key": ""})
    # Nothing of it was stored.
    assert server.alerts("--state", "all") == [], server.alerts("--state", "all")


def test_what_is_accepted(t):
    server = t.firedog(setup(t))
    ok = lambda event, path="/v2/enqueue", status=202, **headers: server.send(  # noqa: E731
        "POST", path, body=json.dumps(event).encode(), headers=headers
    ).expect(status)
    # 9. Lengths at their limit.
    assert ok(trigger(dedup_key="k" * 255, payload={"summary": "s" * 1024})).json["dedup_key"] == "k" * 255
    # 10. The key in a header only, with and without a content type.
    assert ok(trigger(routing_key=None, dedup_key="header"), **{"X-Routing-Key": KEY}).json["dedup_key"] == "header"
    change = {"payload": {"summary": "Deployed"}}
    assert ok(change, "/v2/change/enqueue", **{"X-Routing-Key": KEY}).json["status"] == "success"
    # 11. Version 1.
    one = {"service_key": KEY, "event_type": "trigger", "incident_key": "srv01/HTTP", "description": "HTTP is down"}
    answer = ok(one, "/generic/2010-04-15/create_event.json", 200).json
    assert answer["incident_key"] == "srv01/HTTP" and answer["status"] == "success", answer
    assert server.only_alert("HTTP is down")["severity"] == "critical"
    ok({"service_key": KEY, "event_type": "resolve", "incident_key": "srv01/HTTP"}, "/generic/2010-04-15/create_event.json", 200)
    until("version 1 resolves", lambda: not [a for a in server.alerts() if a["summary"] == "HTTP is down"])
    # Odd timestamps, nulls, unknown fields, Uptime Kuma's missing source.
    for number, stamp in enumerate(["2026-01-02T03:04:05.678+0000", "2026-01-02T03:04:05+00:00Z", "yesterday", None]):
        ok(trigger(dedup_key=f"odd {number}", images=None, links=[], client=None, payload={"timestamp": stamp, "what": 1}))
    kuma = {"routing_key": KEY, "event_action": "trigger", "dedup_key": "Uptime Kuma/1", "payload": {"summary": "[kuma] DOWN", "severity": "warning"}}
    ok(kuma)
    assert server.only_alert("[kuma] DOWN")["severity"] == "warning"
    # A severity that nobody knows is critical rather than lost.
    ok(trigger(dedup_key="purple", payload={"summary": "purple", "severity": "purple"}))
    assert server.only_alert("purple")["severity"] == "critical"

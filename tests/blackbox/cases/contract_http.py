"""The HTTP side: ingest and its refusals, pages and their links, heartbeats, what holds a page back."""

import datetime
import hashlib
import hmac
import html
import http.client
import json
import re
import socket
import threading
import time

from .. import web
from ..process import free_port
from ..setups import KEYS, by_hook, pupper, service
from ..wait import never, until
from . import slow

AM, PD, GENERIC = KEYS["am"], KEYS["pd"], KEYS["generic"]


def in_(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def post(server, path, **more):
    return server.send("POST", path, **more)


# --- ingest


def test_what_is_not_accepted_leaves_nothing_behind(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    wrong = "no-such-key-no-such-key-no-such-key"
    for path in ("api/v2/alerts", "alertmanager", "grafana", "generic", "heartbeat"):
        assert post(server, f"/in/{wrong}/{path}", json_body=[]).status == 401, path
    for body in (b"{", b'{"labels":{}}', b'"x"', b'[{"labels":{"a":1}}]', b'[{"labels":{"a":"b"},"startsAt":"yesterday"}]', b"\xff"):
        answer = post(server, f"/in/{AM}/api/v2/alerts", body=body, headers={"Content-Type": "application/json"}).expect(400, 422)
        assert answer.body, f"{body!r} is refused without a reason"
    for body in (b"{", b"{}", b'{"summary":""}', b'{"summary":"x","action":"explode"}', b'{"action":"resolve"}'):
        answer = post(server, f"/in/{GENERIC}/generic", body=body, headers={"Content-Type": "application/json"}).expect(400, 422)
        assert answer.body, f"{body!r} is refused without a reason"
    for body in (b"{", b"[]", b'{"version":"4"}', b'{"version":"4","alerts":"x"}'):
        post(server, f"/in/{AM}/alertmanager", body=body, headers={"Content-Type": "application/json"}).expect(400, 422)
    # A client that sends too much gets to read why, whether or not it looks for an answer while it sends.
    for path in (f"/in/{GENERIC}/generic", f"/in/{AM}/api/v2/alerts", "/v2/enqueue"):
        post(server, path, body=json.dumps({"summary": "x" * 6_000_000}).encode(), headers={"Content-Type": "application/json"}, whole=True).expect(413)
    big = json.dumps({"summary": "x" * 20_000_000}).encode()
    post(server, f"/in/{GENERIC}/generic", body=big, headers={"Content-Type": "application/json"}).expect(413)
    assert server.alerts("--state", "all") == []
    # And it still works.
    server.enqueue(PD, summary="a good one")
    t.hooks.wait("/ada", about="a good one")


def test_one_invalid_alert_does_not_keep_the_valid_ones_out(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    batch = [{"labels": {}}, {"labels": {"alertname": "Good"}, "annotations": {"summary": "the good one"}}]
    post(server, f"/in/{AM}/api/v2/alerts", json_body=batch).expect(400)
    t.hooks.wait("/ada", about="the good one")
    assert len(server.alerts()) == 1


def test_a_batch_of_256_alerts_is_256_alerts(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    batch = [{"labels": {"alertname": "Many", "n": str(n)}, "endsAt": in_(300)} for n in range(256)]
    answer = post(server, f"/in/{AM}/api/v2/alerts", json_body=batch).expect(200)
    assert answer.body == b"", answer
    post(server, f"/in/{AM}/api/v2/alerts", json_body=batch).expect(200)
    alerts = server.alerts("--limit", "1000")
    assert len(alerts) == 256, len(alerts)
    assert {alert["labels"]["n"] for alert in alerts} == {str(n) for n in range(256)}


def test_times_that_alertmanager_senders_leave_out(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    zero = "0001-01-01T00:00:00.000Z"
    alert = {"labels": {"alertname": "Zero"}, "annotations": {"summary": "zero times"}, "startsAt": zero, "endsAt": zero}
    post(server, f"/in/{AM}/api/v2/alerts", json_body=[alert]).expect(200)
    open_ = server.only_alert("zero times")
    # A different generator URL, an empty label: the same alert.
    again = alert | {"generatorURL": "http://elsewhere/graph", "labels": {"alertname": "Zero", "empty": ""}}
    post(server, f"/in/{AM}/api/v2/alerts", json_body=[again]).expect(200)
    assert server.only_alert("zero times")["id"] == open_["id"]
    # An end in the past resolves it.
    post(server, f"/in/{AM}/api/v2/alerts", json_body=[alert | {"startsAt": open_["created_at"], "endsAt": in_(-0.001)}]).expect(200)
    until("it resolves", lambda: server.state(open_["id"]) == "resolved")


def test_a_lease_that_lapses_resolves_the_alert_and_not_before(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    alert = {"labels": {"alertname": "Lease"}, "annotations": {"summary": "on lease"}, "startsAt": in_(0), "endsAt": in_(4)}
    begin = time.monotonic()
    post(server, f"/in/{AM}/api/v2/alerts", json_body=[alert]).expect(200)
    id = server.only_alert()["id"]
    t.hooks.wait("/ada", "resolved", seconds=20)
    assert time.monotonic() - begin >= 3.9
    assert server.state(id) == "resolved"
    assert "source_quiet" in str(server.timeline(id, "resolved")), server.timeline(id)


def test_the_generic_shape_as_json_and_as_a_form(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    url = f"/in/{GENERIC}/generic"
    event = {"summary": "as json", "dedup_key": "j", "severity": "warning", "details": {"host": "db1"}}
    post(server, url, json_body=event).expect(200, 202)
    alert = server.only_alert("as json")
    assert alert["severity"] == "warning" and alert["dedup_key"] == "j", alert
    post(server, url, form={"summary": "as a form", "dedup_key": "f"}).expect(200, 202)
    form = server.only_alert("as a form")
    post(server, url, json_body={"action": "acknowledge", "dedup_key": "j"}).expect(200, 202)
    assert server.state(alert["id"]) == "acknowledged"
    post(server, url, form={"action": "resolve", "dedup_key": "f"}).expect(200, 202)
    until("the form resolves", lambda: server.state(form["id"]) == "resolved")


def test_grafana_alerts_are_paged(t):
    server = t.firedog(pupper(by_hook(t.hooks), services=[service(integrations=[{"id": "g", "kind": "grafana", "key": "a-key-for-grafana-alerts"}])]))

    def notice(status, ends):
        alert = {
            "status": status, "labels": {"alertname": "Slow", "grafana_folder": "web"}, "annotations": {"summary": "logins are slow"},
            "startsAt": "2026-01-02T03:04:05Z", "endsAt": ends, "generatorURL": "", "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "", "dashboardURL": "", "panelURL": "", "values": {"A": 1.5}, "valueString": "",
        }  # fmt: skip
        body = {
            "receiver": "firedog", "status": status, "orgId": 1, "alerts": [alert], "groupLabels": {"alertname": "Slow"},
            "commonLabels": alert["labels"], "commonAnnotations": alert["annotations"], "externalURL": "http://grafana/",
            "version": "1", "groupKey": "{}:{alertname=\"Slow\"}", "truncatedAlerts": 0, "title": "[FIRING:1] Slow", "state": "alerting", "message": "",
        }  # fmt: skip
        post(server, "/in/a-key-for-grafana-alerts/grafana", json_body=body).expect(200, 202)

    notice("firing", "0001-01-01T00:00:00Z")
    notice("firing", "0001-01-01T00:00:00Z")
    alert = server.only_alert()
    assert alert["summary"] == "logins are slow", alert
    t.hooks.wait("/ada")
    notice("resolved", "2026-01-02T04:00:00Z")
    until("it resolves", lambda: server.state(alert["id"]) == "resolved")


def test_routes_change_service_and_urgency(t):
    setup = pupper(by_hook(t.hooks))
    setup["services"].append(service("bank", integrations=[]))
    setup["routes"] = [
        {"when": "labels.severity == 'info'", "urgency": "low"},
        {"when": "labels.app == 'mobile-admin'", "service": "bank"},
    ]
    server = t.firedog(setup)
    batch = [{"labels": labels | {"alertname": labels["n"]}, "endsAt": in_(300)} for labels in (
        {"n": "plain"}, {"n": "quiet", "severity": "info", "app": "mobile-admin"}, {"n": "admin", "app": "mobile-admin"},
    )]  # fmt: skip
    post(server, f"/in/{AM}/api/v2/alerts", json_body=batch).expect(200)
    seen = {alert["labels"]["n"]: (alert["service"], alert["urgency"]) for alert in server.alerts()}
    assert seen == {"plain": ("shop", "high"), "quiet": ("shop", "low"), "admin": ("bank", "high")}, seen


def test_heartbeats(t):
    setup = pupper(by_hook(t.hooks))
    key = "a-key-for-the-nightly-job"
    setup["services"].append(
        service("job", integrations=[{"id": "beat", "kind": "heartbeat", "key": key, "heartbeat": {"every": "2s", "grace": "2s"}}])
    )
    server = t.firedog(setup)
    for method in ("GET", "HEAD", "POST"):
        server.send(method, f"/in/{key}/heartbeat").expect(200)
    never("an alert while it beats", lambda: (server.send("GET", f"/in/{key}/heartbeat").expect(200), server.alerts())[1], 6)
    # It falls silent.
    page = t.hooks.wait("/ada", seconds=15)
    alert = server.only_alert()
    assert alert["service"] == "job" and page.alert["id"] == alert["id"], alert
    # It comes back.
    server.send("GET", f"/in/{key}/heartbeat").expect(200)
    until("it resolves", lambda: server.state(alert["id"]) == "resolved")
    # A failure is one at once; a success clears it.
    server.send("POST", f"/in/{key}/heartbeat/start").expect(200)
    server.send("POST", f"/in/{key}/heartbeat/3").expect(200)
    failed = until("a failed run opens an alert", lambda: server.alerts())[0]
    server.send("POST", f"/in/{key}/heartbeat/0").expect(200)
    until("a good run resolves it", lambda: server.state(failed["id"]) == "resolved")
    server.send("POST", f"/in/{key}/heartbeat/fail").expect(200)
    until("`fail` opens an alert", lambda: server.alerts())


def test_the_limit_of_a_key_is_said_in_the_senders_language(t):
    server = t.firedog(pupper(by_hook(t.hooks)), FIREDOG_INGEST_RATE="1", FIREDOG_INGEST_BURST="5")

    def refusal(path, **more):
        def one():
            answer = post(server, path, **more)
            return answer if answer.status not in (200, 202) else None

        answer = until(f"{path} refuses", one, every=0)
        assert int(answer.headers["Retry-After"]) >= 1, answer.headers
        return answer.status

    event = {"routing_key": PD, "event_action": "resolve", "dedup_key": "x"}
    assert refusal("/v2/enqueue", json_body=event) == 429
    # Alertmanager would not try a 429 again.
    assert refusal(f"/in/{AM}/api/v2/alerts", json_body=[{"labels": {"alertname": "X"}}]) == 503


# --- pages


def test_a_webhook_page_says_all_and_is_signed(t):
    secret = "the secret of adas hook"
    server = t.firedog(pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}", "secret": secret}]))
    server.enqueue(PD, dedup_key="k", summary="signed")
    page = t.hooks.wait("/ada")
    assert page.kind == "page" and page.idempotency_key, page
    alert = {"id", "service", "state", "urgency", "severity", "summary", "dedup_key", "labels", "created_at", "count"}
    assert set(page.alert) >= alert, page
    assert "primary" in page.json["reason"], page
    headers = {name.lower(): value for name, value in page.headers.items()}
    stamp = headers["x-firedog-timestamp"]
    expected = hmac.new(secret.encode(), stamp.encode() + b"." + page.body, hashlib.sha256).hexdigest()
    assert headers["x-firedog-signature"] == f"v1={expected}", headers

    answer = web.send("GET", page.json["ack_url"]).expect(200)
    assert "signed" in answer.text
    web.send("POST", page.json["ack_url"], form={"action": "acknowledge"}).expect(200, 303)
    assert server.only_alert()["state"] == "acknowledged"
    server.enqueue(PD, "resolve", "k")
    over = t.hooks.wait("/ada", "resolved")
    assert over.alert["state"] == "resolved" and over.idempotency_key != page.idempotency_key, over


def test_minimal_content_carries_no_text(t):
    server = t.firedog(pupper(by_hook(t.hooks, content="minimal")))
    server.enqueue(PD, summary="account 4711 of Mrs Smith", severity="critical", custom_details={"iban": "DE00123"})
    page = until("a page", lambda: t.hooks.all("/ada"))[0]
    body = page.body.decode()
    assert "Smith" not in body and "DE00123" not in body, body
    assert page.json["ack_url"]


def test_the_acknowledge_page(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    server.enqueue(PD, dedup_key="k", summary="<b>bold</b> & sly", custom_details={"x": "</pre><script>alert(1)</script>"})
    link = t.hooks.wait("/ada").json["ack_url"]
    id = server.only_alert()["id"]

    for method in ("GET", "HEAD"):
        answer = web.send(method, link).expect(200)
    page = web.send("GET", link)
    assert len(page.body) < 15_000, len(page.body)
    assert "<script" not in page.text and "<b>bold" not in page.text
    assert "<b>bold</b> & sly" in html.unescape(page.text)
    assert "viewport" in page.text and 'method="post"' in page.text.lower()
    assert page.headers["Content-Type"].startswith("text/html") and page.headers["Cache-Control"] == "no-store", page.headers
    assert "Set-Cookie" not in page.headers and page.headers["Referrer-Policy"] == "no-referrer", page.headers
    assert not re.search(r'(src|href)="https?://', page.text.replace(link, "")), "it loads nothing from elsewhere"
    assert server.state(id) == "triggered", "looking acknowledges nothing"

    # What is not one of ours is refused, whatever is changed in it.
    for forged in (link[:-1] + ("A" if link[-1] != "A" else "B"), link[:-4], link + "A", re.sub(r"[^/]+$", "x", link)):
        for method, more in (("GET", {}), ("POST", {"form": {"action": "acknowledge"}})):
            answer = web.send(method, forged, **more)
            assert answer.status in (400, 401, 403, 404, 410), (method, forged, answer.status)
            assert "bold" not in answer.text, "a forged link shows nothing of the alert"
    web.send("POST", link, form={"action": "explode"}).expect(400, 422)
    web.send("POST", link, form={}).expect(400, 422)
    assert server.state(id) == "triggered"

    web.send("POST", link, form={"action": "escalate"}).expect(200, 303)
    t.hooks.wait("/grace")
    web.send("POST", link, form={"action": "acknowledge"}).expect(200, 303)
    assert [entry["user"] for entry in server.timeline(id, "acknowledged")] == ["ada"]
    # Twice does no harm.
    web.send("POST", link, form={"action": "acknowledge"}).expect(200, 303)
    assert {entry["user"] for entry in server.timeline(id, "acknowledged")} == {"ada"} and server.state(id) == "acknowledged"
    web.send("POST", link, form={"action": "resolve"}).expect(200, 303)
    assert server.state(id) == "resolved"
    # What is over stays over, and the page says so.
    web.send("POST", link, form={"action": "acknowledge"})
    assert server.state(id) == "resolved" and "resolved" in web.send("GET", link).expect(200).text.lower()


def test_a_failing_contact_is_followed_by_the_next_at_once(t):
    def contacts(user):
        return [{"id": "first", "webhook": f"{t.hooks.url}/{user}/first"}, {"id": "second", "webhook": f"{t.hooks.url}/{user}/second"}]

    setup = pupper(contacts)
    setup["users"][0]["rules"] = {"high": [{"via": "first"}, {"via": "second", "after": "30m"}]}
    t.hooks.answer["/ada/first"] = [404] * 50
    server = t.firedog(setup)
    server.enqueue(PD, summary="x")
    t.hooks.wait("/ada/first")
    t.hooks.wait("/ada/second", seconds=10)
    notified = server.timeline(server.only_alert()["id"], "notified")
    outcomes = [(entry["contact"], entry["outcome"]) for entry in notified]
    assert ("first", "rejected") in outcomes, notified
    until("the second is told as sent", lambda: ("second", "sent") in [(e["contact"], e["outcome"]) for e in server.timeline(server.only_alert()["id"], "notified")])


def test_a_busy_receiver_is_tried_again(t):
    t.hooks.answer["/ada"] = [503, (503, {"Retry-After": "1"}), 429]
    server = t.firedog(pupper(by_hook(t.hooks)))
    server.enqueue(PD, summary="x")
    fourth = t.hooks.wait("/ada", seconds=60, count=4)
    pages = t.hooks.pages("/ada")
    assert [page.answered for page in pages] == [503, 503, 429, 200], pages
    assert {page.idempotency_key for page in pages} == {fourth.idempotency_key}, "an attempt again has the same key"
    until("it is told as sent", lambda: "sent" in [entry["outcome"] for entry in server.timeline(server.only_alert()["id"], "notified")])


def test_a_step_that_reaches_nobody_is_skipped_at_once(t):
    setup = pupper(by_hook(t.hooks), waits=("1h", "1h"))
    setup["schedules"][0]["layers"][0]["start"] = "2030-01-01T00:00"
    server = t.firedog(setup)
    server.enqueue(PD, summary="x")
    t.hooks.wait("/grace", seconds=10)
    skipped = server.timeline(server.only_alert()["id"], "skipped")
    assert skipped and "primary" in str(skipped), server.timeline(server.only_alert()["id"])


def test_the_catch_all_repeats_until_a_human_has_it(t):
    setup = pupper(by_hook(t.hooks), waits=("1s", "1s"))
    setup["catch_all"]["every"] = "2s"
    server = t.firedog(setup)
    server.enqueue(PD, summary="x")
    third = t.hooks.wait("/linus", count=3, seconds=30)
    assert len(t.hooks.pages("/ada")) == 1 and len(t.hooks.pages("/grace")) == 1
    times = [page.received for page in t.hooks.pages("/linus")]
    assert all(1.5 <= later - earlier <= 7 for earlier, later in zip(times, times[1:])), times
    web.send("POST", third.json["ack_url"], form={"action": "acknowledge"}).expect(200, 303)
    seen = len(t.hooks.pages("/linus"))
    never("a page after the acknowledgement", lambda: len(t.hooks.pages("/linus")) > seen, 4)


def test_an_acknowledgement_that_nobody_follows_up_expires(t):
    setup = pupper(by_hook(t.hooks))
    setup["services"][0]["ack_timeout"] = "3s"
    server = t.firedog(setup)
    server.enqueue(PD, summary="x")
    page = t.hooks.wait("/ada")
    web.send("POST", page.json["ack_url"], form={"action": "acknowledge"}).expect(200, 303)
    id = server.only_alert()["id"]
    t.hooks.wait("/ada", count=2, seconds=15)
    assert server.state(id) == "triggered"
    assert server.timeline(id, "ack_expired"), server.timeline(id)


def test_low_urgency_waits_for_waking_hours(t):
    setup = pupper(by_hook(t.hooks))
    now = datetime.datetime.now(datetime.timezone.utc)
    asleep = {"from": f"{now + datetime.timedelta(hours=3):%H:%M}", "to": f"{now + datetime.timedelta(hours=6):%H:%M}"}
    setup["users"][0]["waking"] = asleep
    setup["services"][0]["urgency"] = "low"
    setup["services"].append(service("bank", integrations=[{"id": "generic", "kind": "generic", "key": "a-key-for-the-bank-service"}]))
    server = t.firedog(setup)
    server.enqueue(PD, summary="can wait")
    id = server.only_alert("can wait")["id"]
    post(server, "/in/a-key-for-the-bank-service/generic", json_body={"summary": "cannot wait"}).expect(200, 202)
    t.hooks.wait("/ada", about="cannot wait")
    assert server.alert(id)["urgency"] == "low"
    assert not t.hooks.pages(about="can wait"), "low urgency has disturbed a sleeper"
    assert asleep["from"] in str(server.timeline(id)) or "waking" in str(server.timeline(id)), server.timeline(id)


def test_maintenance_and_silences_hold_and_release(t):
    setup = pupper(by_hook(t.hooks))
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp = lambda seconds: f"{now + datetime.timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"  # noqa: E731
    setup["services"].append(service("bank", integrations=[{"id": "generic", "kind": "generic", "key": "a-key-for-the-bank-service"}]))
    setup["silences"] = [{"id": "noise", "service": "shop", "match": {"alertname": "Noisy"}, "until": stamp(3600), "why": "ticket 42"}]
    setup["maintenance"] = [{"id": "upgrade", "services": ["bank"], "from": stamp(-60), "to": stamp(8)}]
    server = t.firedog(setup)
    bank = lambda key, **more: post(server, "/in/a-key-for-the-bank-service/generic", json_body={"dedup_key": key} | more).expect(200, 202)  # noqa: E731
    bank("stays", summary="stays broken")
    bank("mended", summary="mended in time")
    post(server, f"/in/{AM}/api/v2/alerts", json_body=[{"labels": {"alertname": "Noisy"}, "annotations": {"summary": "noise"}}]).expect(200)
    stays, noise = server.only_alert("stays broken")["id"], server.only_alert("noise")["id"]
    assert "upgrade" in str(server.timeline(stays, "held")), server.timeline(stays)
    assert "noise" in str(server.timeline(noise, "held")), server.timeline(noise)
    assert not t.hooks.all(), t.hooks.all()
    bank("mended", action="resolve")
    page = t.hooks.wait("/ada", about="stays broken", seconds=20)
    assert page.received - t.hooks.all()[0].received < 1 and server.timeline(stays, "released"), server.timeline(stays)
    assert not t.hooks.pages(about="mended") and not t.hooks.pages(about="noise")
    assert not t.hooks.all(kind="resolved"), "who was never paged is told nothing"


def test_groups_follow_their_first_alert(t):
    setup = pupper(by_hook(t.hooks))
    setup["services"][0]["group"] = {"by": ["institution"], "for": "5m"}
    server = t.firedog(setup)
    alert = lambda n, place: {"labels": {"alertname": n, "institution": place}, "annotations": {"summary": f"{n} at {place}"}}  # noqa: E731
    for n in ("Login", "Balance", "Transfer"):
        post(server, f"/in/{AM}/api/v2/alerts", json_body=[alert(n, "inst-1")]).expect(200)
    post(server, f"/in/{AM}/api/v2/alerts", json_body=[alert("Login", "inst-2")]).expect(200)
    t.hooks.wait("/ada", about="Login at inst-1")
    t.hooks.wait("/ada", about="Login at inst-2")
    never("a page for what follows another", lambda: t.hooks.pages(about="Balance") + t.hooks.pages(about="Transfer"), 2)
    assert len(server.alerts()) == 4


# --- the server


def test_health_and_metrics(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    server.send("GET", "/healthz").expect(200)
    server.send("GET", "/readyz").expect(200)
    answer = server.send("GET", "/metrics").expect(200)
    assert answer.headers["Content-Type"].startswith("text/plain"), answer.headers
    assert server.metric("firedog_setup_stale") == 0, answer.text
    names = {line.split("{")[0].split(" ")[0] for line in answer.text.splitlines() if line and not line.startswith("#")}
    assert all(name.startswith(("firedog_", "process_")) for name in names), names


def test_a_broken_setup_at_the_start(t):
    good = t.write_setup(pupper(by_hook(t.hooks)), "live")
    server = t.firedog(good)
    server.stop()
    t.write("live/setup.yaml", "teams: [ { id: pupper, members: [nobody] } ]")
    server.start()
    assert server.metric("firedog_setup_stale") == 1
    assert "nobody" in server.process.text(), server.process.text()
    server.enqueue(PD, summary="the stored setup runs")
    t.hooks.wait("/ada")
    # With none stored there is nothing to run.
    fresh = t.firedog(good, start=False).launch()
    assert fresh.process.wait(20) == 1
    assert "nobody" in fresh.process.text(), fresh.process.text()


def test_the_api_refuses_strangers(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    server.api("GET", "/alerts").expect(200)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {server.token}"}):
        answer = server.send("GET", "/api/v1/alerts", headers=headers).expect(401)
        assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.headers
    answer = server.api("GET", "/alerts/no-such-alert").expect(404)
    assert answer.headers["Content-Type"].startswith("application/problem+json") and answer.json["title"], answer


def test_repeating_a_request_with_its_idempotency_key_does_it_once(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    body = {"service": "shop", "summary": "sent twice"}
    send = lambda: server.api("POST", "/alerts", json_body=body, headers={"Idempotency-Key": "one-of-a-kind"}).expect(200, 201).json  # noqa: E731
    assert send()["id"] == send()["id"]
    assert len(server.alerts()) == 1


def test_the_public_address_serves_only_what_the_public_needs(t):
    server = t.firedog(pupper(by_hook(t.hooks)), start=False)
    # Port 0 is only told for the main address, so this one is named.
    port = free_port()
    server.env |= {"FIREDOG_PUBLIC_LISTEN": f"127.0.0.1:{port}", "FIREDOG_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    server.start()
    public = f"http://127.0.0.1:{port}"
    event = {"routing_key": PD, "event_action": "trigger", "payload": {"summary": "x", "source": "y", "severity": "error"}}
    web.send("POST", f"{public}/v2/enqueue", json_body=event).expect(202)
    link = t.hooks.wait("/ada").json["ack_url"]
    assert link.startswith(public + "/"), link
    web.send("GET", link).expect(200)
    authorised = {"Authorization": f"Bearer {server.token}"}
    for path in ("/api/v1/alerts", "/metrics", "/readyz"):
        web.send("GET", public + path, headers=authorised).expect(404)


def test_hostile_requests_do_no_harm(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    host = server.host.split(":")
    raw = [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v2/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v2/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{}",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /in/%ff%fe/heartbeat HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /in/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    for request in raw:
        with socket.create_connection((host[0], int(host[1])), timeout=5) as connection:
            connection.settimeout(2)
            try:
                connection.sendall(request)
                answer = connection.recv(200)
            except OSError:
                answer = b""
        assert not answer.startswith(b"HTTP/1.1 2"), (request[:60], answer)
    deep = b'{"routing_key":"' + PD.encode() + b'","event_action":"trigger","payload":{"summary":"s","source":"x","severity":"info","custom_details":' + b"[" * 50_000 + b"]" * 50_000 + b"}}"
    assert post(server, "/v2/enqueue", body=deep).status in (202, 400)
    # Connections that say nothing keep nobody else out.
    idle = [http.client.HTTPConnection(server.host) for _ in range(200)]
    for connection in idle:
        connection.connect()
    begin = time.monotonic()
    server.send("GET", "/readyz").expect(200)
    assert time.monotonic() - begin < 2
    for connection in idle:
        connection.close()


@slow(10)
def test_many_senders_of_one_alert_make_one_alert_and_one_page(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    senders = [threading.Thread(target=lambda: [server.enqueue(PD, dedup_key="same", summary="x") for _ in range(25)]) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    alert = server.only_alert()
    assert alert["count"] == 200, alert
    t.hooks.wait("/ada")
    never("a second page", lambda: len(t.hooks.pages("/ada")) > 1, 1)

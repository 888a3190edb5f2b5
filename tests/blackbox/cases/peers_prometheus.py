"""Debian's Prometheus watches real processes; its alerts reach people by mail through a real SMTP server."""

import time

from .. import peers, web
from ..setups import KEYS, by_mail, pupper
from ..wait import never, until
from . import slow

# The first step's wait: long enough to acknowledge in, short enough to sit out.
WAIT_S = 20
# How late a page may be.
LATE_S = 5


def acknowledge_link(mail, server):
    links = [link for link in mail.links() if link.startswith(server.url)]
    assert links, f"the plain part has no link to {server.url}:\n{mail.plain}"
    return links[0]


def start(t):
    setup = pupper(by_mail, waits=(f"{WAIT_S}s", "1h"))
    server = t.firedog(setup, FIREDOG_SMTP_URL=t.mailbox.url, FIREDOG_SMTP_FROM="firedog@example.org")
    exporters = peers.Exporter(t, "shop"), peers.Exporter(t, "stock")
    prometheus = peers.prometheus(t, server.host, KEYS["am"], exporters)
    until("both services are scraped", lambda: "Server is ready" in prometheus.text(), 20)
    return server, prometheus, *exporters


@slow(60)
def test_an_outage_pages_one_person_and_an_unanswered_one_the_next(t):
    server, _, shop, stock = start(t)
    assert server.alerts() == []

    # The first outage: primary is paged, and answers.
    shop.kill()
    mail = t.mailbox.wait("ada@example.org", "the shop does not answer")
    assert "the shop does not answer" in mail.subject + mail.plain
    assert mail.part("html"), "the mail has an HTML part as well"
    link = acknowledge_link(mail, server)

    alert = server.only_alert("the shop does not answer")
    assert alert["service"] == "shop" and alert["state"] == "triggered" and alert["urgency"] == "high", alert
    assert alert["severity"] == "critical" and alert["labels"]["alertname"] == "ShopDown", alert

    shown = web.send("GET", link).expect(200)
    assert "the shop does not answer" in shown.text
    assert server.state(alert["id"]) == "triggered", "looking at the page acknowledges nothing"
    web.send("POST", link, form={"action": "acknowledge"}).expect(200, 303)
    shown = server.alert(alert["id"])
    assert shown["state"] == "acknowledged", shown
    acknowledged = [entry for entry in shown["timeline"] if entry["kind"] == "acknowledged"]
    assert [entry["user"] for entry in acknowledged] == ["ada"], acknowledged

    # The second outage is left alone.
    stock.kill()
    first = t.mailbox.wait("ada@example.org", "the stock does not answer")
    second = t.mailbox.wait("grace@example.org", "the stock does not answer", WAIT_S + LATE_S)
    after = second.received - first.received
    assert WAIT_S - 0.5 <= after <= WAIT_S + LATE_S, f"secondary was paged after {after:.1f} s, not {WAIT_S} s"

    # By now the first one's second step would have been due as well.
    never("somebody else is paged for what ada has", lambda: t.mailbox.mails("grace@example.org", "the shop does not answer"), 3)
    assert not t.mailbox.mails("linus@example.org"), t.mailbox.mails("linus@example.org")
    pages = t.mailbox.mails("ada@example.org", "the shop does not answer")
    assert len(pages) == 1, f"re-sent alerts page nobody again: {pages}"

    # The first service recovers.
    shop.start()
    until("the alert resolves", lambda: server.state(alert["id"]) == "resolved", 20)
    timeline = server.timeline(alert["id"])
    kinds = [entry["kind"] for entry in timeline]
    for kind in ["triggered", "paged", "notified", "acknowledged", "resolved"]:
        assert kind in kinds, f"`{kind}` is missing in {kinds}"
    assert kinds.index("triggered") < kinds.index("notified") < kinds.index("acknowledged") < kinds.index("resolved"), kinds
    sent = [entry for entry in timeline if entry["kind"] == "notified" and entry.get("outcome") == "sent"]
    assert sent and sent[0]["user"] == "ada" and sent[0]["channel"] == "email" and sent[0]["contact"] == "mail", timeline
    paged = next(entry for entry in timeline if entry["kind"] == "paged")
    assert paged["user"] == "ada" and "primary" in paged["reason"], paged

    # The other one is still open, and only that.
    assert [open["labels"]["alertname"] for open in server.alerts()] == ["StockDown"]


@slow(45)
def test_a_prometheus_that_dies_leaves_no_alert_behind(t):
    server, prometheus, shop, _ = start(t)
    shop.kill()
    t.mailbox.wait("ada@example.org", "the shop does not answer")
    alert = server.only_alert("the shop does not answer")
    died = time.monotonic()
    prometheus.kill()
    # Its lease is four times the re-send delay of 5 s.
    until("the alert resolves by itself", lambda: server.state(alert["id"]) == "resolved", 40)
    assert time.monotonic() - died > 10, "the lease had not lapsed"
    last = server.timeline(alert["id"], "resolved")[-1]
    assert "source_quiet" in str(last), last
    until(
        "ada is told that it is over",
        lambda: [mail for mail in t.mailbox.mails("ada@example.org") if "resolved" in (mail.subject + mail.plain).lower()],
    )

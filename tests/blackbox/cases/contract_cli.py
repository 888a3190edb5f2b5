"""The command line: setup files, schedules, foresight, doing something about alerts, exit codes."""

import copy
import pathlib
import re
import shutil

from ..setups import KEYS, always, by_hook, by_mail, pupper, service
from ..wait import never, until
from . import only

EXAMPLE = pathlib.Path(__file__).parent.parent / "contract.yaml"
# A Monday, 10:00 in Chicago: Ada is primary, Grace secondary.
MONDAY = "2026-01-05T16:00:00Z"


def example(t):
    """The contract's complete example, as a setup directory."""
    directory = t.directory / "example"
    directory.mkdir()
    shutil.copy(EXAMPLE, directory / "setup.yaml")
    return directory


# --- check


@only("sqlite")
def test_check_accepts_the_complete_example(t):
    done = t.run("check", example(t))
    assert "error" not in done.said.lower(), done
    assert isinstance(t.run("check", t.directory / "example", "--json").json, (dict, list))


@only("sqlite")
def test_check_tells_every_mistake_with_its_place_and_its_cure(t):
    directory = t.write(
        "bad/teams.yaml",
        """teams:
  - { id: pupper, members: [ada, grce], policy: puper }
users:
  - { id: ada, email: ada@example.org, timezone: Europe/Berlinn }
  - { id: grace, emial: grace@example.org }
""",
    ).parent
    t.write(
        "bad/more/policies.yaml",
        """policies:
  - id: pupper
    steps:
      - { page: [ { user: ada } ], wait: 5 minutes }
      - { page: [] }
schedules:
  - id: primary
    timezone: UTC
    layers: [ { id: weekly, users: [ada], start: "2026-01-05T09:00", every: 1 week } ]
""",
    )
    done = t.run("check", directory, code=1)
    said = done.said
    expected = {
        "teams.yaml:2": ["grce", "grace"],
        "teams.yaml:4": ["Europe/Berlinn"],
        "teams.yaml:5": ["emial", "email"],
        "policies.yaml:4": ["5 minutes"],
        "policies.yaml:5": [],
        "policies.yaml:9": ["1 week"],
    }
    for place, words in expected.items():
        assert re.search(re.escape(place) + r":\d+", said), f"{place} with a column is missing in:\n{said}"
        for word in words:
            assert word in said, f"{word!r} is missing in:\n{said}"
    assert "puper" in said and said.count("^") >= len(expected), said


@only("sqlite")
def test_check_warns_of_gaps_and_only_strict_fails_for_them(t):
    setup = pupper(by_mail)
    setup["schedules"][0]["layers"][0]["only"] = [{"days": "mon-fri", "from": "09:00", "to": "17:00"}]
    setup["schedules"][1] = always("secondary")
    setup["schedules"][1]["layers"] = copy.deepcopy(setup["schedules"][0]["layers"])
    directory = t.write_setup(setup)
    said = t.run("check", directory).said
    assert "warning" in said.lower() and "primary" in said, said
    t.run("check", directory, "--strict", code=1)
    fine = t.write_setup(pupper(by_mail), "fine")
    t.run("check", fine, "--strict")


@only("sqlite")
def test_check_survives_what_is_no_setup(t):
    cases = {
        "syntax": "teams: [ { id: pupper",
        "tabs": "teams:\n\t- id: x\n",
        "scalar": "just words",
        "unknown": "teems: []\n",
        "twice": "users:\n  - { id: ada, email: a@b.c }\n  - { id: ada, email: a@b.c }\n",
        "slug": "users:\n  - { id: 'Ada Lovelace', email: a@b.c }\n",
        "deep": "[" * 3000,
        "bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi")),
    }  # fmt: skip
    for name, text in cases.items():
        directory = t.write(f"{name}/x.yaml", text).parent
        done = t.run("check", directory, code=1, seconds=20)
        assert "x.yaml" in done.said and "panicked" not in done.said, f"{name}: {done}"
    t.run("check", t.directory / "not there", code=None).code in (1, 2, 3)


# --- apply and export


def test_apply_plans_is_atomic_and_export_applies_to_no_change(t):
    server = t.firedog(start=False).start()
    directory = example(t)
    said = server.run("apply", directory, "--dry-run").said
    assert "pupper-primary" in said and "symxchange-http-server" in said, said
    assert server.run("oncall", "--schedule", "pupper-primary", code=3), "a dry run applies nothing"
    server.run("apply", directory, "--yes")
    row = server.json("oncall", "--schedule", "pupper-primary", "--at", MONDAY)[0]
    assert row["user"] == "ada", row
    unchanged(server, directory)

    # A setup with one mistake changes nothing at all.
    before = export(t, server, "before")
    (directory / "more.yaml").write_text("users:\n  - { id: kay, email: kay@example.org }\nteams:\n  - { id: other, members: [nobody] }\n")
    said = server.run("apply", directory, "--yes", code=1).said
    assert "more.yaml:4" in said and "nobody" in said, said
    assert export(t, server, "after") == before

    # What is exported applies to no change, and integration keys are not in it.
    assert "a-key-of-at-least-16-chars" not in before and "key_sha256" in before
    unchanged(server, t.directory / "before")
    # The key itself goes on working.
    server.send("POST", "/in/a-key-of-at-least-16-chars/api/v2/alerts", json_body=[{"labels": {"alertname": "X"}}]).expect(200)


def unchanged(server, directory):
    said = server.run("apply", directory, "--yes").said
    assert "no change" in said.lower(), f"nothing was changed, but the plan says:\n{said}"


def export(t, server, name):
    server.run("export", t.directory / name)
    files = sorted((t.directory / name).rglob("*.y*ml"))
    assert files, f"{name} is empty"
    return "".join(file.read_text() for file in files)


def test_removing_what_an_open_alert_needs_strands_it_not(t):
    setup = pupper(by_hook(t.hooks), waits=("3s", "3s"))
    server = t.firedog(setup)
    server.enqueue(KEYS["pd"], dedup_key="k", summary="left alone")
    t.hooks.wait("/ada")
    alert = server.only_alert()
    # Policy, service, schedules and Grace go; only Linus and Ada are left.
    rest = {
        "teams": [{"id": "pupper", "members": ["ada", "linus"]}],
        "users": [user for user in setup["users"] if user["id"] != "grace"],
        "catch_all": {"page": [{"user": "linus"}], "every": "1h"},
    }
    directory = t.write_setup(rest, "rest")
    plan = server.run("apply", directory, "--dry-run").said
    assert "left alone" in plan or alert["id"] in plan, f"the plan does not name the open alert it touches:\n{plan}"
    server.run("apply", directory, "--yes")
    t.hooks.wait("/linus", seconds=20)
    assert server.state(alert["id"]) == "triggered"
    assert "setup_removed" in str(server.timeline(alert["id"])), server.timeline(alert["id"])
    server.run("alert", "resolve", alert["id"])
    assert server.state(alert["id"]) == "resolved"


# --- schedules


def test_schedules_show_who_is_on_call(t):
    server = t.firedog(example(t))
    show = lambda start, end: server.json("schedule", "show", "pupper-primary", "--from", start, "--to", end)  # noqa: E731
    spans = lambda rows: [(row["user"], row["from"], row["until"]) for row in rows]  # noqa: E731

    rows = show("2026-01-05T00:00:00Z", "2026-01-12T15:00:00Z")
    assert all(row["schedule"] == "pupper-primary" for row in rows)
    nights = [("linus", f"2026-01-{day:02}T04:00:00Z", f"2026-01-{day:02}T12:00:00Z") for day in range(6, 11)]
    edges = ["2026-01-05T15:00:00Z", *[edge for _, start, end in nights for edge in (start, end)], "2026-01-12T15:00:00Z"]
    days = [("ada", start, end) for start, end in zip(edges[::2], edges[1::2])]
    gap = (None, "2026-01-05T00:00:00Z", "2026-01-05T15:00:00Z")
    assert spans(rows) == [gap, *sorted(nights + days, key=lambda row: row[1])], spans(rows)

    # Grace has Sunday by override and the week from Monday on by rotation: one span.
    merged = ("grace", "2026-02-01T15:00:00Z", "2026-02-03T04:00:00Z")
    assert merged in spans(show("2026-02-01T12:00:00Z", "2026-02-03T12:00:00Z"))

    [row] = server.json("oncall", "--schedule", "pupper-primary", "--at", MONDAY)
    assert row == {"schedule": "pupper-primary", "user": "ada", "from": "2026-01-05T15:00:00Z", "until": "2026-01-06T04:00:00Z"}, row
    rows = server.json("oncall", "--service", "symxchange-http-server", "--at", MONDAY)
    assert [(row["user"], row["step"]) for row in rows] == [("ada", rows[0]["step"]), ("grace", rows[0]["step"] + 1), ("linus", rows[0]["step"] + 2)], rows
    server.run("schedule", "show", "nobody-knows", "--from", "now", "--to", "+1d", code=3)


def test_overrides_live(t):
    server = t.firedog(example(t))
    at = lambda time: {row["user"] for row in server.json("oncall", "--schedule", "pupper-primary", "--at", time)}  # noqa: E731
    span = ["--from", "2027-03-01T10:00:00Z", "--to", "2027-03-01T12:00:00Z"]
    inside, after = "2027-03-01T11:00:00Z", "2027-03-01T12:00:00Z"
    [usual] = at(inside)
    [other, third] = sorted({"ada", "grace", "linus"} - {usual})

    added = server.json("override", "add", "pupper-primary", "--user", other, "--add", *span)
    assert at(inside) == {usual, other}
    server.run("override", "remove", added["id"])
    server.run("override", "add", "pupper-primary", "--user", other, *span)
    server.run("override", "add", "pupper-primary", "--user", third, *span)
    assert at(inside) == {third}, "the later one replaces everyone"
    assert at(after) == {usual}
    removed = server.json("override", "add", "pupper-primary", "--remove", third, *span)
    assert third not in at(inside)
    server.run("override", "remove", removed["id"])
    assert at(inside) == {third}
    # Live overrides survive an apply of the files.
    server.run("apply", t.directory / "example", "--yes")
    assert at(inside) == {third}
    server.run("override", "remove", "no-such-override", code=3)
    server.run("override", "add", "pupper-primary", "--user", "nobody", *span, code=None).code in (1, 3)
    backwards = ["--from", "2027-03-01T12:00:00Z", "--to", "2027-03-01T10:00:00Z"]
    assert server.run("override", "add", "pupper-primary", "--user", other, *backwards, code=None).code in (1, 2)


# --- foresight


def test_simulate_says_who_is_paged_when_and_why(t):
    server = t.firedog(example(t))
    simulate = lambda *more: server.json("simulate", "--service", "symxchange-http-server", "--at", MONDAY, *more)  # noqa: E731
    told = lambda entries: [(entry["after_s"], entry["user"], entry["contact"]) for entry in entries if entry.get("contact")]  # noqa: E731

    one_pass = [(0, "ada", "mail"), (60, "ada", "hook"), (300, "grace", "mail"), (900, "linus", "mail")]
    passes = [(after + 1200 * number, user, contact) for number in range(3) for after, user, contact in one_pass]
    seen = told(simulate())
    assert seen[: len(passes) + 1] == [*passes, (3600, "linus", "mail")], seen
    assert all(entry["reason"] for entry in simulate()), simulate()
    assert "pupper-primary" in simulate()[0]["reason"], simulate()[0]

    silent = told(simulate("--silent", "ada"))
    assert (300, "grace", "mail") in silent and "ada" not in {user for _, user, _ in silent}, silent
    server.run("simulate", "--service", "nobody-knows", code=3)
    assert server.alerts("--state", "all") == [], "simulating opens nothing"


def test_prove_finds_what_one_failure_breaks(t):
    server = t.firedog(example(t))
    proof = server.json("prove", "--days", "28", "--within", "30m", code=10)
    assert proof["ok"] is False and proof["findings"], proof
    for finding in proof["findings"]:
        assert set(finding) >= {"policy", "urgency", "from", "until", "failure", "reached_after_s", "reason"}, finding
        assert finding["failure"]["kind"] in ("none", "person", "channel"), finding
        assert finding["from"] < finding["until"], finding
    # Grace and Linus have nothing but mail.
    mail_down = [finding for finding in proof["findings"] if finding["failure"] == {"kind": "channel", "id": "email"}]
    assert any(finding["urgency"] == "high" for finding in mail_down), proof
    # At night Linus is primary; in the week in which he is secondary as well, he is everybody.
    failures = [finding["failure"] for finding in proof["findings"] if finding["urgency"] == "high"]
    assert {"kind": "person", "id": "linus"} in failures, failures
    assert {"kind": "person", "id": "ada"} not in failures, failures
    assert not any(failure["kind"] == "none" for failure in failures), failures


def test_prove_is_content_with_two_people_on_two_channels(t):
    def contacts(user):
        return [{"id": "mail", "email": f"{user}@example.org"}, {"id": "hook", "webhook": f"http://127.0.0.1:9/{user}"}]

    setup = pupper(contacts, waits=("5m", "5m"))
    for user in setup["users"]:
        user["rules"] = {urgency: [{"via": "mail"}, {"via": "hook"}] for urgency in ("high", "low")}
    server = t.firedog(setup)
    # Low urgency waits for the waking hours, twelve hours at most.
    proof = server.json("prove", "--days", "14", "--within", "13h")
    assert proof["ok"] is True and proof["findings"] == [], proof
    server.run("prove", "--days", "14", "--within", "1m", code=10)


# --- alerts


def test_alert_verbs(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    sent = server.json("alert", "send", "--service", "shop", "the till is stuck", "--label", "till=3", "--dedup-key", "till-3")
    page = t.hooks.wait("/ada")
    assert page.alert["id"] == sent["id"] and "ada" in str(page.json["user"]), page

    [alert] = server.alerts()
    shape = {"id", "service", "state", "urgency", "severity", "summary", "dedup_key", "labels", "created_at", "count"}
    assert set(alert) >= shape, alert
    assert alert["summary"] == "the till is stuck" and alert["labels"] == {"till": "3"} and alert["dedup_key"] == "till-3", alert
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", alert["created_at"]), alert
    id = alert["id"]

    # The administrator's acknowledgement has no person; with --as it has.
    server.run("alert", "ack", id)
    [entry] = server.timeline(id, "acknowledged")
    assert entry.get("user") is None, entry
    other = server.json("alert", "send", "--service", "shop", "another")["id"]
    server.run("--as", "grace", "alert", "ack", other)
    [entry] = server.timeline(other, "acknowledged")
    assert entry["user"] == "grace", entry
    t.hooks.wait("/ada", "acknowledged", "another")

    # Escalating by hand pages the next step at once.
    third = server.json("alert", "send", "--service", "shop", "third")["id"]
    t.hooks.wait("/ada", about="third")
    assert not t.hooks.pages("/grace", "third")
    server.run("alert", "escalate", third)
    t.hooks.wait("/grace", about="third")

    # Snoozed, and back again.
    server.run("alert", "snooze", third, "--for", "2s")
    assert server.state(third) == "acknowledged"
    until("the snooze ends and it pages again", lambda: len(t.hooks.pages(about="third")) > 2, 15)
    assert server.state(third) == "triggered"

    # Resolved, whoever was paged is told, and it is no longer in the list.
    server.run("alert", "resolve", third)
    t.hooks.wait("/ada", "resolved", "third")
    assert third not in {alert["id"] for alert in server.alerts()}
    assert third in {alert["id"] for alert in server.alerts("--state", "resolved", "--service", "shop")}
    assert len(server.alerts("--state", "all", "--limit", "2")) == 2
    assert server.alerts("--service", "shop", "--state", "acknowledged", "--limit", "1")[0]["state"] == "acknowledged"
    # Following cursors: more than one page of whatever size.
    assert len(server.alerts("--state", "all", "--limit", "1000")) == 3


def test_paging_by_hand(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    server.run("page", "grace", "call me back")
    page = t.hooks.wait("/grace")
    assert page.alert["summary"] == "call me back", page
    server.run("page", "pupper", "all hands")
    t.hooks.wait("/ada", about="all hands")
    never("a team's page goes further than its policy", lambda: t.hooks.pages("/grace", "all hands"), 1)
    server.run("page", "nobody-knows", "hello", code=3)


def test_silences_on_the_command_line(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    added = server.json("silence", "add", "--service", "shop", "--match", "alertname=Noisy", "--for", "1h", "--why", "ticket 42")
    assert added["id"] in {silence["id"] for silence in server.json("silence", "list")}
    server.json("alert", "send", "--service", "shop", "noisy", "--label", "alertname=Noisy")
    server.json("alert", "send", "--service", "shop", "loud", "--label", "alertname=Loud")
    t.hooks.wait("/ada", about="loud")
    assert not t.hooks.pages(about="noisy")
    [held] = server.timeline(server.only_alert("noisy")["id"], "held")
    assert "ticket 42" in held["reason"] or added["id"] in held["reason"], held
    server.run("silence", "end", added["id"])
    t.hooks.wait("/ada", about="noisy")
    assert added["id"] not in {silence["id"] for silence in server.json("silence", "list")}
    server.run("silence", "end", "00000000-0000-4000-8000-000000000000", code=3)


# --- operation


@only("sqlite")
def test_backup_and_restore(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    server.json("alert", "send", "--service", "shop", "before the backup")
    t.hooks.wait("/ada")
    copy_ = t.directory / "backup.db"
    server.run("backup", copy_)
    server.json("alert", "send", "--service", "shop", "after the backup")
    assert copy_.stat().st_size > 0
    server.stop()
    database = server.database.removeprefix("sqlite:")
    for end in ("", "-wal", "-shm"):
        pathlib.Path(database + end).unlink(missing_ok=True)
    t.run("restore", copy_, env=server.env)
    server.start()
    assert [alert["summary"] for alert in server.alerts()] == ["before the backup"]
    # It is not written over a database that is in use.
    assert t.run("restore", copy_, env=server.env, code=None).code != 0


def test_doctor_looks_at_the_whole(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    done = server.run("doctor", code=None)
    assert done.code in (0, 10), done
    # Links in pages lead to loopback.
    assert "loopback" in done.said or "127.0.0.1" in done.said, done


def test_exit_codes(t):
    server = t.firedog(pupper(by_hook(t.hooks)))
    server.run("alert", "list")
    server.run("alert", "no-such-verb", code=2)
    server.run("simulate", code=2)
    server.run("alert", "show", "no-such-alert", code=3)
    server.run("alert", "ack", "00000000-0000-7000-8000-000000000000", code=3)
    server.run("alert", "list", code=4, env={"FIREDOG_TOKEN": "wrong-token"})
    server.run("alert", "list", code=4, env={"FIREDOG_TOKEN": ""})
    done = server.run("alert", "list", code=5, env={"FIREDOG_SERVER": "http://127.0.0.1:9"})
    assert "127.0.0.1:9" in done.err and done.out == "", done
    id = server.json("alert", "send", "--service", "shop", "x")["id"]
    server.run("alert", "resolve", id)
    server.run("alert", "ack", id, code=6)
    # Data on stdout, talk on stderr; help has examples.
    assert "Examples" in server.run("alert", "list", "--help").out
    done = server.run("alert", "show", "no-such-alert", code=3)
    assert done.out == "" and done.err, done

"""The app in a real browser. Each story is a script in web/tests/browser; it fails by throwing."""

import json
import os
import pathlib
import re
import threading

from .. import setups
from ..process import free_port
from ..town import Town
from . import slow

ROOT = pathlib.Path(__file__).resolve().parents[3]
STORIES = ROOT / "web/tests/browser"
# A browser takes a core and a half; more of them at once only wait for each other.
AT_ONCE = threading.Semaphore(2)
# A story clicks its way through many screens, on a machine that does other things as well.
SECONDS = 240


def story(t, name, server, **given):
    """Runs web/tests/browser/NAME.mjs against `server`; `given` is what it is told. Its numbers are printed."""
    env = os.environ | {
        "FIREDOG_URL": server.url,
        "FIREDOG_TOKEN": server.token,
        "FIREDOG_GIVEN": json.dumps(given),
        "FIREDOG_SHOTS": os.environ.get("FIREDOG_TEST_SHOTS", str(ROOT / "target/tests/shots" / t.database)),
    }
    with AT_ONCE:
        process = t.process(f"browser-{name}", ["node", STORIES / f"{name}.mjs"], env=env, cwd=ROOT / "web")
        code = process.wait(SECONDS)
    said = process.tail()
    assert code == 0, f"{name} failed with {code}:\n{said}"
    print(said, end="")


def town(t):
    """A team whose pages go to the test's own inbox."""
    return t.firedog(setups.pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}"}]))



def test_who_is_on_call(t):
    story(t, "oncall", town(t))


@slow(25)
def test_first_run_to_the_first_acknowledged_page(t):
    for size in ("desk", "phone"):
        server = t.firedog(FIREDOG_ADMIN_TOKEN="")
        link = re.search(r"http://\S+/welcome/\S+", server.process.text())
        assert link, "the start prints the link of the first run"
        story(t, "first-run", server, link=link[0], size=size)


@slow(30)
def test_the_inbox(t):
    story(t, "inbox", town(t), key=setups.KEYS["pd"])


@slow(30)
def test_services_policies_and_the_proof(t):
    story(t, "setup", town(t))


@slow(30)
def test_schedules_by_drag_keyboard_and_form(t):
    story(t, "schedules", town(t))


@slow(20)
def test_ten_thousand_open_alerts(t):
    # Low urgency, and nobody awake: what is tested is the screen, not ten thousand messages.
    setup = setups.pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}"}])
    setup["routes"] = [{"when": "labels.severity == 'warning'", "urgency": "low"}]
    server = t.firedog(setup, FIREDOG_INGEST_BURST="20000", FIREDOG_INGEST_RATE="20000")
    story(t, "many", server, key=setups.KEYS["am"], alerts=10_000)


@slow(60)
def test_silences_people_accounts_and_offline(t):
    story(t, "desk", town(t))


@slow(30)
def test_pages_in_the_browser(t):
    contacts = lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}", "rings": True}]
    server = t.firedog(setups.pupper(contacts), FIREDOG_ALLOW_TARGETS="127.0.0.1")
    story(t, "push", server, key=setups.KEYS["pd"])


@slow(30)
def test_covers_and_swaps(t):
    setup = setups.pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}"}])
    turns = {"id": "daily", "users": ["ada", "grace", "linus"], "start": setups.START, "every": "1d"}
    setup["schedules"].append({"id": "turns", "team": "pupper", "timezone": "UTC", "layers": [turns]})
    story(t, "covers", t.firedog(setup))


@slow(40)
def test_editing_the_setup(t):
    story(t, "edit", town(t))


@slow(40)
def test_signing_in_without_a_password(t):
    setup = setups.pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}"}])
    setup["teams"][0]["groups"] = ["sre"]
    issuer = f"http://127.0.0.1:{free_port()}"
    server = t.firedog(
        setup,
        FIREDOG_OIDC_ISSUER=issuer,
        FIREDOG_OIDC_CLIENT_ID="firedog",
        FIREDOG_OIDC_CLIENT_SECRET="a secret of the two",
        FIREDOG_OIDC_ROLES="firedog-leads=manager",
    )
    story(t, "sign-in", server, issuer=issuer)


@slow(40)
def test_looking_across(t):
    story(t, "look", town(t), key=setups.KEYS["pd"])


@slow(40)
def test_runbooks_by_hand(t):
    setup = setups.pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}"}])
    setup["institutions"] = [{"id": "inst-1", "name": "Example Credit Union", "core_endpoint": "https://core.example.org"}]
    service = setup["services"][0]["id"]
    setup["runbooks"] = [{
        "runbook": "core-down",
        "title": "The core is down for one institution",
        "team": "pupper",
        "for": {"institution": "required"},
        "steps": [
            {"do": "Tell support what we know", "uses": "support.tell"},
            {"do": "Find the root error", "uses": "logs.root_error"},
            {"do": "Whose side is it?", "as": "decision", "ask": {"owner": ["ours", "theirs"], "remedy": ["restart", "case"]}},
            {"do": "Restart the shop", "when": "decision.remedy == 'restart'", "uses": "service.restart", "with": {"service": service}},
        ],
    }]
    story(t, "runbooks", t.firedog(setup), service=service)


@slow(40)
def test_runbooks_that_act(t):
    where = t.directory / "acting"
    apps = Town(t.binary, t.directory, where, "--through", "marathon", "--speed", "8", "--institutions", "6")
    t.at_end(apps.stop)
    # Nobody calls of the only institution that the run is for.
    apps.weather("no_traffic", institution="inst-1", minutes_ago=60)
    people = setups.pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}"}])
    (where / "people.json").write_text(json.dumps(people))
    book = {
        "runbook": "restart",
        "title": "Restart, and see whether it works again",
        "team": "pupper",
        "for": {"institution": "required"},
        "steps": [
            {"do": "Restart the HTTP server", "uses": "service.restart", "with": {"service": "symxchange-http-server"}},
            {"do": "Check that requests succeed", "uses": "service.recovered", "with": {"within": "5s"}},
        ],
    }
    (where / "book.json").write_text(json.dumps(book))
    story(t, "acting", t.firedog(where))


@slow(40)
def test_vendor_cases(t):
    setup = setups.pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}"}])
    setup["vendors"] = [{
        "id": "jsource",
        "name": "JSource support",
        "portal": "https://support.example.org/new",
        "email": "support@example.org",
        "note": "Severity 1 by phone.",
    }]
    setup["institutions"] = [{"id": "inst-1", "name": "Example Credit Union", "code": "EX1", "host": "host-7", "vendor": "jsource"}]
    setup["runbooks"] = [{
        "runbook": "core-down",
        "title": "The core is down for one institution",
        "team": "pupper",
        "for": {"institution": "required"},
        "steps": [
            {"do": "Find the root error", "uses": "logs.root_error"},
            {"do": "Open a vendor case with the evidence", "uses": "vendor.case"},
            {"do": "Look again"},
        ],
    }]
    story(t, "cases", t.firedog(setup), service=setup["services"][0]["id"])


@slow(30)
def test_connections_and_the_catalogue(t):
    setup = setups.pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}"}])
    setup["institutions"] = [{"id": "inst-1", "name": "Example Credit Union", "code": "EX1"}]
    # Nobody listens there.
    nobody = "http://127.0.0.1:9"
    apps = Town(t.binary, t.directory, t.directory / "town")
    t.at_end(apps.stop)
    secret = "the-password-of-jenkins"
    setup["connections"] = [
        {"id": "ci", "kind": "jenkins", "url": nobody, "user": "firedog-at-ci", "secret": secret, "owner": "pupper"},
        {"id": "marathon", "kind": "marathon", "url": nobody},
        {"id": "apps", "kind": "marathon", "url": apps.addresses["marathon"], "user": "firedog", "secret": "marathon-of-the-town"},
    ]
    setup["services"][0] |= {
        "restart": {"with": "ci", "job": "ops/restart", "parameters": {"ENV": "production"}, "two_person": True},
        "instances": {"with": "marathon", "app": "/core/shop"},
        "deploys": {"with": "apps", "app": "/core/symxchange-http-server"},
        "environments": [{"id": "production"}, {"id": "staging", "suffix": "-stg"}],
        "links": [
            {"name": "Its logs", "for": "logs", "url": "https://kibana.example.org/?service={service}&from={from}"},
            {"name": "Graphs", "owner": "pupper", "learn": "https://wiki.example.org/grafana", "url": "https://grafana{suffix}.example.org/"},
        ],
    }
    setup["services"].append({"id": "bare", "team": "pupper"})
    story(t, "connections", t.firedog(setup), secret=secret)


@slow(40)
def test_who_fails(t):
    setup = setups.pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}"}])
    setup["runbooks"] = [{"runbook": "look", "steps": [{"do": "See who fails", "uses": "logs.blast_radius"}]}]
    story(t, "failures", t.firedog(setup), service=setup["services"][0]["id"])


@slow(30)
def test_writing_runbooks(t):
    setup = setups.pupper(lambda user: [{"id": "hook", "webhook": f"{t.hooks.url}/{user}"}])
    setup["runbooks"] = [{
        "runbook": "core-down",
        "title": "The core is down for one institution",
        "team": "pupper",
        "for": {"institution": "required"},
        "steps": [
            {"do": "Find the root error", "uses": "logs.root_error"},
            {"do": "Whose side is it?", "as": "decision", "ask": {"owner": ["ours", "theirs"]}},
        ],
    }]
    story(t, "write", t.firedog(setup))

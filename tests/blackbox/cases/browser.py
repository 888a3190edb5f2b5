"""The app in a real browser. Each story is a script in web/tests/browser; it fails by throwing."""

import json
import os
import pathlib

from .. import setups

ROOT = pathlib.Path(__file__).resolve().parents[3]
STORIES = ROOT / "web/tests/browser"
# A story clicks its way through many screens, on a machine that does other things as well.
SECONDS = 300


def story(t, name, server, **given):
    """Runs web/tests/browser/NAME.mjs against `server`; `given` is what it is told. Its numbers are printed."""
    env = os.environ | {
        "FIREDOG_URL": server.url,
        "FIREDOG_TOKEN": server.token,
        "FIREDOG_GIVEN": json.dumps(given),
        "FIREDOG_SHOTS": os.environ.get("FIREDOG_TEST_SHOTS", str(ROOT / "target/tests/shots" / t.database)),
    }
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

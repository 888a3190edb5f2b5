"""`firedog drill`: an outage on somebody's own setup, which reaches nobody real and nothing outside."""

import json
import shutil
import signal
from pathlib import Path

from ..firedog import clean_environment
from ..wait import until
from . import only

EXAMPLE = Path(__file__).parents[3] / "examples" / "pupper"


def drilled(t, *arguments):
    done = t.run("drill", *arguments, "--alone", "--json", seconds=240)
    return json.loads(done.out), done


@only("sqlite")
def test_a_drill_by_hand_is_judged(t):
    """The example connects nothing: people do everything, and one of them would find that our own connections are used up."""
    found, done = drilled(t, EXAMPLE, "--wrong", "pool")
    assert found["ok"] and found["wrong"] == "pool", done
    assert found["decided"]["owner"] == "ours" and found["decided"]["verdict"] == "right", found
    assert [step["place"] for step in found["by_hand"]] == ["1", "2", "3", "7", "8", "9"], found
    assert {paged["user"] for paged in found["paged"]} and found["acknowledged"]["by"] in ("ada", "grace", "linus"), found
    assert "waits for" in done.err or "is for a person" in done.err, done.err


@only("sqlite")
def test_a_drill_with_everything_connected_restarts_each_server_once(t):
    """With the team's own people, webhooks and connections in place, none of which may be called."""
    real = t.hooks
    own = t.directory / "own"
    shutil.copytree(EXAMPLE, own)
    (own / "real.yaml").write_text(
        f"""connections:
  - {{ id: our-logs, kind: elasticsearch, url: "{real.url}/logs", user: u, secret: "${{LOGS_PASSWORD}}", index: ours-* }}
  - {{ id: our-chat, kind: slack, url: "{real.url}/slack", secret_file: no-such-file, room: "#ours" }}
  - {{ id: our-jenkins, kind: jenkins, url: "{real.url}/jenkins", user: u, secret: s }}
  - {{ id: our-cluster, kind: kubernetes, url: "{real.url}/k8s", secret: s }}
"""
    )
    services = (own / "services.yaml").read_text()
    for name in ("http", "rpc"):
        line = f"  - id: symxchange-{name}-server\n"
        assert line in services
        job = f"""    restart: {{ with: our-jenkins, job: deploy/prod/restart, parameters: {{ APP: "{name}" }}, key: RUN }}
    instances: {{ with: our-cluster, namespace: prod, deployment: symx-{name} }}
"""
        services = services.replace(line, line + job)
    (own / "services.yaml").write_text(services)
    users = (own / "users.yaml").read_text()
    assert "http://127.0.0.1:9099" in users
    (own / "users.yaml").write_text(users.replace("http://127.0.0.1:9099", real.url))

    found, done = drilled(t, own, "--wrong", "pool")
    assert found["ok"] and found["decided"]["verdict"] == "right", done
    assert found["restarts"] == [
        {"service": "symxchange-http-server", "times": 1},
        {"service": "symxchange-rpc-server", "times": 1},
    ], found
    assert found["recovered"]["by"] == "recovered", found
    assert found["support_told_s"] < 30 and found["support_answered_s"], found
    # Their own job, with their own parameters.
    assert "deploy/prod/restart with APP=http" in done.err, done.err
    assert real.all() == [], real.all()


@only("sqlite")
def test_a_drill_that_cannot_be_says_why(t):
    done = t.run("drill", EXAMPLE, "--service", "shop", code=1)
    assert "there is no service `shop`" in done.err and "symxchange-http-server" in done.err, done
    done = t.run("drill", EXAMPLE, "--wrong", "rain", code=2)
    assert "expired-certificate" in done.err, done
    broken = t.directory / "broken"
    broken.mkdir()
    (broken / "teams.yaml").write_text("teams: [ { id: a, members: [nobody] } ]\n")
    done = t.run("drill", broken, code=1)
    assert "nobody" in done.out and "the setup has errors" in done.err, done
    # Ended before anybody did anything.
    drill = t.process("drill", [t.binary, "drill", EXAMPLE, "--wrong", "refused"], env=clean_environment(), cwd=t.directory)
    until("the alert", lambda: "An alert fires" in drill.text(), 60)
    drill.send(signal.SIGTERM)
    assert drill.wait(30) == 10, drill.tail()
    assert "the drill was ended before it was over" in drill.text(), drill.tail()

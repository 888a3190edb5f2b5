"""The release binary: as a server, and as a command line client of it."""

import dataclasses
import json
import os
import pathlib
import re
import secrets
import subprocess

from . import web
from .process import Process
from .wait import until

# With the line's end: the file may be read while half of it is written.
READY = re.compile(r"^firedog ready on (http://\S+)\n", re.MULTILINE)


@dataclasses.dataclass
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def said(self):
        return self.out + self.err

    def __str__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def clean_environment():
    """Nothing of the caller's own Firedog, and no colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FIREDOG_")}
    return kept | {"NO_COLOR": "1"}


def run(binary, *arguments, env=None, cwd=None, seconds=60, stdin=None):
    done = subprocess.run(
        [str(binary), *map(str, arguments)],
        capture_output=True, text=True, timeout=seconds, cwd=cwd, env=clean_environment() | (env or {}), input=stdin,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


class Firedog:
    """One server with its database, which outlives restarts."""

    def __init__(self, binary, directory, database, setup=None, env=None):
        self.binary, self.directory = binary, pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.database = database or f"sqlite:{self.directory / 'firedog.db'}"
        self.setup = setup
        self.token = secrets.token_hex(16)
        self.env = {
            "FIREDOG_DATABASE": self.database,
            "FIREDOG_LISTEN": "127.0.0.1:0",
            "FIREDOG_ADMIN_TOKEN": self.token,
            # PostgreSQL demands that it is named; the server makes it.
            "FIREDOG_SECRET_KEY_FILE": str(self.directory / "secret.key"),
        } | (env or {})
        self.process, self.url, self.starts = None, None, 0

    # --- the server

    def launch(self, *arguments):
        """Starts the process without waiting for it."""
        self.starts += 1
        command = [self.binary, "serve", *arguments]
        if self.setup:
            command += ["--setup", self.setup]
        log = self.directory / f"firedog-{self.starts}.log"
        self.process = Process("firedog", command, log, env=clean_environment() | self.env, cwd=self.directory)
        return self

    def ready(self, seconds=20):
        """Waits for the ready line. After a restart the port is the same, so links keep working."""

        def said():
            found = READY.search(self.process.text())
            if not found and not self.process.running():
                raise RuntimeError(f"firedog ended with {self.process.wait()} before it was ready:\n{self.process.tail()}")
            return found

        self.url = until("the ready line", said, seconds, every=0.01)[1]
        self.env["FIREDOG_LISTEN"] = self.url.removeprefix("http://")
        return self

    def start(self, *arguments):
        return self.launch(*arguments).ready()

    def kill(self):
        self.process.kill()

    def stop(self):
        """SIGTERM; answers the exit code."""
        return self.process.stop(seconds=20)

    @property
    def host(self):
        return self.url.removeprefix("http://")

    # --- its HTTP side

    def send(self, method, path, **more):
        return web.send(method, self.url + path, **more)

    def api(self, method, path, **more):
        """With the admin token."""
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return web.send(method, f"{self.url}/api/v1{path}", headers=headers, **more)

    def enqueue(self, key, action="trigger", dedup_key=None, summary="it burns", severity="critical", **payload):
        """One PagerDuty event; answers the dedup key."""
        event = {"routing_key": key, "event_action": action}
        if dedup_key is not None:
            event["dedup_key"] = dedup_key
        if action == "trigger":
            event["payload"] = {"summary": summary, "source": "test", "severity": severity} | payload
        return self.send("POST", "/v2/enqueue", json_body=event).expect(202).json["dedup_key"]

    def metric(self, name):
        """The sum of a metric's samples; None if it has none."""
        text = self.send("GET", "/metrics").expect(200).text
        found = re.findall(rf"^{name}(?:\{{[^}}]*\}})? ([0-9.e+-]+)", text, re.MULTILINE)
        return sum(map(float, found)) if found else None

    # --- its command line

    def run(self, *arguments, code=0, **more):
        """A client verb against this server; fails unless it exits with `code` (None: any)."""
        env = {"FIREDOG_SERVER": self.url, "FIREDOG_TOKEN": self.token} | more.pop("env", {})
        done = run(self.binary, *arguments, env=env, cwd=self.directory, **more)
        words = " ".join(map(str, arguments))
        assert code is None or done.code == code, f"firedog {words}: expected exit {code}, got {done}"
        return done

    def json(self, *arguments, **more):
        return self.run(*arguments, "--json", **more).json

    def alerts(self, *arguments):
        """What is open, or as the arguments say."""
        return self.json("alert", "list", *arguments)

    def alert(self, id):
        """One alert with its timeline."""
        return self.json("alert", "show", id)

    def only_alert(self, about=""):
        """The one open alert about something, once it is there."""

        def one():
            found = [alert for alert in self.alerts() if about in alert["summary"]]
            assert len(found) <= 1, f"more than one alert about {about!r}: {found}"
            return found

        return until(f"an alert about {about!r}", one)[0]

    def state(self, id):
        return self.alert(id)["state"]

    def timeline(self, id, kind=None):
        return [entry for entry in self.alert(id)["timeline"] if kind in (None, entry["kind"])]

"""`firedog town` and its control: the outside systems of a runbook, and what was done to them."""

import json
import pathlib

from . import web
from .firedog import clean_environment
from .process import Process
from .wait import until


class Town:
    """Ends with `stop`. Writes its setup file into `setup`."""

    def __init__(self, binary, directory, setup, *flags):
        directory = pathlib.Path(directory)
        command = [binary, "town", "--json", "--setup", setup, *flags]
        self.process = Process("town", command, directory / "town.log", env=clean_environment(), cwd=directory)
        self.addresses = until("the town's addresses", self._addresses, 30, every=0.02)
        self.control = self.addresses["control"]

    def _addresses(self):
        text = self.process.text()
        if not self.process.running():
            raise RuntimeError(f"the town ended at once:\n{text}")
        # Half of it may be written.
        return json.loads(text) if text.endswith("}\n") else None

    def post(self, path, **body):
        return web.send("POST", self.control + path, json_body=body).expect(200).json

    def get(self, path):
        return web.send("GET", self.control + path).expect(200).json

    def weather(self, condition, **more):
        self.post("/weather", set=condition, **more)

    def restarts(self):
        return self.get("/restarts")

    def requests(self):
        """The newest thousand, over all systems."""
        return self.get("/requests")

    def hold(self, nth, when, **only):
        self.post("/hold", nth=nth, when=when, **only)

    def held(self):
        """The request that is held now, or None."""
        return self.get("/held?within_s=0")["held"]

    def release(self, then="drop"):
        return self.post("/release", then=then)["was_held"]

    def slack(self):
        return self.get("/slack")

    def stop(self):
        """SIGTERM; answers the exit code."""
        return self.process.stop()

"""What one test gets: a directory, a database, and helpers that end with it."""

import contextlib
import functools
import json
import pathlib
import threading

from . import firedog
from .hooks import Hooks
from .mailbox import Mailbox
from .process import Process


class Skipped(Exception):
    """This machine cannot run the test; says why. Shown and counted, never silent."""


class Once:
    """Something dear that several tests share, made by whoever needs it first."""

    def __init__(self, make):
        self._make, self._made, self._lock = make, None, threading.Lock()

    def get(self):
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def stop(self):
        if self._made is not None:
            self._made.stop()


class Case:
    def __init__(self, name, binary, directory, database, cluster):
        self.name, self.binary, self.database = name, binary, database
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        self._cluster = cluster
        self._ends = contextlib.ExitStack()
        self._servers, self._processes = [], []
        self._lock = threading.Lock()

    # --- what a test asks for

    def firedog(self, setup=None, start=True, **env):
        """A server on a fresh database of the kind under test. `setup` is a dictionary or a directory."""
        number = len(self._servers) + 1
        where = self.directory / f"firedog{number}"
        database = self._cluster.get().new_database() if self.database == "postgres" else None
        if isinstance(setup, dict):
            setup = self.write_setup(setup, f"setup{number}")
        server = firedog.Firedog(self.binary, where, database, setup, env)
        self._servers.append(server)
        self._ends.callback(lambda: server.process and server.process.kill())
        return server.start() if start else server

    def process(self, name, command, **more):
        process = Process(name, command, self.directory / f"{name}-{len(self._processes)}.log", **more)
        self._processes.append(process)
        self._ends.callback(process.kill)
        return process

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else json.dumps(text, indent=1))
        return path

    def write_setup(self, setup, name="setup"):
        """A setup directory. JSON is YAML."""
        return self.write(f"{name}/setup.yaml", setup).parent

    def run(self, *arguments, code=0, **more):
        """A verb of the binary that needs no server."""
        done = firedog.run(self.binary, *arguments, cwd=self.directory, **more)
        words = " ".join(map(str, arguments))
        assert code is None or done.code == code, f"firedog {words}: expected exit {code}, got {done}"
        return done

    @functools.cached_property
    def mailbox(self):
        box = Mailbox()
        self._ends.callback(box.stop)
        return box

    @functools.cached_property
    def hooks(self):
        hooks = Hooks()
        self._ends.callback(hooks.stop)
        return hooks

    def at_end(self, act, *arguments):
        self._ends.callback(act, *arguments)

    @property
    def cluster(self):
        """The PostgreSQL cluster that all tests share."""
        return self._cluster.get()

    # --- what the runner asks for

    def end(self):
        self._ends.close()

    def logs(self):
        """The tails of all logs, for a failure's report."""
        parts = []
        for server in self._servers:
            if server.process:
                parts.append(f"--- {server.process.log.name}\n{server.process.tail()}")
        for process in self._processes:
            parts.append(f"--- {process.log.name}\n{process.tail()}")
        return "\n".join(parts)

"""A private PostgreSQL cluster with Debian's binaries, on loopback only."""

import os
import pathlib
import secrets
import shutil
import signal
import subprocess

from .process import Process, free_port, listening

USER = "postgres" if os.geteuid() == 0 else None


def newest_binaries():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return found[-1]


class Cluster:
    def __init__(self, directory, fsync=False):
        """`fsync`: off in tests, because it is Firedog that is killed here, and never PostgreSQL."""
        self.binaries = newest_binaries()
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        if USER:
            shutil.chown(self.directory, USER, USER)
        self.port = free_port()
        self._as_owner(
            "initdb", "--pgdata", self.directory / "data", "--username", "firedog", "--auth", "trust", "--encoding", "UTF8",
            "--locale", "C", "--no-sync",
        )  # fmt: skip
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.directory,
            # Several servers with their pools at once.
            "max_connections": 300,
            "fsync": "on" if fsync else "off",
        }
        flags = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        self.process = Process(
            "postgres", [self.binaries / "postgres", "-D", self.directory / "data", *flags], self.directory.parent / "postgres.log",
            user=USER, cwd="/",
        )  # fmt: skip
        listening(self.port, self.process)
        self.sql("select 1", "postgres")

    def _as_owner(self, program, *arguments):
        prefix = ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups", "--"] if USER else []
        command = [*prefix, str(self.binaries / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/")
        assert done.returncode == 0, f"{program} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    def sql(self, statement, database):
        return self._as_owner(
            "psql", "-h", "127.0.0.1", "-p", self.port, "-U", "firedog", "-d", database, "-v", "ON_ERROR_STOP=1", "-Atc", statement
        ).strip()

    def new_database(self):
        """The URL of a fresh, empty database."""
        name = f"firedog_{secrets.token_hex(4)}"
        self.sql(f"create database {name}", "postgres")
        return f"postgres://firedog@127.0.0.1:{self.port}/{name}"

    def stop(self):
        # SIGINT is PostgreSQL's "fast shutdown".
        self.process.stop(signal.SIGINT, 30)

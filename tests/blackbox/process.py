"""Child processes with their logs."""

import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess

from .wait import until

# How much of a log is shown when a test fails, in bytes.
TAIL = 4000


class Process:
    """A running program whose output goes to a file. `user` drops root's rights."""

    def __init__(self, name, command, log, env=None, cwd=None, user=None):
        self.name, self.log = name, pathlib.Path(log)
        # If this runner is killed, its children go with it; they also go with the thread that starts them.
        wrapper = ["setpriv", "--pdeathsig", "KILL"]
        if user and os.geteuid() == 0:
            wrapper += ["--reuid", user, "--regid", user, "--init-groups"]
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                [shutil.which("setpriv"), *wrapper[1:], "--", *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
            )

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def tail(self):
        text = self.text()
        return text if len(text) <= TAIL else "…" + text[-TAIL:]

    def send(self, number):
        if self.running():
            self.child.send_signal(number)

    def wait(self, seconds=10):
        """The exit code; minus the signal's number if a signal ended it."""
        return self.child.wait(timeout=seconds)

    def kill(self):
        """SIGKILL, and waits until the process is gone."""
        self.send(signal.SIGKILL)
        self.child.wait(timeout=10)

    def stop(self, number=signal.SIGTERM, seconds=10):
        """Asks politely; kills after `seconds`. Answers the exit code."""
        self.send(number)
        try:
            return self.child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {seconds} s of signal {number}") from None


def free_port():
    """A port that is free now, for programs that cannot pick one themselves.

    Below the range from which outgoing connections get theirs: one of those could take it, or even
    connect to itself, while the program that it is meant for is being restarted.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def listening(port, process, seconds=20):
    """Waits until `process` accepts connections on `port`."""

    def accepts():
        if not process.running():
            raise RuntimeError(f"{process.name} ended at once:\n{process.tail()}")
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    until(f"{process.name} on port {port}", accepts, seconds)

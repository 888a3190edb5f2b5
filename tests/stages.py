#!/usr/bin/env python3
"""Runs the stages of `make check`, `make test` and `make soak`, one after the other.

Every stage runs even if an earlier one failed, so that one run shows everything that is wrong. The
last lines say how long it took, what failed, and `N passed, N failed`.
"""

import argparse
import os
import pathlib
import random
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/firedog"
VENV_PYTHON = ROOT / "target/tests/venv/bin/python"

# Stages that count their own tests print one of these.
COUNTS = [
    re.compile(r"^test result: \w+\. (?P<passed>\d+) passed; (?P<failed>\d+) failed"),  # cargo test
    re.compile(r"^tests/run: (?P<passed>\d+) passed, (?P<failed>\d+) failed"),
    re.compile(r"^\s+Tests\s+(?:(?P<failed>\d+) failed \| )?(?P<passed>\d+) passed"),  # vitest
]


class Stage:
    def __init__(self, name, *command, env=None, needs=None):
        self.name, self.command, self.env, self.needs = name, [str(part) for part in command], env or {}, needs
        self.passed = self.failed = 0
        self.seconds = 0.0

    def run(self):
        print(f"\n=== {self.name}: {' '.join(self.command)}", flush=True)
        begin = time.monotonic()
        if self.needs and not self.needs.exists():
            print(f"not run: {self.needs.relative_to(ROOT)} is missing")
            self.failed = 1
            return
        process = subprocess.Popen(
            self.command, cwd=ROOT, env=os.environ | self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for line in process.stdout:
            print(line, end="", flush=True)
            for pattern in COUNTS:
                if found := pattern.match(line):
                    self.passed += int(found["passed"])
                    self.failed += int(found["failed"] or 0)
        code = process.wait()
        if code != 0:
            self.failed = max(self.failed, 1)
        elif self.passed + self.failed == 0:
            self.passed = 1
        self.seconds = time.monotonic() - begin
        print(f"=== {self.name}: {'ok' if code == 0 else 'FAILED'} in {self.seconds:.0f} s", flush=True)


def lints():
    yield Stage("formatting", "cargo", "fmt", "--all", "--check")
    yield Stage("lints", "cargo", "clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings")


def check():
    yield from lints()
    packages = ["firedog-domain", "firedog-engine", "firedog-store"]
    only = [flag for package in packages for flag in ("--package", package)]
    # What needs PostgreSQL is called so.
    yield Stage("quick tests", "cargo", "test", "--locked", *only, "--", "--skip", "postgres")


def test():
    yield from lints()
    yield from app()
    yield Stage("licences and duplicates", sys.executable, "tests/dependencies.py")
    yield Stage("unit, contract, simulation, stories", "cargo", "test", "--workspace", "--locked", "--no-fail-fast")
    yield release()
    yield Stage("real peers, black box, kill -9", "tests/run", needs=BINARY)


def app():
    """The web app. It comes first: the release binary embeds it."""
    yield Stage("app: build", "make", "--no-print-directory", "app")
    yield Stage("app: formatting and lints", "npm", "--prefix", "web", "run", "--silent", "lint")
    yield Stage("app: budgets", "node", "web/tests/budgets.mjs")
    yield Stage("app: unit tests", "npm", "--prefix", "web", "--silent", "test", env={"NO_COLOR": "1"})


def release():
    return Stage("release build", "cargo", "build", "--release", "--locked", "--package", "firedog-server")


# How many seeds and kills are one stage of the soak: some minutes, so that the end of the time is kept.
SOAK_SEEDS = 500
SOAK_KILLS = 100


def soak(secs, begin):
    """Stages without end: new seeds and new moments every time, until the time is over."""
    yield Stage("app: build", "make", "--no-print-directory", "app")
    yield release()
    first = random.randrange(2**40)
    while time.monotonic() - begin < secs:
        env = {"SIM_FROM": str(first), "SIM_SEEDS": str(SOAK_SEEDS)}
        name = f"simulation, seeds {first} to {first + SOAK_SEEDS - 1}"
        yield Stage(name, "cargo", "test", "--locked", "--package", "firedog-engine", "--test", "it", "--", "seeds_hold_every_invariant", env=env)
        first += SOAK_SEEDS
        if time.monotonic() - begin < secs:
            yield Stage(f"{SOAK_KILLS} kills", "tests/run", "kill_loop", env={"FIREDOG_TEST_KILLS": str(SOAK_KILLS)}, needs=BINARY)


def report(stages, begin):
    print("\n=== summary")
    for stage in stages:
        print(f"{stage.seconds:6.0f} s  {stage.passed:5} passed  {stage.failed:3} failed  {stage.name}")
    print(f"{time.monotonic() - begin:6.0f} s  in all")
    passed, failed = sum(stage.passed for stage in stages), sum(stage.failed for stage in stages)
    print(f"\n{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("what", choices=["check", "test", "soak"])
    arguments.add_argument("--secs", type=int, default=600, help="how long the soak goes on")
    chosen = arguments.parse_args()
    begin = time.monotonic()
    ran = []
    for stage in {"check": check, "test": test, "soak": lambda: soak(chosen.secs, begin)}[chosen.what]():
        stage.run()
        ran.append(stage)
        if chosen.what == "soak" and stage.failed:
            break  # the seed is in the lines above; going on would bury it
    return report(ran, begin)


if __name__ == "__main__":
    sys.exit(main())

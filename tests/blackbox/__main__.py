"""The runner: finds the tests in `cases`, runs several at once, says what passed."""

import argparse
import concurrent.futures
import importlib
import os
import pathlib
import pkgutil
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback

from . import cases
from .case import Case, Once, Skipped
from .postgres import Cluster

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Test:
    def __init__(self, module, function, database):
        self.function, self.database = function, database
        # Tests that load both cores, or measure, run by themselves.
        self.alone = getattr(module, "ALONE", False) or getattr(function, "alone", False)
        self.slow = getattr(function, "slow", 0)
        self.name = f"{module.__name__.rsplit('.', 1)[1]}.{function.__name__.removeprefix('test_')}[{database}]"


def collect(databases, names, without):
    tests = []
    for found in pkgutil.iter_modules(cases.__path__):
        module = importlib.import_module(f"{cases.__name__}.{found.name}")
        for name, function in list(vars(module).items()):
            if not name.startswith("test_"):
                continue
            for database in databases:
                if database in getattr(function, "databases", databases):
                    tests.append(Test(module, function, database))
    chosen = [test for test in tests if not names or any(name in test.name for name in names)]
    chosen = [test for test in chosen if not any(name in test.name for name in without)]
    # The slow ones first, so that they overlap with the rest.
    return sorted(chosen, key=lambda test: -test.slow)


def run(test, number, options, directory, cluster):
    """Answers what went wrong, or None, or why the test was skipped."""
    begin = time.monotonic()
    case = Case(test.name, options.binary, directory / f"{number:03}", test.database, cluster)
    wrong = skipped = None
    try:
        test.function(case)
    except Skipped as why:
        skipped = why
    except BaseException:  # noqa: BLE001  a failing test must not end the others
        wrong = f"{traceback.format_exc()}{case.logs()}"
    try:
        case.end()
    except Exception:
        wrong = f"{wrong or ''}{traceback.format_exc()}"
    with PRINTING:
        verdict = "FAILED " if wrong else "skipped" if skipped else "ok     "
        why = f": {skipped}" if skipped else ""
        print(f"{verdict} {test.name}  {time.monotonic() - begin:.1f} s{why}", flush=True)
        if wrong is not None:
            print("    " + wrong.replace("\n", "\n    "), flush=True)
    return wrong or skipped


PRINTING = threading.Lock()


def parse():
    arguments = argparse.ArgumentParser(prog="tests/run", description="Black-box tests of the release binary.")
    arguments.add_argument("names", nargs="*", help="only tests whose name contains one of these")
    arguments.add_argument("--db", choices=["sqlite", "postgres", "both"], default="both")
    arguments.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/firedog")
    # Most tests wait most of the time, so more of them than cores may run at once.
    arguments.add_argument("--jobs", type=int, default=6)
    arguments.add_argument("-x", dest="without", action="append", default=[], metavar="NAME", help="leave out tests whose name contains this")
    arguments.add_argument("--keep", action="store_true", help="keep the tests' directories")
    arguments.add_argument("--list", action="store_true", help="only list the tests")
    return arguments.parse_args()


def main():
    options = parse()
    databases = ["sqlite", "postgres"] if options.db == "both" else [options.db]
    tests = collect(databases, options.names, options.without)
    if options.list:
        print("\n".join(test.name for test in tests))
        return 0
    options.binary = options.binary.resolve()
    if not options.binary.exists():
        print(f"tests/run: {options.binary} is missing; run `make build` first")
        return 2
    if not tests:
        print(f"tests/run: no test's name contains {' or '.join(options.names)}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="firedog-tests-"))
    os.chmod(directory, 0o755)  # PostgreSQL runs as another user
    cluster = Once(lambda: Cluster(directory / "postgres"))
    wrong = {}
    try:
        if any(test.database == "postgres" for test in tests):
            # By this thread: children die with the thread that started them (see process.py).
            cluster.get()
        numbered = list(enumerate(tests))
        together = [(number, test) for number, test in numbered if not test.alone]
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            running = {pool.submit(run, test, number, options, directory, cluster): test for number, test in together}
            for done in concurrent.futures.as_completed(running):
                wrong[running[done].name] = done.result()
        for number, test in numbered:
            if test.alone:
                wrong[test.name] = run(test, number, options, directory, cluster)
    finally:
        cluster.stop()
        if options.keep:
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    failed = sorted(name for name, why in wrong.items() if isinstance(why, str))
    skipped = sorted(name for name, why in wrong.items() if isinstance(why, Skipped))
    for name in skipped:
        print(f"skipped: {name}: {wrong[name]}")
    for name in failed:
        print(f"failed: {name}")
    print(f"tests/run: {len(wrong) - len(failed) - len(skipped)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

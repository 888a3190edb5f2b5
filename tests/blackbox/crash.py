"""One point of the crash matrix: a run of a runbook, a kill -9 at that point, and what became of it."""

import contextlib
import dataclasses
import http.client
import json
import pathlib
import random
import shutil
import threading
import time

from .firedog import Firedog
from .process import free_port
from .setups import KEYS, by_hook, pupper
from .town import Town
from .wait import until

HTTP, RPC = "symxchange-http-server", "symxchange-rpc-server"

# Between two looks of the person who is at the run, in seconds: rarely enough that many of them leave the cores to the servers.
LOOK_S = 0.25
# A run takes some 20 s here, one whose request may still be on its way 45 s more, and one on PostgreSQL the 90 s of a lease.
RUN_S = 240
# Requests in which a third build would be asked for, leave the queue and be looked at.
LOOKS = 6
# Due pages leave so soon after the ready line.
PAGE_S = 2.0


@dataclasses.dataclass(frozen=True)
class Driver:
    """What the two servers are restarted through, and the runbook that does it."""

    name: str
    flags: tuple
    platform: str
    book: dict
    keyed: bool = True
    inputs: tuple = ()
    weather: tuple = ()
    # What it says to people outside: each of it once.
    told: int = 0
    # Only calls to these; the others are those of another driver. None: all, and the moments between them.
    systems: tuple = None


@dataclasses.dataclass(frozen=True)
class Point:
    """`call`: the n-th request to any system outside, held `before` it is done, `after` it, or done `late`, when Firedog is back.

    `twice`: before it, and then Firedog dies of the one that it makes in its place, which is done late.
    Otherwise `at` names a moment between two calls.
    """

    driver: Driver
    call: int = 0
    when: str = ""
    at: str = ""

    @property
    def name(self):
        return f"{self.driver.name} {self.call} {self.when}".strip() if self.call else f"{self.driver.name} {self.at}"


class NotReached(Exception):
    """The run ended before the point: a look more or less is a matter of time."""


class Person:
    """Does what a run asks for: agrees to plans, and looks at the platform where Firedog cannot know."""

    def __init__(self, server, town, driver):
        self.server, self.town, self.driver = server, town, driver
        self.id = None
        self.found = []

    def start(self, seconds=15):
        body = {"runbook": self.driver.book["runbook"], "inputs": dict(self.driver.inputs)}
        self.id = self.server.api("POST", "/runs", json_body=body, seconds=seconds).expect(201, 200).json["id"]

    def run(self):
        return self.server.api("GET", f"/runs/{self.id}").expect(200).json

    def log(self):
        return self.server.api("GET", f"/runs/{self.id}/log").expect(200).json

    def act(self, run):
        """Does what the run asks for."""
        for step in run["steps"]:
            if step["state"] == "confirming":
                self.confirm(step)
            elif step["state"] == "asking":
                assert step["why"] == "uncertain", f"asked for no reason that this run should have: {step}"
                self.find_out(step)

    def confirm(self, step):
        # 409: somebody was faster, namely this person, whose answer was lost.
        self.server.api("POST", f"/runs/{self.id}/steps/{step['place']}/confirm", json_body={"hash": step["plan"]["hash"]}).expect(200, 409)

    def find_out(self, step):
        """It is uncertain whether it was done: whoever looks at Jenkins or Kubernetes can tell."""
        service = step["args"]["service"]
        if not asked_for(self.town.restarts(), self.driver, service):
            self.found.append("a person found nothing, and began the step again")
            self.server.api("POST", f"/runs/{self.id}/steps/{step['place']}/retry").expect(200)
            return
        until(f"the restart of {service}", lambda: restarted(self.town.restarts(), self.driver, service), 60, every=0.5)
        self.found.append("a person found the restart, and said so")
        values = {"restarted": True, "note": "seen on the platform"}
        self.server.api("POST", f"/runs/{self.id}/steps/{step['place']}/answer", json_body={"values": values}).expect(200)


def asked_for(restarts, driver, service):
    """How often anything was asked for: builds, or rollouts where there are none."""
    if "rollout" in driver.flags:
        return len(restarts[driver.platform][service])
    return sum(build["parameters"]["SERVICE"] == service for build in restarts["builds"])


def restarted(restarts, driver, service):
    ended = [build["result"] for build in restarts["builds"] if build["parameters"]["SERVICE"] == service]
    return restarts[driver.platform][service] and all(ended)


@dataclasses.dataclass
class Outcome:
    """A row of the table."""

    point: Point
    call: str
    told: str
    restarts: int
    uncertain: int
    page_s: float


class Trial:
    """A town and a server of one point, in a directory of their own."""

    def __init__(self, t, number, driver, database=None):
        self.driver, self.hooks, self.path, self.is_shared = driver, t.hooks, f"point-{number}", database is not None
        self.where = pathlib.Path(t.directory) / self.path
        self.where.mkdir()
        setup = self.where / "setup"
        self.town = self.server = None
        self.over = threading.Event()
        try:
            self.town = Town(t.binary, self.where, setup, *driver.flags)
            people = pupper(lambda user: by_hook(self.hooks)(f"{self.path}/{user}"))
            (setup / "people.json").write_text(json.dumps(people))
            (setup / "book.json").write_text(json.dumps(driver.book))
            if driver.weather:
                self.town.weather(*driver.weather, minutes_ago=30)
            env = {"FIREDOG_LISTEN": f"127.0.0.1:{free_port()}"}
            self.server = Firedog(t.binary, self.where / "firedog", database, setup, env).start()
            self.person = Person(self.server, self.town, driver)
        except BaseException:
            self.end()
            raise

    def end(self):
        self.over.set()
        if self.server and self.server.process:
            self.server.kill()
        if self.town:
            self.town.process.kill()

    def finish(self, reached=lambda run: False):
        """Goes on until the run is over, or somewhere. Nobody has acted on what is seen then."""
        deadline = time.monotonic() + RUN_S
        while True:
            run = self.person.run()
            if reached(run) or run["state"] != "running":
                return run
            assert time.monotonic() < deadline, f"the run does not end: {run}"
            self.person.act(run)
            time.sleep(LOOK_S)

    def hang(self):
        """An alert whose page is on its way when the server is killed."""
        entered = threading.Event()

        def block():
            entered.set()
            self.over.wait(RUN_S)
            raise ConnectionAbortedError("whoever sent it is dead")

        self.hooks.answer[f"/{self.path}/ada"] = [block]
        self.server.enqueue(KEYS["pd"], dedup_key="before", summary="on its way")
        assert entered.wait(10), "the page before the kill did not leave"

    def back(self):
        """Starts it again. Answers how late the later of two pages came: the one that was on its way, and one triggered now.

        On PostgreSQL another node may be at the first one until the lease of 30 s ends: there it only has to come.
        """
        self.server.start()
        ready = time.monotonic()
        self.server.enqueue(KEYS["pd"], dedup_key="after", summary="after the kill")
        fresh, lost = (self.hooks.wait(f"/{self.path}/ada", about=about, seconds=40) for about in ("after the kill", "on its way"))
        counts = [fresh] if self.is_shared else [fresh, lost]
        return max(0.0, max(page.received for page in counts) - ready)

    # --- the kill, at a call and between two

    def kill_at_call(self, nth, when):
        """Answers with the call that was held, and how late a page came afterwards."""
        self.town.hold(nth, "after" if when == "after" else "before")
        self.person.start()
        held = []
        self.finish(lambda run: held.append(self.town.held()) or held[-1])
        if not held[-1]:
            raise NotReached
        self.hang()
        self.server.kill()
        if when != "late":
            self.town.release("drop")
        if when == "twice":
            self.town.hold(1, "before", method=held[-1]["method"])
        page_s = self.back()
        if when == "twice":
            again = []
            self.finish(lambda run: again.append(self.town.held()) or again[-1])
            assert again[-1] and again[-1]["path"] == held[-1]["path"], f"{held[-1]} was not made again: {again[-1]}"
            self.server.kill()
            self.server.start()
            # It is on its way until Firedog has looked around: whoever asks a third time at once has a build that runs by then.
            came = len(self.town.requests())
            until("looks at what became of it", lambda: len(self.town.requests()) >= came + LOOKS, 30)
        if when in ("late", "twice"):
            assert self.town.release("do_late"), "it was held all the time"
        return held[-1], page_s

    def kill_at(self, moment):
        """Answers how late a page came afterwards."""
        if moment == "as the run is started":
            self.hang()
            self._cut_off(self.person.start)
        else:
            self.person.start()
            place, state, then = MOMENTS[moment]
            run = self.finish(lambda run: state == run["state"] or step_of(run, place)["state"] == state)
            step = step_of(run, place)
            self.hang()
            if then == "sent":
                self._cut_off(lambda: self.person.confirm(step))
            else:
                if then == "agreed":
                    self.person.confirm(step)
                self.server.kill()
        page_s = self.back()
        if moment == "as the run is started":
            # Nobody knows whether it was: whoever starts it once more joins the one that is there.
            self.person.start()
        return page_s

    def _cut_off(self, ask):
        """Kills the server as soon as it may have been asked."""

        def asking():
            with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                ask()

        thread = threading.Thread(target=asking)
        thread.start()
        # Some die before they have read it, some after they have written it down.
        thread.join(random.uniform(0, 0.02))
        self.server.kill()
        thread.join(20)


# The service whose step is waited for, the state that it (or the run) comes to, and what the person does before the kill.
MOMENTS = {
    "while the first plan waits for a yes": (HTTP, "confirming", ""),
    "as the first yes is sent": (HTTP, "confirming", "sent"),
    "after the first yes": (HTTP, "confirming", "agreed"),
    "between two looks at the first restart": (HTTP, "waiting", ""),
    "while the second plan waits for a yes": (RPC, "confirming", ""),
    "as the second yes is sent": (RPC, "confirming", "sent"),
    "after the second yes": (RPC, "confirming", "agreed"),
    "between two looks at the second restart": (RPC, "waiting", ""),
    "after the run": (RPC, "done", ""),
}
STARTED = "as the run is started"


def step_of(run, service):
    return next(step for step in run["steps"] if step["uses"] == "service.restart" and service in step["do"])


def attempt(t, number, point, database=None):
    """One point from a fresh town and database to the end of the run. Answers its row, or raises what is wrong with it."""
    trial = Trial(t, number, point.driver, database)
    try:
        call, page_s = None, 0.0
        if point.call:
            call, page_s = trial.kill_at_call(point.call, point.when)
        elif point.at:
            page_s = trial.kill_at(point.at)
        else:
            trial.person.start()
        run = trial.finish()
        outcome = judge(trial, point, call, page_s, run)
    except NotReached:
        return None
    except BaseException as error:
        error.add_note(f"at the point: {point.name}; its directory: {trial.where}\n{logs(trial)}")
        raise
    finally:
        trial.end()
    shutil.rmtree(trial.where, ignore_errors=True)
    return outcome


def judge(trial, point, call, page_s, run):
    """Whether the run kept what is promised."""
    driver, log, restarts = point.driver, trial.person.log(), trial.town.restarts()
    told = json.dumps({"run": run, "log": log, "restarts": restarts}, indent=1)
    assert run["state"] == "done", f"the run is not done: {told}"
    for step in run["steps"]:
        lines = [line for line in log if line["place"] == step["place"]]
        assert step["state"] in ("done", "skipped") and lines, f"step {step['place']} has no reason: {told}"
        last = lines[-1]
        explained = last["kind"] in ("done", "answered", "skipped") and (last["text"] or not step["uses"])
        assert explained, f"step {step['place']} does not say how it ended: {told}"
    interrupted = [line for line in log if line["text"].startswith("interrupted") or line["kind"] == "uncertain"]
    assert not call or interrupted, f"nothing tells that a call was interrupted: {told}"
    for service in (HTTP, RPC):
        begun = len(restarts[driver.platform][service])
        assert begun == 1, f"{service} was restarted {begun} times: {told}"
        assert asked_for(restarts, driver, service) == 1, f"{service} was asked for more than once: {told}"
        assert step_of(run, service)["output"]["restarted"] is True, told
    other = restarts["kubernetes" if driver.platform == "marathon" else "marathon"]
    assert not any(other.values()), f"something else was restarted: {told}"
    first, second = (restarts[driver.platform][service][0] for service in (HTTP, RPC))
    assert first < second, f"RPC was restarted before HTTP: {told}"
    uncertain = sum(line["kind"] == "uncertain" for line in log)
    is_ask = bool(call) and call["method"] == "POST" and call["path"].endswith("/buildWithParameters")
    assert uncertain == int(is_ask and not driver.keyed), f"{uncertain} steps were uncertain: {told}"
    if driver.told:
        said = [json.dumps(message["metadata"]) for message in trial.town.slack() if message["metadata"]]
        assert len(said) == len(set(said)) >= driver.told, f"said twice, or not at all: {trial.town.slack()}"
    assert page_s <= PAGE_S, f"a page came {page_s:.2f} s after the server was ready"
    name = f"{call['system']}: {call['method']} {call['path']}" if call else ""
    return Outcome(point, name, what_happened(log, trial.person, bool(call)), begun_in_all(restarts, driver), uncertain, page_s)


def begun_in_all(restarts, driver):
    return sum(len(all_of) for all_of in restarts[driver.platform].values())


def what_happened(log, person, in_call):
    """In words, from the run's log."""
    said = []
    if any(line["text"].startswith("interrupted") for line in log):
        said.append("taken up again")
    elif not in_call:
        said.append("went on")
    if any(line["text"].startswith("looking whether") for line in log):
        said.append("looked for the earlier request")
        if not any(line["text"].startswith("found again") for line in log):
            said.append("it can no longer arrive, so asked now")
    said += [f"found again: {line['text'].split(' (')[0]}" if "queue" in line["text"] else line["text"] for line in log if line["text"].startswith("found again")]
    if any(line["kind"] == "uncertain" for line in log):
        said.append("uncertain")
    return ", ".join(said + person.found)


def logs(trial):
    parts = [trial.server.process.tail() if trial.server and trial.server.process else "no server"]
    if trial.town:
        parts.append(trial.town.process.tail())
    return "\n---\n".join(parts)

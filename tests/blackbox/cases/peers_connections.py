"""Runs of runbooks over real programs: Debian's Prometheus tells whether calls succeed again, its blackbox exporter looks from elsewhere."""

import http.server
import json
import threading

from .. import peers
from ..setups import by_mail, pupper
from ..wait import until
from . import slow

MODULES = {
    "tcp_connect": {"prober": "tcp"},
    "http_2xx": {"prober": "http"},
    # A place whose network has no IPv4.
    "only_v6": {"prober": "tcp", "tcp": {"preferred_ip_protocol": "ip6", "ip_protocol_fallback": False}},
}


class Calls:
    """A core as many are: no `GET`. And the counters of the service in front of it."""

    def __init__(self, case):
        self.total = self.failed = 0
        calls = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                metrics = self.path == "/metrics"
                body = calls.metrics() if metrics else b""
                self.send_response(200 if metrics else 405)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        case.at_end(self.stop)

    def metrics(self):
        line = 'calls_total{{service="shop",institution="inst-1",outcome="{}"}} {}\n'.format
        return ("# TYPE calls_total counter\n" + line("ok", self.total - self.failed) + line("error", self.failed)).encode()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


def run(server, runbook, *inputs):
    """A run to its end; its steps."""
    id = server.json("run", "start", runbook, *inputs)["id"]

    def ended():
        found = server.json("run", "show", id)
        return found if found["state"] != "running" else None

    return until(f"the run of {runbook} ends", ended, 60)["steps"]


def core_of(port):
    return {"core_endpoint": f"http://127.0.0.1:{port}/SymXchange"} if port else {}


def start(t, connections, steps, core=None, **more):
    book = {"runbook": "look", "for": more, "steps": steps}
    setup = pupper(by_mail, connections=connections, institutions=[{"id": "inst-1", "name": "Example Credit Union"} | core_of(core)], runbooks=[book])
    return t.firedog(setup)


def test_a_real_blackbox_exporter_looks_from_elsewhere(t):
    core = Calls(t)
    url, process = peers.blackbox_exporter(t, MODULES)
    connection = {"kind": "blackbox", "url": url}
    steps = [{"do": "Probe", "uses": "net.probe", "with": {"target": "${target}"}}]
    server = start(
        t,
        [{"id": "branch"} | connection, {"id": "web", "module": "http_2xx"} | connection, {"id": "v6", "module": "only_v6"} | connection],
        steps,
        core=core.port,
        target="required",
    )
    for id in ("branch", "web", "v6"):
        said = server.run("connection", "check", id).said
        assert "blackbox exporter 0." in said, said
    address = f"http://127.0.0.1:{core.port}/SymXchange"

    # The core takes connections and answers 405: the way is open, but not for who has no IPv4.
    [step] = run(server, "look", f"target={address}")
    seen = step["output"]
    assert seen["stage"] == "http" and seen["split"] is True, seen
    assert seen["elsewhere"]["branch"].startswith("connects in "), seen
    assert seen["elsewhere"]["web"] == "is answered with HTTP 405", seen
    assert seen["elsewhere"]["v6"] in ("does not connect", "finds no address"), seen
    assert "; elsewhere: " in seen["text"] and "branch connects in" in seen["text"], seen

    # What the catalogue does not have is not looked at, whoever names it.
    id = server.json("run", "start", "look", "target=127.0.0.1:22")["id"]
    shown = until("the step fails", lambda: (s := server.json("run", "show", id)["steps"][0])["state"] == "asking" and s, 20)
    assert "is no address of the catalogue" in shown["text"], shown
    server.run("run", "cancel", id, "--why", "seen")

    # Nobody listens any more: nobody connects, and nothing differs.
    core.stop()
    [step] = run(server, "look", f"target=127.0.0.1:{core.port}")
    seen = step["output"]
    assert seen["stage"] == "tcp" and seen["split"] is False, seen
    assert {seen["elsewhere"][id] for id in ("branch", "web")} == {"does not connect"}, seen

    # Who cannot be asked says so, and decides nothing.
    process.kill()
    [step] = run(server, "look", f"target=127.0.0.1:{core.port}")
    seen = step["output"]
    assert seen["split"] is False and "could not be asked" in seen["elsewhere"]["branch"], seen
    assert "refused" in server.run("connection", "check", "branch", code=None).said


@slow(80)
def test_a_real_prometheus_tells_whether_calls_succeed_again(t):
    calls = Calls(t)
    url = peers.scraper(t, {"shop": calls.port})
    count = 'sum(increase(calls_total{{service=~"{{service}}",institution=~"{{institution}}"{}}}[{{last}}]))'.format
    queries = {"total": count(""), "failed": count(',outcome="error"')}
    steps = [
        {"do": "Look", "uses": "service.recovered", "with": {"service": "shop", "within": "50s"}},
        {"do": "Keep the graph", "uses": "metrics.read", "with": {"service": "shop", "last": "10m"}},
    ]
    server = start(t, [{"id": "metrics", "kind": "prometheus", "url": url, "queries": queries}], steps, institution="required")
    checked = server.run("connection", "check", "metrics").said
    assert "Prometheus 2." in checked, checked
    ticking = threading.Event()

    def tick(fails):
        while not ticking.wait(0.2):
            calls.total += 1
            calls.failed += fails

    def told(fails):
        """Calls go on, as they do, while the run looks at them."""
        ticking.clear()
        thread = threading.Thread(target=tick, args=(fails,), daemon=True)
        thread.start()
        try:
            steps = run(server, "look", "institution=inst-1")
        finally:
            ticking.set()
            thread.join()
        return [step["output"] for step in steps]

    seen, graph = told(fails=0)
    assert seen["state"] == "recovered", json.dumps(seen)
    assert seen["text"].startswith("0 of ") and "calls failed since" in seen["text"], seen
    assert sum(graph["total"].values()) > 0 and not any(graph["failed"].values()), graph
    assert graph["text"].startswith("0 of ") and "minutes with failed calls" in graph["text"], graph
    seen, graph = told(fails=1)
    assert seen["state"] == "failing", json.dumps(seen)
    assert any(graph["failed"].values()) and not graph["text"].startswith("0 of"), graph

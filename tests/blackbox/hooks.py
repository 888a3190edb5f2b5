"""A receiver of webhook pages that keeps what it gets and answers as it is told."""

import http.server
import json
import threading
import time

from .wait import until


class Hook:
    """One request that came in."""

    def __init__(self, path, headers, body, answered):
        self.path, self.headers, self.body, self.answered = path, headers, body, answered
        self.received = time.monotonic()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def kind(self):
        return self.json["kind"]

    @property
    def alert(self):
        return self.json["alert"]

    @property
    def idempotency_key(self):
        return self.json["idempotency_key"]

    def __repr__(self):
        return f"<Hook {self.path} {self.body[:300]!r} -> {self.answered}>"


class Hooks:
    """`answer[path]` is a list of status codes (or callables that make one) for the next requests; then 200.

    A callable may block, to play a slow receiver, or answer a (status, headers) pair.
    """

    def __init__(self):
        self.answer = {}
        self._hooks, self._lock = [], threading.Lock()
        hooks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with hooks._lock:
                    queue = hooks.answer.get(self.path, [])
                    answer = queue.pop(0) if queue else 200
                answer = answer() if callable(answer) else answer
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                with hooks._lock:
                    hooks._hooks.append(Hook(self.path, dict(self.headers), body, status))
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # the sender was killed meanwhile

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_):
                pass  # connections of killed senders end anyhow

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def all(self, path=None, kind=None, about=None):
        """What came so far, oldest first; `about` is looked for in the alert's summary."""
        with self._lock:
            hooks = list(self._hooks)
        return [
            hook
            for hook in hooks
            if path in (None, hook.path) and kind in (None, hook.kind) and (about is None or about in hook.alert["summary"])
        ]

    def pages(self, path=None, about=None):
        return self.all(path, "page", about)

    def wait(self, path, kind="page", about=None, seconds=15, count=1):
        """The `count`-th of a kind at a path."""
        what = f"number {count} of `{kind}` at {path} about {about!r}"
        return until(what, lambda: self.all(path, kind, about)[count - 1 : count], seconds)[0]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

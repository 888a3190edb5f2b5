"""A real SMTP server (aiosmtpd, as Debian packages it) that keeps what it receives."""

import email
import email.policy
import re
import threading
import time

from aiosmtpd.controller import Controller

from .process import free_port
from .wait import until


class Mail:
    """One received message for one recipient."""

    def __init__(self, to, content):
        self.to, self.received = to, time.monotonic()
        self.message = email.message_from_bytes(content, policy=email.policy.default)

    @property
    def subject(self):
        return str(self.message["Subject"])

    def part(self, kind):
        """The body of type `text/<kind>`."""
        body = self.message.get_body((kind,))
        assert body is not None, f"the message has no {kind} part"
        return body.get_content()

    @property
    def plain(self):
        return self.part("plain")

    def links(self):
        return re.findall(r"https?://[^\s<>\"]+", self.plain)

    def __repr__(self):
        return f"<Mail to {self.to}: {self.subject}>"


class Mailbox:
    def __init__(self):
        self._mails, self._lock = [], threading.Lock()
        # aiosmtpd probes its own port after the start, so it cannot pick one.
        self.port = free_port()
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()
        self.url = f"smtp://127.0.0.1:{self.port}"

    async def handle_DATA(self, _server, _session, envelope):
        with self._lock:
            self._mails += [Mail(to, envelope.content) for to in envelope.rcpt_tos]
        return "250 Message accepted for delivery"

    def mails(self, to=None, about=""):
        """What came so far, oldest first; `about` is looked for in subject and plain part."""
        with self._lock:
            mails = list(self._mails)
        return [mail for mail in mails if to in (None, mail.to) and about in mail.subject + mail.plain]

    def wait(self, to, about="", seconds=15, count=1):
        """The `count`-th mail to `to` about `about`."""
        what = f"mail number {count} to {to} about {about!r}"
        return until(what, lambda: self.mails(to, about)[count - 1 : count], seconds)[0]

    def stop(self):
        self.controller.stop()

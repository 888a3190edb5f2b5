"""From an event that is sent to the page that arrives: an open-loop generator and its receiver.

Events are sent at their planned instants whether or not earlier ones were answered, and times count
from the plan, so that a stall shows in every event that it delays.
"""

import asyncio
import json
import re
import time

KEY = re.compile(rb"bench-(\d+)-(\d+)")


class Receiver(asyncio.Protocol):
    """Notes when the first bytes with an event's key came, and answers 200."""

    arrived = {}

    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        now = time.perf_counter()
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            length = int(length[1]) if length else 0
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            if key := KEY.search(body):
                self.arrived.setdefault(key[0].decode(), now)
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


class Connection:
    """A kept-alive connection that posts one body at a time."""

    def __init__(self, host, port):
        self.host, self.port, self.reader, self.writer = host, port, None, None

    async def post(self, path, body):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        head = f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if length := re.search(rb"(?i)content-length: *(\d+)", head):
            await self.reader.readexactly(int(length[1]))
        return int(head.split(b" ", 2)[1])


async def measure(url, body_of, rate, seconds, port, run):
    """Answers two lists in milliseconds: planned send to 2xx, planned send to the page's arrival.

    `body_of(key)` makes path and body of one event; pages come to `port`, which has to be listening already.
    """
    host, _, target_port = url.removeprefix("http://").partition(":")
    Receiver.arrived = {}
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", port)
    idle = [Connection(host, int(target_port)) for _ in range(32)]
    answered, planned, refused = {}, {}, []

    async def send(key, at):
        path, body = body_of(key)
        body = json.dumps(body).encode()
        await asyncio.sleep(max(0, at - time.perf_counter()))
        connection = idle.pop() if idle else Connection(host, int(target_port))
        status = await connection.post(path, body)
        answered[key] = time.perf_counter()
        idle.append(connection)
        if not 200 <= status < 300:
            refused.append(status)

    begin = time.perf_counter() + 0.2
    for number in range(int(rate * seconds)):
        planned[f"bench-{run}-{number}"] = begin + number / rate
    await asyncio.gather(*(send(key, at) for key, at in planned.items()))
    deadline = time.perf_counter() + 30
    while len(Receiver.arrived) < len(planned) and time.perf_counter() < deadline:
        await asyncio.sleep(0.05)
    server.close()
    if refused:
        raise SystemExit(f"{len(refused)} of {len(planned)} events were refused, such as with {refused[0]}")
    missing = len(planned) - len(Receiver.arrived)
    if missing:
        raise SystemExit(f"{missing} of {len(planned)} pages did not arrive within 30 s")
    to_answer = [(answered[key] - at) * 1000 for key, at in planned.items()]
    to_page = [(Receiver.arrived[key] - at) * 1000 for key, at in planned.items()]
    return to_answer, to_page

"""Bare sockets: no client at all, only what the machine and the portal leave possible: `URL ANSWERS CONNECTIONS`; prints seconds."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from urllib.parse import urlsplit


class Line(asyncio.Protocol):
    """One connection. It takes for granted that every answer says its length in the one way that the portal says it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, page: int) -> asyncio.Future[bytes]:
        self.came = b""
        self.answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.transport.write(b"GET /items?page=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % page)
        return self.answered

    def data_received(self, data: bytes) -> None:
        self.came += data
        head, whole, body = self.came.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head) if whole else None
        if length and len(body) >= int(length[1]):
            self.answered.set_result(body)


async def fetch(url: str, answers: int, connections: int) -> float:
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(Line, address.hostname, address.port))[1] for _ in range(connections)]
    pages = iter(range(answers))

    async def lane(line: Line) -> int:
        return sum([len(json.loads(await line.ask(page))) for page in pages])

    started = time.perf_counter()
    records = sum(await asyncio.gather(*(lane(line) for line in lines)))
    seconds = time.perf_counter() - started
    assert records == answers * 130
    return seconds


if __name__ == "__main__":
    json.dump({"seconds": asyncio.run(fetch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))}, sys.stdout)

"""A portal for the benchmark of fetching: every answer is the same page of records, given after a fixed time.

Prints its address, and serves until it is killed. It speaks just enough HTTP/1.1, and so takes next to no time itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json

RECORDS = 130


def page() -> bytes:
    records = [
        {
            "id": 2_500_000_000_000_000_000 + n,
            "id_str": str(2_500_000_000_000_000_000 + n),
            "type": "Mark5",
            "value": "5",
            "person": 1_000_000_000_501 + n,
            "work": 2_400_000_000_000_001_001,
            "date": "2026-09-08T09:41:20.100000",
        }
        for n in range(RECORDS)
    ]
    body = json.dumps(records).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Portal(asyncio.Protocol):
    def __init__(self, answer: bytes, seconds: float) -> None:
        self.answer = answer
        self.seconds = seconds
        self.asked = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.asked += data
        while b"\r\n\r\n" in self.asked:
            _, _, self.asked = self.asked.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(self.seconds, self.give)

    def give(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.answer)


async def serve(seconds: float) -> None:
    answer = page()
    server = await asyncio.get_running_loop().create_server(lambda: Portal(answer, seconds), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--milliseconds", type=float, default=20)
    asyncio.run(serve(parser.parse_args().milliseconds / 1000))

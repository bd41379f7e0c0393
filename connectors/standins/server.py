"""Serves stand-in portals over real sockets, with faults if asked, and keeps a record of how they were visited."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from canonical.entities import Record
from connectors.standins.region import Institution


@dataclass
class StandIn:
    """One stand-in portal, ready to be served.

    `auth` holds, for each kind of `auth` that the connector knows, the values a source's configuration needs; `student`
    the login (and password or token) of one pupil. `truth` gives the canonical records that an import with the staff
    account must give; it is written from the region, not from the answers.
    """

    portal: str
    institution: Institution
    app: ASGIApp
    remote_id: str
    auth: dict[str, dict[str, str]]
    student: dict[str, str]
    truth: Callable[[], Iterator[Record]]


FAULTS: Final = ("500", "502 page", "429", "page with 200", "cut short", "hung up")


@dataclass
class Faults:
    """How a server misbehaves. `rate` is the share of GET requests that fail, `latency` seconds before each answer."""

    rate: float = 0.0
    latency: float = 0.0
    seed: int = 1
    kinds: tuple[str, ...] = FAULTS


@dataclass
class Visits:
    """How a server was visited."""

    at: list[float] = field(default_factory=list)
    methods: Counter[str] = field(default_factory=Counter)
    paths: list[str] = field(default_factory=list)
    under_way: int = 0
    most_at_once: int = 0

    def busiest_second(self) -> int:
        """The most requests that began within any one second."""
        most = first = 0
        for last, moment in enumerate(self.at):
            while moment - self.at[first] >= 1.0:
                first += 1
            most = max(most, last - first + 1)
        return most


class Door:
    """The ASGI layer in front of a stand-in: counts visits, waits, and fails as it is told."""

    def __init__(self, app: ASGIApp, faults: Faults | None = None) -> None:
        self.app = app
        self.faults = faults or Faults()
        self.visits = Visits()
        self._rng = random.Random(self.faults.seed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visits = self.visits
        visits.at.append(time.monotonic())
        visits.methods[scope["method"]] += 1
        visits.paths.append(scope["path"])
        visits.under_way += 1
        visits.most_at_once = max(visits.most_at_once, visits.under_way)
        try:
            if self.faults.latency:
                await asyncio.sleep(self.faults.latency)
            kind = self._rng.choice(self.faults.kinds) if self._rng.random() < self.faults.rate else None
            if kind is None or scope["method"] != "GET":
                await self.app(scope, receive, send)
            else:
                await self._fail(kind, scope, receive, send)
        finally:
            visits.under_way -= 1

    async def _fail(self, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        page = "<!DOCTYPE html><html><body><h1>Технические работы</h1></body></html>".encode()
        if kind == "500":
            await _answer(send, 500, b"{}", "application/json")
        elif kind == "502 page":
            await _answer(send, 502, page, "text/html; charset=utf-8")
        elif kind == "429":
            await _answer(send, 429, b"{}", "application/json", (b"retry-after", b"0"))
        elif kind == "page with 200":
            await _answer(send, 200, page, "text/html; charset=utf-8")
        else:
            await self.app(scope, receive, _cutting(send, whole_length=kind == "cut short"))


async def _answer(send: Send, status: int, body: bytes, kind: str, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _cutting(send: Send, *, whole_length: bool) -> Send:
    """Passes on only half of a body: with a length that fits the half, or hanging up in the middle."""
    started: list[Message] = []

    async def cut(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
            return
        body = message.get("body", b"")
        half = body[: len(body) // 2]
        start = started.pop()
        if whole_length:
            start["headers"] = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
            start["headers"].append((b"content-length", str(len(half)).encode()))
        await send(start)
        await send({"type": "http.response.body", "body": half, "more_body": not whole_length})
        if not whole_length:
            raise ConnectionAbortedError("the stand-in hangs up, as it was told to")

    return cut


class _Quiet(uvicorn.Server):
    """A server in a thread: it leaves signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def serving(app: ASGIApp, *, port: int = 0) -> Iterator[str]:
    """Serves an app on this machine while the block runs; gives its base address."""
    listener = _listen(port)
    server = _Quiet(_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the stand-in did not start")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(5)
        listener.close()


def serve(app: ASGIApp, *, port: int, started: Callable[[str], Any]) -> None:
    """Serves an app until the process is told to stop; calls `started` with the base address first."""
    listener = _listen(port)
    started(f"http://127.0.0.1:{listener.getsockname()[1]}")
    uvicorn.Server(_config(app)).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only where the protocol is named: else each answer waits 40 ms for an ACK
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)

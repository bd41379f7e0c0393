"""Serves stand-in portals over real sockets, with faults if asked, and keeps a record of how they were visited."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import logging
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
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
    account must give; it is written from the region, not from the answers. `expire` ends every sign-in in the portal's own
    way, so that whoever can sign in anew can go on. For a connector that reads files, `lay` writes them into a folder and
    gives the settings of the source; `app` then has nothing to say.
    """

    portal: str
    institution: Institution
    app: ASGIApp
    remote_id: str
    auth: dict[str, dict[str, str]]
    student: dict[str, str]
    truth: Callable[[], Iterator[Record]]
    expire: Callable[[], None] | None = None
    lay: Callable[[Path], dict[str, str]] | None = None


FAULTS: Final = ("500", "502 page", "429", "page with 200", "cut short", "hung up")
"""What passes by itself when it is asked again, and takes no time."""

ALL_FAULTS: Final = (*FAULTS, "429 until", "slow drip", "401", "to the sign-in page")
"""Those too that take time, or end a sign-in. `429` names seconds, `429 until` a moment by the server's clock."""


@dataclass
class Faults:
    """How a server misbehaves.

    `rate` is the share of GET requests that fail, by chance; with `every` each so-many-th one fails instead, in each of the
    `kinds` in turn; `most` bounds how many do. `latency` is the number of seconds before each answer, `retry_after` what a 429 asks for, `skew` by how
    many seconds the server's clock is ahead.
    """

    rate: float = 0.0
    latency: float = 0.0
    seed: int = 1
    kinds: tuple[str, ...] = FAULTS
    every: int = 0
    most: int | None = None
    retry_after: int = 0
    skew: float = 0.0


@dataclass
class Visits:
    """How a server was visited. `asked` holds `GET /path?query` of each visit, `failed` how it was failed (or null)."""

    at: list[float] = field(default_factory=list)
    methods: Counter[str] = field(default_factory=Counter)
    paths: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failed: list[str | None] = field(default_factory=list)
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
        self._gets = 0
        self._failures = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visits = self.visits
        query = scope["query_string"].decode("latin-1")
        kind = self._kind(scope["method"])
        visits.at.append(time.monotonic())
        visits.methods[scope["method"]] += 1
        visits.paths.append(scope["path"])
        visits.asked.append(f"{scope['method']} {scope['path']}{'?' if query else ''}{query}")
        visits.failed.append(kind)
        visits.under_way += 1
        visits.most_at_once = max(visits.most_at_once, visits.under_way)
        dated = self._dated(send)
        try:
            if self.faults.latency:
                await asyncio.sleep(self.faults.latency)
            if kind is None:
                await self.app(scope, receive, dated)
            else:
                await self._fail(kind, scope, receive, dated)
        finally:
            visits.under_way -= 1

    def _kind(self, method: str) -> str | None:
        """How this request is to fail; null if it is not."""
        faults = self.faults
        if method != "GET" or (faults.most is not None and self._failures >= faults.most):
            return None
        self._gets += 1
        fails = self._gets % faults.every == 0 if faults.every else self._rng.random() < faults.rate
        self._failures += fails
        if not fails:
            return None
        return faults.kinds[self._failures % len(faults.kinds)] if faults.every else self._rng.choice(faults.kinds)

    def _dated(self, send: Send) -> Send:
        """Sends with the server's own idea of the time."""
        skew = self.faults.skew

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = email.utils.formatdate(time.time() + skew, usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", ()), (b"date", said)]}
            await send(message)

        return dated

    async def _fail(self, kind: str, scope: Scope, receive: Receive, send: Send) -> None:
        page = "<!DOCTYPE html><html><body><h1>Технические работы</h1></body></html>".encode()
        faults = self.faults
        if kind == "500":
            await _answer(send, 500, b"{}", "application/json")
        elif kind == "502 page":
            await _answer(send, 502, page, "text/html; charset=utf-8")
        elif kind == "429":
            await _answer(send, 429, b"{}", "application/json", (b"retry-after", str(faults.retry_after).encode()))
        elif kind == "429 until":
            until = email.utils.formatdate(int(time.time() + faults.skew) + faults.retry_after, usegmt=True)
            await _answer(send, 429, b"{}", "application/json", (b"retry-after", until.encode()))
        elif kind == "page with 200":
            await _answer(send, 200, page, "text/html; charset=utf-8")
        elif kind == "401":
            await _answer(send, 401, b"", "text/plain")
        elif kind == "to the sign-in page":
            await _answer(send, 302, b"", "text/plain", (b"location", b"/login"))
        elif kind == "slow drip":
            await _drip(page, receive, send)
        else:
            await self.app(scope, receive, _cutting(send, whole_length=kind == "cut short"))


async def _answer(send: Send, status: int, body: bytes, kind: str, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _drip(body: bytes, receive: Receive, send: Send) -> None:
    """Sends a body byte by byte, two a second, until the client has had enough."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for byte in body:
        await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while (await receive())["type"] != "http.disconnect":
                    pass
                return


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


_GRACE: Final = 0.1
"""Seconds that a server which is told to end leaves to the answers it is giving."""


class _Quiet(uvicorn.Server):
    """A server in a thread: it leaves signals alone, and ends as soon as it is told to, not at its next look."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._told.wait()

    def stop(self) -> None:
        """Tells it to end; called from another thread."""
        self._loop.call_soon_threadsafe(self._told.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for place in (*self.servers, *(sockets or ())):
            place.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_GRACE)


@contextlib.contextmanager
def serving(app: ASGIApp, *, port: int = 0) -> Iterator[str]:
    """Serves an app on this machine while the block runs; gives its base address."""
    listener = listen(port)
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
        if thread.is_alive():
            server.stop()
        thread.join(5)
        listener.close()


def serve(app: ASGIApp, listener: socket.socket, *, started: Callable[[str], Any]) -> None:
    """Serves an app until the process is told to stop; calls `started` with the base address when it is ready for both."""

    class Telling(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started(f"http://127.0.0.1:{listener.getsockname()[1]}")

    Telling(_config(app)).run(sockets=[listener])


def listen(port: int) -> socket.socket:
    """A port of this machine, 0 for any free one.

    Raises:
        OSError: it is taken, or only for others.

    """
    # asyncio switches Nagle's algorithm off only where the protocol is named: else each answer waits 40 ms for an ACK
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    listener.listen(128)
    return listener


def _is_news(record: logging.LogRecord) -> bool:
    """A connection that was closed because it was told to be is none."""
    return record.exc_info is None or not isinstance(record.exc_info[1], ConnectionAbortedError)


def _config(app: ASGIApp) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    return uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1, date_header=False
    )

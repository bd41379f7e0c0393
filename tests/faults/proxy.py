"""A network that cuts connections: between an import and a portal, on a real socket."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(slots=True)
class Proxy:
    """Passes bytes on; what the portal says is cut off in the midst of the `share` of its answers, as a seed chooses."""

    base_url: str
    share: float
    seed: int = 1
    cuts: int = 0
    passed: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = urlsplit(self.base_url)
        there, back = await asyncio.open_connection(target.hostname, target.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, back))
                both.create_task(self._answer(there, writer))
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass  # either side has hung up, which is what this is for
        finally:
            for side in (writer, back):
                side.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rng = random.Random(self.seed)
        self.seed += 1
        while data := await reader.read(65536):
            self.passed += 1
            if rng.random() < self.share:
                self.cuts += 1
                writer.write(data[: len(data) // 2])
                with suppress(ConnectionError):
                    await writer.drain()
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


@contextmanager
def cutting(base_url: str, share: float) -> Iterator[tuple[str, Proxy]]:
    """A proxy before a portal while the block runs: its address, and what it has done."""
    proxy = Proxy(base_url, share)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(proxy.handle, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        server.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

"""Bare httpx: one client, as many connections as said: `URL ANSWERS CONNECTIONS`; prints seconds."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import httpx


async def fetch(url: str, answers: int, connections: int) -> float:
    pages = iter(range(answers))
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(base_url=url, limits=limits) as client:

        async def lane() -> int:
            return sum([len((await client.get("/items", params={"page": page})).json()) for page in pages])

        started = time.perf_counter()
        records = sum(await asyncio.gather(*(lane() for _ in range(connections))))
        seconds = time.perf_counter() - started
    assert records == answers * 130
    return seconds


if __name__ == "__main__":
    json.dump({"seconds": asyncio.run(fetch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))}, sys.stdout)

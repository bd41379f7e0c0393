"""aiohttp, as many connections as said: `URL ANSWERS CONNECTIONS`; prints seconds."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import aiohttp


async def fetch(url: str, answers: int, connections: int) -> float:
    pages = iter(range(answers))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as client:

        async def one(page: int) -> int:
            async with client.get(f"{url}/items", params={"page": page}) as response:
                return len(await response.json())

        async def lane() -> int:
            return sum([await one(page) for page in pages])

        started = time.perf_counter()
        records = sum(await asyncio.gather(*(lane() for _ in range(connections))))
        seconds = time.perf_counter() - started
    assert records == answers * 130
    return seconds


if __name__ == "__main__":
    json.dump({"seconds": asyncio.run(fetch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))}, sys.stdout)

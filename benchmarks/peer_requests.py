"""requests in threads, one session each: `URL ANSWERS CONNECTIONS`; prints seconds."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import requests


def fetch(url: str, answers: int, connections: int) -> float:
    pages = iter(range(answers))

    def lane(_: int) -> int:
        with requests.Session() as session:
            return sum(len(session.get(f"{url}/items", params={"page": page}, timeout=60).json()) for page in pages)

    started = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        records = sum(pool.map(lane, range(connections)))
    seconds = time.perf_counter() - started
    assert records == answers * 130
    return seconds


if __name__ == "__main__":
    json.dump({"seconds": fetch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))}, sys.stdout)

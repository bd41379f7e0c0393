"""svod's own session fetching and decoding: `URL ANSWERS CONNECTIONS`; prints seconds."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from connectors.contract import SourceConfig
from connectors.http import Answer, Session, common_fault
from connectors.registry import manifests
from connectors.sessions import network_session


class Plain:
    """A portal that asks for nothing."""

    def headers(self) -> dict[str, str]:
        return {"Access-Token": "synthetic"}

    def fault(self, answer: Answer) -> Exception | None:
        return common_fault(answer)

    async def sign_in(self, session: Session, *, expired: bool) -> None:
        """There is nothing to do."""


async def fetch(url: str, answers: int, connections: int) -> float:
    config = SourceConfig(
        key="bench", connector="dnevnik", base_url=url, requests_per_second=1_000_000, concurrency=connections
    )
    session = network_session(config, manifests()["dnevnik"].product(None), Plain())  # type: ignore[arg-type]
    pages = iter(range(answers))

    async def lane() -> int:
        records = 0
        for page in pages:
            records += len((await session.get("/items", {"page": page})).json())
        return records

    started = time.perf_counter()
    records = sum(
        await asyncio.gather(*(lane() for _ in range(2 * connections)))
    )  # connectors ask for all they need at once
    seconds = time.perf_counter() - started
    await session.close()
    assert records == answers * 130
    return seconds


if __name__ == "__main__":
    json.dump({"seconds": asyncio.run(fetch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))}, sys.stdout)

"""A browser for tests: asks a stand-in's application as a portal's own pages do, and saves what came as a HAR file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx

from connectors.conformance.capturing import Recorder
from connectors.standins.server import StandIn

SECRET = "s3cr3t-of-the-session"  # in every place where a browser's file may hold one


class Browser:
    """`entries` are those of the file; `host` and `prefix` stand before every path."""

    def __init__(self, standin: StandIn, headers: Mapping[str, str], *, prefix: str = "") -> None:
        self.recorder = Recorder(standin.app, standin.institution.now)
        self.headers = {**headers, "X-Session": SECRET}
        self.prefix = prefix
        self.cookies: dict[str, str] = {}

    @property
    def entries(self) -> list[dict[str, Any]]:
        return self.recorder.entries

    def ask(self, path: str, params: Any = None, *, method: str = "GET", body: Any = None, form: Any = None) -> Any:
        """One exchange; gives the decoded answer."""

        async def one() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.recorder)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", headers=self.headers, cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, params=params, json=body, data=form)
                self.cookies.update(answer.cookies)
                return answer

        answer = asyncio.run(one())
        entry = self.entries[-1]
        if self.prefix:
            entry["request"]["url"] = entry["request"]["url"].replace(
                "portal.example/", f"portal.example{self.prefix}/"
            )
        entry["request"]["cookies"] = [{"name": "sid", "value": SECRET}]
        try:
            said = answer.json()
        except ValueError:
            return None
        wrapped = isinstance(said, dict) and len(said) == 1 and isinstance(next(iter(said.values())), list)
        return next(iter(said.values())) if wrapped else said

    def weeks(self, since: date, until: date) -> Iterable[tuple[date, date]]:
        while since <= until:
            yield since, min(since + timedelta(days=6), until)
            since += timedelta(days=7)

    def noise(self) -> None:
        """What else a file holds: pictures, other hosts, refusals, writes, answers without content."""
        at = self.entries[-1]["startedDateTime"]
        url = self.entries[-1]["request"]["url"]

        def entry(
            method: str, url: str, status: int, text: str | None, kind: str = "application/json"
        ) -> dict[str, Any]:
            content = {"mimeType": kind} | ({} if text is None else {"text": text})
            return {"startedDateTime": at, "request": {"method": method, "url": url, "headers": []},
                    "response": {"status": status, "headers": [], "content": content}}  # fmt: skip

        entries = self.recorder.entries
        entries[:0] = [
            entry("GET", "https://cdn.example/app.js", 200, "alert(1)", "text/javascript"),
            entry("OPTIONS", url, 204, None),
            entry("GET", url, 304, None),
            entry("GET", url, 200, None),
            entry("GET", url, 302, None),
        ]
        entries += [
            entry("GET", url, 401, '{"code": 401}'),
            entry("GET", url, 500, "oops", "text/html"),
            entry("GET", url, 200, "<!DOCTYPE html><html><body>works</body></html>", "text/html"),
            entry("PUT", url, 200, "[]"),
            entry("POST", url, 200, "[]"),
        ]

    def save(self, file: Path, *, entries: Sequence[Mapping[str, Any]] | None = None) -> Path:
        log = {
            "version": "1.2",
            "creator": {"name": "a browser", "version": "1"},
            "pages": [],
            "entries": list(self.entries if entries is None else entries),
        }
        file.write_text(json.dumps({"log": log}, ensure_ascii=False), encoding="utf-8")
        return file


def signed_in_myschool(standin: StandIn) -> Browser:
    """A browser of «Моя школа» in which the school's administrator has signed in."""
    token = standin.auth["token"]["token"]
    browser = Browser(
        standin, {"Auth-Token": token, "Authorization": f"Bearer {token}", "aid": "14"}, prefix="/proxy/a1"
    )
    profile = browser.ask("/api/ej/acl/v1/mod-acl/users/profile_info")[0]
    browser.headers |= {"Profile-Id": str(profile["id"]), "Profile-Type": profile["type"]}
    return browser

"""Checks of reading browser captures: the traffic of an ordinary read, as a browser would have saved it."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.captures import Capture
from connectors.conformance.bench import Bench
from connectors.conformance.check import check, some
from connectors.conformance.giving import untroubled
from connectors.conformance.harness import differences
from connectors.contract import Product

_HOST: Final = "https://portal.example"
_STEP: Final = timedelta(milliseconds=20)


@dataclass
class Recorder:
    """Between a server and a stand-in: keeps all traffic as the entries of a HAR file. `begun` is when it began."""

    app: ASGIApp
    begun: datetime
    entries: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        entry = self._entry(scope)
        sent, answered = bytearray(), bytearray()

        async def taking() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                sent.extend(message.get("body", b""))
            return message

        async def giving(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["response"] = _response(message)
            elif message["type"] == "http.response.body":
                answered.extend(message.get("body", b""))
            elif message["type"] == "websocket.accept":
                entry["response"] = {"status": 101, "headers": [], "content": {}}
            elif message["type"] == "websocket.send":
                data = message.get("text") or (message.get("bytes") or b"").decode(errors="replace")
                entry["_webSocketMessages"].append({"type": "receive", "opcode": 1, "data": data})
            await send(message)

        try:
            await self.app(scope, taking, giving)
        finally:
            if sent:
                entry["request"]["postData"] = {"mimeType": "", "text": sent.decode()}
            if answered:
                entry["response"]["content"] |= _content(bytes(answered))

    def _entry(self, scope: Scope) -> dict[str, Any]:
        query = scope.get("query_string", b"").decode("latin-1")
        url = f"{_HOST}{scope.get('raw_path', scope['path'].encode()).decode('latin-1')}{'?' if query else ''}{query}"
        headers = [{"name": k.decode("latin-1"), "value": v.decode("latin-1")} for k, v in scope["headers"]]
        made = {
            "startedDateTime": (self.begun + _STEP * len(self.entries)).isoformat(),
            "request": {"method": scope.get("method", "GET"), "url": url, "headers": headers},
            "response": {"status": 0, "headers": [], "content": {}},
            "_webSocketMessages": [],
        }
        self.entries.append(made)
        return made


def _response(message: Message) -> dict[str, Any]:
    headers = [{"name": k.decode("latin-1"), "value": v.decode("latin-1")} for k, v in message.get("headers", ())]
    kind = next((h["value"] for h in headers if h["name"].lower() == "content-type"), "")
    return {"status": message["status"], "headers": headers, "content": {"mimeType": kind}}


def _content(body: bytes) -> dict[str, Any]:
    try:
        return {"text": body.decode(), "size": len(body)}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode(), "encoding": "base64", "size": len(body)}


@contextmanager
def captured_in(product: Product, *captures: Sequence[Mapping[str, Any]]) -> Iterator[Capture]:
    """The capture of a product that files with these entries hold."""
    with tempfile.TemporaryDirectory(prefix="svod-har-") as folder:
        files = []
        for number, entries in enumerate(captures):
            files.append(Path(folder) / f"{number}.har")
            log = {"version": "1.2", "creator": {"name": "svod", "version": "1"}, "entries": list(entries)}
            files[-1].write_text(json.dumps({"log": log}, ensure_ascii=False))
        capture = Capture.of_files(product, files)
        try:
            yield capture
        finally:
            capture.close()


@check("silver", "captures")
def capture(bench: Bench) -> Iterator[str]:
    """What a browser has captured of an ordinary read gives the same records, without the portal or a sign-in."""
    standin = bench.standin()
    recorder = Recorder(standin.app, standin.institution.now)
    standin.app = recorder
    first = bench.read(standin)
    yield from untroubled(first)
    with captured_in(bench.product, recorder.entries) as held:
        again = bench.read(capture=held)
    yield from untroubled(again)
    everything = [r for some_records in first.got.records.values() for r in some_records.values()]
    yield from some(differences(everything, again.got.records, standin.institution.zone))
    if again.visits.asked:
        yield f"the portal was asked: {again.visits.asked[0]}"

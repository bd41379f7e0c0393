"""How the school module's stand-in makes reports: a queue, a hub of either generation, and a file that can be fetched once (portal facts B4)."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from connectors.asurso.school.standin_portal import Portal, SignedIn, refusal
from connectors.asurso.school.standin_reports import REPORTS

END: Final = "\x1e"


@dataclass
class Hubs:
    """What is queued, how it is told that it is ready, and where it is fetched."""

    portal: Portal

    async def queue(self, request: Request, who: SignedIn) -> Any:
        """Queues a report, if its filters are those of its form."""
        report = request.path_params["report"].casefold()
        body = await request.json()
        filters = {f["filterId"]: str(f["filterValue"]) for f in body["selectedData"]}
        known = set(REPORTS[report][2])
        if not filters.keys() <= known or "SID" not in filters:
            return refusal(409, "Неверные параметры отчета")
        self.portal.student_of(filters["SID"], who)
        task = 10_000_000 + len(self.portal.tasks)
        self.portal.tasks[task] = (report, filters)
        return {"taskId": task, "queueKey": "report-v2"}

    def _make(self, task: Any) -> str | None:
        """The name of a finished report's file; null where it could not be made."""
        queued = self.portal.tasks.get(task) if isinstance(task, int) else None
        if queued is None:
            return None
        self.portal.reports += 1
        if self.portal.fail_reports > 0:
            self.portal.fail_reports -= 1
            return None
        try:
            page = self.portal.report_pages.page(*queued)
        except (LookupError, ValueError):
            return None
        name = secrets.token_hex(16)
        self.portal.files[name] = page
        return name

    def file(self, request: Request, _: SignedIn) -> Any:
        return HTMLResponse(self.portal.files.pop(request.path_params["name"]))

    async def modern(self, socket: WebSocket) -> None:
        """ASP.NET Core SignalR: a greeting, then calls, each answered and followed by what becomes of its task."""
        if self.portal.who(socket) is None:
            await socket.close(4401)
            return
        await socket.accept()

        async def say(*messages: Mapping[str, Any]) -> None:
            await socket.send_text("".join(json.dumps(m, ensure_ascii=False) + END for m in messages))

        try:
            while True:
                for said in _frames(await socket.receive()):
                    if "protocol" in said:
                        await say({})
                        continue
                    if said.get("target") not in {"startTask", "startTaskAsync"}:
                        await say({"type": 3, "invocationId": said.get("invocationId"), "error": "Unknown method"})
                        continue
                    task = said["arguments"][0]
                    await say({"type": 6})
                    started = {"success": True, "message": None}
                    await say({"type": 3, "invocationId": said["invocationId"], "result": started})
                    await say({"type": 1, "target": "progress", "arguments": [{"taskId": task, "status": "1"}]})
                    await asyncio.sleep(0)
                    name = self._make(task)
                    if name is None:
                        await say({"error": "Ошибка построения отчета"})
                    else:
                        ready = {"taskId": task, "data": name, "componentId": "c"}
                        await say({"type": 1, "target": "complete", "arguments": [ready]})
        except WebSocketDisconnect:
            return

    async def classic(self, socket: WebSocket) -> None:
        """SignalR 2."""
        if self.portal.who(socket) is None or "connectionToken" not in socket.query_params:
            await socket.close(4401)
            return
        await socket.accept()
        await socket.send_json({"C": "d-1", "S": 1, "M": []})
        try:
            while True:
                for said in _frames(await socket.receive()):
                    task, name = said["A"][0], self._make(said["A"][0])
                    await socket.send_json({"R": None, "I": str(said["I"])})
                    await socket.send_json({})
                    what, argument = ("complete", {"Data": name}) if name else ("error", {"Details": "Ошибка"})
                    argument = {"TaskId": task, **argument}
                    await socket.send_json({"C": "d-2", "M": [{"H": "QueueHub", "M": what, "A": [argument]}]})
        except WebSocketDisconnect:
            return


def _frames(message: Mapping[str, Any]) -> list[Any]:
    """What a client says, in text or in bytes."""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    text = message.get("text") or (message.get("bytes") or b"").decode()
    return [json.loads(part) for part in text.split(END) if part.strip()]

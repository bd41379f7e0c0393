"""The hub that makes reports: SignalR in its two generations, as far as reports need it (portal facts B4.2).

From version 5.29 on it is ASP.NET Core SignalR (JSON, frames that end with byte 0x1E), before that SignalR 2. Each gives a
conversation in which a task is started by its number, and which says in the end under what name its file can be fetched.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final, Protocol

from connectors.asurso.school.signin import SchoolManner
from connectors.errors import AccessDeniedError, ConnectorError, NotFoundError, UnavailableError, UnexpectedAnswerError
from connectors.http import Session
from connectors.sockets import Conversation

_END: Final = "\x1e"

_PATIENCE_SECONDS: Final = 90.0
"""How long a task may take between two signs of life."""

_CLASSIC_BEFORE: Final = (5, 29)
_MOVED_AT: Final = (5, 32)

_NEW_PATH: Final = "/webapi/signalr/queueHub"
_OLD_PATH: Final = "/webapi/queueHub"
_CLASSIC: Final = "/webapi/signalr"


class Hub(Protocol):
    """An open conversation with the hub."""

    async def run(self, task: Any, queue: str) -> str:
        """Starts a task and waits for its end; gives the name of its file.

        Raises:
            UnavailableError: the task failed, or said nothing for too long.

        """
        ...


@contextlib.asynccontextmanager
async def hub(session: Session, manner: SchoolManner) -> AsyncIterator[Hub]:
    """Opens the hub of the server's version; where that is not what it should be, the other ones.

    Raises:
        ConnectorError: there is none that answers.

    """
    if manner.version < _CLASSIC_BEFORE:
        async with _classic(session, manner) as opened:
            yield opened
        return
    paths = (_NEW_PATH, _OLD_PATH) if manner.version >= _MOVED_AT else (_OLD_PATH, _NEW_PATH)
    async with contextlib.AsyncExitStack() as stack:
        yield await _first(stack, session, manner, paths)


async def _first(
    stack: contextlib.AsyncExitStack, session: Session, manner: SchoolManner, paths: tuple[str, ...]
) -> Hub:
    refusal: ConnectorError = UnavailableError("there is no hub")
    for path in paths:
        try:
            talk = await stack.enter_async_context(session.converse(path, {"at": manner.at}))
        except (NotFoundError, AccessDeniedError) as error:
            refusal = error
            continue
        await talk.send(json.dumps({"protocol": "json", "version": 1}) + _END)
        made = _Core(talk, "startTaskAsync" if path == _NEW_PATH else "startTask")
        await made.shake()
        return made
    raise refusal


class _Core:
    """ASP.NET Core SignalR."""

    def __init__(self, talk: Conversation, method: str) -> None:
        self._talk = talk
        self._methods = [method, "startTask" if method == "startTaskAsync" else "startTaskAsync"]
        self._left: list[Any] = []

    async def shake(self) -> None:
        """Waits for the answer to the greeting."""
        said = await self._frame(_PATIENCE_SECONDS)
        if said.get("error"):
            raise UnavailableError("the hub does not take the greeting")

    async def run(self, task: Any, queue: str) -> str:
        call = 0
        await self._start(call, task, queue)
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            said = await self._frame(max(0.0, until - time.monotonic()))
            if said.get("type") == 7 or (said.get("type") is None and said.get("error")):
                raise UnavailableError("the hub has ended the conversation")
            if said.get("type") == 3 and str(said.get("invocationId")) == str(call):
                if said.get("error") and call + 1 < len(self._methods):
                    call += 1  # versions call the same thing by two names
                    await self._start(call, task, queue)
                    continue
                _refuse_failure(said)
            found = _of_task(said, task)
            if found is not None:
                until = time.monotonic() + _PATIENCE_SECONDS
                target = str(said.get("target") or "").casefold()
                if target == "complete":
                    return _file(found)
                if target == "error":
                    raise UnavailableError("the portal says that the report could not be made")

    async def _start(self, call: int, task: Any, queue: str) -> None:
        started = {"type": 1, "invocationId": str(call), "target": self._methods[call], "arguments": [task, queue]}
        await self._talk.send(json.dumps(started) + _END)

    async def _frame(self, within: float) -> Mapping[str, Any]:
        """The next message; several may come in one frame."""
        while not self._left:
            self._left.extend(_messages(await self._talk.receive(within)))
        made: Mapping[str, Any] = self._left.pop(0)
        return made


def _refuse_failure(said: Mapping[str, Any]) -> None:
    result = said.get("result")
    failed = isinstance(result, Mapping) and result.get("success") is False
    if said.get("error") or failed:
        raise UnavailableError("the portal does not start the report")


def _messages(text: str) -> Iterator[Mapping[str, Any]]:
    for part in text.split(_END):
        if part.strip():
            try:
                said = json.loads(part)
            except ValueError:
                raise UnavailableError("the hub says what is not JSON") from None
            if isinstance(said, Mapping):
                yield said


def _of_task(said: Mapping[str, Any], task: Any) -> Mapping[str, Any] | None:
    """What a message says of a task, if it is about it."""
    for argument in said.get("arguments") or said.get("A") or ():
        if isinstance(argument, Mapping):
            number = argument.get("taskId", argument.get("TaskId"))
            if number is None or str(number) == str(task):
                return argument
    return None


def _file(found: Mapping[str, Any]) -> str:
    name = found.get("data", found.get("Data"))
    if not isinstance(name, (str, int)) or not str(name):
        raise UnavailableError("the portal says that the report is ready, and not where")
    return str(name)


# -- before 5.29 -----------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _classic(session: Session, manner: SchoolManner) -> AsyncIterator[Hub]:
    """SignalR 2: a connection is negotiated, opened, and told to start."""
    about = {"clientProtocol": "1.5", "at": manner.at, "connectionData": json.dumps([{"name": "queuehub"}])}
    headers = manner.headers()
    answer = await session.private("GET", f"{_CLASSIC}/negotiate", params=about, headers=headers)
    said = answer.json() if answer.status == 200 and not answer.is_html else None
    token = said.get("ConnectionToken") if isinstance(said, Mapping) else None
    if not isinstance(token, str):
        raise UnavailableError("the hub does not negotiate a connection")
    about = {**about, "transport": "webSockets", "connectionToken": token}
    async with session.converse(f"{_CLASSIC}/connect", about) as talk:
        started = await session.private("GET", f"{_CLASSIC}/start", params=about, headers=headers)
        if started.status != 200:
            raise UnavailableError(f"the hub does not start ({started.status})")
        try:
            yield _Classic(talk, with_queue=manner.version >= (5, 24))
        finally:
            with contextlib.suppress(ConnectorError):  # the connection ends by itself as well
                await session.private("POST", f"{_CLASSIC}/abort", params=about, headers=headers)


class _Classic:
    def __init__(self, talk: Conversation, *, with_queue: bool) -> None:
        self._talk = talk
        self._with_queue = with_queue

    async def run(self, task: Any, queue: str) -> str:
        arguments = [task, queue] if self._with_queue else [task]
        await self._talk.send(json.dumps({"H": "queuehub", "M": "StartTask", "A": arguments, "I": 0}))
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            for frame in _messages(await self._talk.receive(max(0.0, until - time.monotonic()))):
                if frame.get("E"):
                    raise UnavailableError("the portal does not start the report")
                for said in frame.get("M") or ():
                    found = _of_task(said, task) if isinstance(said, Mapping) else None
                    if found is None:
                        continue
                    until = time.monotonic() + _PATIENCE_SECONDS
                    what = str(said.get("M")).casefold()
                    if what == "complete":
                        return _file(found)
                    if what == "error":
                        raise UnavailableError("the portal says that the report could not be made")


def task_of(said: Any, where: str) -> tuple[Any, str]:
    """The number of a queued task, as it came, and the name of its queue.

    Raises:
        UnexpectedAnswerError: the answer names no task.

    """
    task = said.get("taskId") if isinstance(said, Mapping) else None
    if task is None or isinstance(task, bool) or not isinstance(task, (int, str)):
        raise UnexpectedAnswerError(f"{where}: the portal names no task")
    queue = said.get("queueKey") if isinstance(said, Mapping) else None
    return task, queue if isinstance(queue, str) and queue else "report-v2"

"""Talks to the school module: lists, diaries, assignment cards, and reports by way of the queue (portal facts B2-B4)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from connectors.archive import body_of
from connectors.asking import REFUSALS, unless_denied
from connectors.asurso.school.hub import hub, task_of
from connectors.asurso.school.signin import SchoolManner
from connectors.contract import Context
from connectors.errors import (
    ConnectorError,
    ExpiredError,
    NotFoundError,
    UnavailableError,
    UnexpectedAnswerError,
)
from connectors.http import Answer, Params, Session
from connectors.wire import as_list

_QUEUES: Final = ("/webapi/reports/{}/queue", "/webapi/v2/reports/{}/queue")

_TRIES: Final = 4
"""How often a report is begun anew: its file can be fetched once."""


_PAUSE_SECONDS: Final = 0.5


_FILTERS: Final = frozenset({"SID", "PCLID", "PCLID_IUP", "SGID", "TERMID", "period", "MarksType"})
"""What a report may ask for (portal facts B4.1)."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a report asks for: its filters, each with the value that the portal's own page would send."""

    report: str
    filters: Mapping[str, str]

    @property
    def strange(self) -> list[str]:
        """The filters that nobody has told us of."""
        return [name for name in self.filters if name not in _FILTERS]

    def filled(self, given: Mapping[str, str | None]) -> dict[str, str]:
        """The filters with these values; what the form does not ask for is left out (save whose report it is), as is
        what is given as null; what is not given is as it was.
        """
        names = dict.fromkeys((*self.filters, "SID"))
        values = {name: given.get(name, self.filters.get(name)) for name in names}
        return {n: v for n, v in values.items() if v}


PLAIN_FILTERS: Final = ("SID", "period")
"""What the oldest client sends, where a report does not say what it asks for (portal facts B4.2)."""


class Client:
    """Typed reads. Made within the event loop that uses it."""

    def __init__(self, context: Context) -> None:
        self.manner = SchoolManner(context)
        self._context = context
        self._session: Session = context.open_session(self.manner)
        self._at_once = asyncio.Semaphore(context.config.concurrency or context.product.concurrency)
        self._queue = _QUEUES[0]
        self._prepared = False
        self._known_only: set[str] = set()

    # -- the school ------------------------------------------------------------------------------------------------------

    async def year(self) -> Answer:
        return await self._session.get("/webapi/years/current")

    async def init(self) -> Answer:
        """Pupils that are the account's own, and whether marks have weights."""
        return await self._session.get("/webapi/student/diary/init")

    async def own_students(self) -> Answer:
        return await self._session.get("/webapi/context/students")

    async def classes(self) -> Answer:
        return await self._session.get("/webapi/classes", {"expand": ["chiefs", "using", "room"]})

    async def pupils(self, school_class: str) -> Answer:
        return await self._session.get("/webapi/grade/studentList", {"classId": school_class})

    async def roster(self, subject_group: str) -> Answer:
        """Pupils of a subject group."""
        return await self._session.get("/webapi/grade/studentList", {"sgId": subject_group})

    async def subjects(self) -> Answer:
        return await self._session.get("/webapi/subjects")

    async def subject_groups(self, school_class: str, student: str | None = None) -> Answer:
        """Subject groups of a class; a pupil's own where the account may not see the class's."""
        expand = ["name", "class", "terms"]
        if student is None:
            try:
                return await self._session.get("/webapi/subjectgroups", {"classId": school_class, "expand": expand})
            except NotFoundError:
                student = ""
        params: Params = {
            "iupClassId": f"{school_class}_0",
            "studentId": student,
            "eaRegime": "0",
            "expand": expand,
        }
        return await self._session.get("/webapi/subjectgroups", params)

    async def terms(self) -> Answer:
        """Terms of the year, from whichever of two addresses the account may see."""
        try:
            return await self._session.get("/webapi/terms")
        except REFUSALS:
            return await self._session.query("/webapi/terms/search", json={})

    async def terms_of(self, school_class: str, since: date, until: date) -> Answer:
        """Terms that a class has."""
        number: int | str = int(school_class) if school_class.isdecimal() else school_class
        body = {"startPeriod": f"{since}T00:00:00", "endPeriod": f"{until}T00:00:00", "classIds": [number]}
        return await self._session.query("/webapi/terms/search", json=body)

    async def assignment_types(self) -> Answer:
        return await self._session.get("/webapi/grade/assignment/types", {"all": "true"})

    async def bells(self) -> Answer:
        return await self._session.get("/webapi/schedule/times")

    async def meetings(self, school_class: str, since: date, until: date) -> Answer:
        """The timetable of a class, both days inclusive."""
        params: Params = {
            "classId": school_class,
            "start": f"{since}T00:00:00",
            "end": f"{until}T00:00:00",
            "eaRegime": "0",
            "expand": ["room", "teacherId"],
        }
        return await self._session.get("/webapi/schedule/classmeetings", params)

    # -- a pupil ---------------------------------------------------------------------------------------------------------

    async def diary(self, student: str, year: str, since: date, until: date) -> Answer:
        params: Params = {
            "studentId": student,
            "yearId": year,
            "weekStart": since.isoformat(),
            "weekEnd": until.isoformat(),
            "withLaAssigns": "true",
        }
        return await self._session.get("/webapi/student/diary", params)

    async def card(self, assignment: str, student: str) -> Answer:
        """An assignment by itself."""
        return await self._session.get(f"/webapi/student/diary/assigns/{assignment}", {"studentId": student})

    # -- reports ---------------------------------------------------------------------------------------------------------

    async def form(self, report: str) -> tuple[Form, Answer]:
        """What a report asks for."""
        answer = await self._session.get(f"/webapi/reports/{report}")
        said = answer.json()
        sources = said.get("filterSources") if isinstance(said, Mapping) else None
        filters: dict[str, str] = {}
        for item in as_list(sources, where=answer.origin.request):
            name = item.get("filterId") if isinstance(item, Mapping) else None
            if isinstance(name, str) and name:
                default = item.get("defaultValue")
                filters[name] = str(default) if isinstance(default, (str, int)) else ""
        return Form(report, filters or dict.fromkeys(PLAIN_FILTERS, "")), answer

    async def report(self, form: Form, given: Mapping[str, str | None], params: Mapping[str, Any]) -> Answer:
        """A report's page. It is archived under what was asked, since the name of its file is another one each time.

        Raises:
            ConnectorError: the portal does not make it, or not in time.

        """
        selected = form.filled(given)
        known = {n: v for n, v in selected.items() if n in _FILTERS}
        asked = f"REPORT {form.report} " + json.dumps(
            known | {"SCHOOLYEARID": params.get("SCHOOLYEARID")}, sort_keys=True, ensure_ascii=False
        )
        if self._context.find is not None:
            return self._archived(asked)
        async with self._at_once:
            await self._prepare()
            for left in reversed(range(_TRIES)):
                filters = known if form.report in self._known_only else selected
                try:
                    answer = await self._make(form.report, _body(filters, params))
                except ConnectorError as error:
                    gone = isinstance(error, _FileGoneError)
                    if left and not gone and isinstance(error, NotFoundError) and filters != known:
                        self._known_only.add(form.report)  # it may be the strange ones that are not taken
                        continue
                    if not left or not (error.retry or gone):
                        raise
                    await asyncio.sleep(0 if gone else _PAUSE_SECONDS)
                else:
                    return dataclasses.replace(answer, origin=dataclasses.replace(answer.origin, request=asked))
        raise AssertionError  # the last try gives an answer or raises

    def _archived(self, asked: str) -> Answer:
        """A replay: what was archived last for the same report."""
        origin = self._context.find(asked) if self._context.find else None
        if origin is None:
            raise NotFoundError(f"{asked}: not in the raw archive")
        return Answer(200, {}, body_of(self._context.archive, origin), origin)

    async def _prepare(self) -> None:
        """What the portal's own page asks first (portal facts B4.2); the answer means nothing."""
        if not self._prepared:
            self._prepared = True
            ask = self._session.get("/webapi/earlyaccess", {"accessKey": "irtechsignalr"}, json=False)
            await unless_denied(ask)

    async def _make(self, report: str, body: Mapping[str, Any]) -> Answer:
        """Queues a report, starts it, waits until it is ready, and fetches it."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                open_hub = await stack.enter_async_context(hub(self._session, self.manner))
            except (UnavailableError, ExpiredError, *REFUSALS) as error:
                await self.year()  # the portal itself may well answer, and the session be dead
                raise UnexpectedAnswerError(f"report {report}: {error}") from None
            queued = await self._queue_report(report, body)
            task, queue = task_of(queued.json(), queued.origin.request)
            try:
                name = await open_hub.run(task, queue)
            except UnavailableError as error:
                raise UnexpectedAnswerError(f"report {report}: {error}") from None
        try:
            return await self._session.get(f"/webapi/files/{name}", json=False)
        except NotFoundError as error:
            raise _FileGoneError(str(error)) from None

    async def _queue_report(self, report: str, body: Mapping[str, Any]) -> Answer:
        """Queues a report, at whichever of two addresses the version has; a refusal may be a stale session's."""
        for again in (True, False):
            for pattern in dict.fromkeys((self._queue, *_QUEUES)):
                try:
                    answer = await self._session.query(pattern.format(report), json=body)
                except NotFoundError as error:
                    refusal = error
                else:
                    self._queue = pattern
                    return answer
            if again:
                await self.year()  # renews a session that is dead
        raise refusal

    async def close(self) -> None:
        """Signs out and lets go of the connections."""
        try:
            await self.manner.sign_out(self._session)
        finally:
            await self._session.close()


def _body(filters: Mapping[str, str], params: Mapping[str, Any]) -> dict[str, Any]:
    """What queues a report."""
    return {
        "selectedData": [{"filterId": n, "filterValue": v, "filterText": ""} for n, v in filters.items()],
        "params": [{"name": n, "value": v} for n, v in params.items()],
    }


class _FileGoneError(NotFoundError):
    """The file of a report can be fetched once; an answer that was lost on the way has used it up."""

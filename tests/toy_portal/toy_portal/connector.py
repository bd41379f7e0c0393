"""The toy portal's connector: what is asked in which order, and what the answers cover."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from toy_portal import mapper
from toy_portal.client import ToyClient, ToyManner, items

from canonical.batch import Batch
from canonical.coverage import Axis, Scope
from canonical.years import Stretch
from connectors.contract import CheckLine, Connector, Context, Reading, RemoteInstitution, Unit, Window, ready
from connectors.errors import SignInNeededError, SourceConfigError, UnavailableError
from connectors.http import Answer
from connectors.wire import plain_key

_DAYS: Final = 14
_IN_LESSONS: Final = ("lessons", "works", "marks", "attendance")


def open_connector(context: Context) -> Connector:
    """The connector for one source."""
    return ToyConnector(context)


class ToyConnector:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._session = context.open_session(ToyManner(context))
        self._client = ToyClient(self._session)

    async def check(self) -> list[CheckLine]:
        try:
            (school,) = await self.discover()
        except UnavailableError as error:
            return [CheckLine("portal", False, str(error))]
        except SignInNeededError as error:
            return [CheckLine("portal", True), CheckLine("sign-in", False, str(error))]
        people = await self._client.listed("people")
        return [
            CheckLine("portal", True),
            CheckLine("sign-in", True),
            CheckLine("institution", True, f"{school.name} ({school.id})"),
            CheckLine("people", True, f"{sum(len(items(a)) for a in people)} entries"),
        ]

    async def discover(self) -> list[RemoteInstitution]:
        return [_institution(await self._client.school())]

    async def read(self, window: Window) -> AsyncIterator[Unit]:
        school = await self._client.school()
        found = _institution(school).id
        if self._context.config.remote_id not in {None, found}:
            raise SourceConfigError(f"source {self._context.source}: remote_id: the account belongs to {found}")
        yield ready("school", Reading([school], lambda: _noted(school)))
        year = window.year.name
        lists: dict[str, Callable[[Sequence[Answer]], Batch]] = {
            "people": mapper.people,
            "groups": lambda answers: mapper.groups(answers, year),
            "subjects": mapper.subjects,
            "courses": mapper.courses,
        }
        for name, make in lists.items():  # what lessons point at comes first
            answers = await self._client.listed(name)
            yield ready(name, Reading(answers, _covering(make, answers, name), context=year))
        for piece in window.pieces(_DAYS):
            yield self._lessons(piece)

    def _lessons(self, piece: Stretch) -> Unit:
        async def read() -> Reading:
            answers = await self._client.lessons(piece.start, piece.end)

            def make() -> Batch:
                batch = mapper.journal(answers, self._context.scale)
                days = (piece.start.isoformat(), piece.end.isoformat())
                batch.covers(*(Scope(e, axis=Axis.LESSON_DATE, start=days[0], end=days[1]) for e in _IN_LESSONS))
                return batch

            return Reading(answers, make)

        return Unit(f"lessons {piece.name}", read, piece.whole)

    async def close(self) -> None:
        await self._session.close()


def _institution(answer: Answer) -> RemoteInstitution:
    school = answer.json()
    return RemoteInstitution(plain_key(school, "id") or "", school.get("name") or "")


def _noted(answer: Answer) -> Batch:
    """No records, but a replay must find the answer."""
    batch = Batch()
    batch.add([], answer.origin)
    return batch


def _covering(make: Callable[[Sequence[Answer]], Batch], answers: Sequence[Answer], name: str) -> Callable[[], Batch]:
    """The whole list was read, so what does not stand in it is gone."""

    def made() -> Batch:
        batch = make(answers)
        batch.covers(Scope(name), *([Scope("enrolments")] if name == "groups" else []))
        return batch

    return made

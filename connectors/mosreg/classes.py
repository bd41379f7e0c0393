"""Reads the journal of one class (or of the cross-class groups of a grade), stretch by stretch."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

from canonical.batch import Batch
from canonical.coverage import Selector
from canonical.years import Stretch, grid
from connectors.asking import Once, together
from connectors.contract import Context, Reading, Unit, Window
from connectors.errors import AccessDeniedError, ConnectorError, NotFoundError
from connectors.mosreg.client import Client, Listing, joined
from connectors.mosreg.formats import to_day
from connectors.mosreg.journal import JournalContext, Late, PieceAnswers, journal_batch
from connectors.mosreg.marks import MarksOfPiece
from connectors.mosreg.plans import group_of, plans_batch
from connectors.mosreg.school import School
from connectors.wire import plain_key

PIECE_DAYS: Final = 28

Forms = dict[str, str | None]


class ClassReader:
    """The journal of the groups of one bucket (`School.buckets`) in one window.

    A stretch of days is one unit: the lessons of these days with their absences, and the marks that were entered on
    them. Whether a lesson is held, and which works it has, marks tell that were entered on other days: so a stretch looks
    also at the marks of the one before and of those after it. The marks of each stretch are asked for once.
    """

    def __init__(
        self,
        client: Client,
        context: Context,
        school: School,
        forms: Forms,
        window: Window,
        bucket: str,
        groups: Sequence[str],
    ) -> None:
        self._client = client
        self._context = context
        self._school = school
        self._forms = forms
        self._window = window
        self._groups = groups
        self._is_class = not bucket.startswith("level:")
        self._name = f"{window.year.name} {f'class {bucket}' if self._is_class else bucket.replace(':', ' ')}"
        since = window.since if window.explicit else window.year.start
        self._pieces = list(grid(window.year, PIECE_DAYS, since, window.until, cut=window.explicit))
        self._wanted = next((i for i, p in enumerate(self._pieces) if p.end >= window.since), 0)
        self._today = context.today()
        self._closed = Once(lambda: client.closed(groups, window.since))
        # not by a method of this reader: the two would hold each other, with all that was read, long after the last unit
        self._marks = [Once(partial(_ask_marks, client, groups, self._closed, piece)) for piece in self._pieces]

    async def units(self) -> AsyncIterator[Unit]:
        """What the account may read, the thematic plans, and the stretches: those of the window, and older missed ones.

        Where some groups are closed the stretches bear other names: when they open, what was not read has been missed.
        """
        yield Unit(f"{self._name} access", self._read_access)
        closed = await self._closed.get()
        if len(closed) == len(self._groups):
            return
        name = f"{self._name} without {_short_digest(closed)}" if closed else self._name
        yield Unit(f"{name} plans", self._read_plans)
        for index, piece in enumerate(self._pieces):
            unit = self._unit(name, index, piece)
            if index >= self._wanted or self._window.missed(unit.name):
                yield unit

    def _unit(self, name: str, index: int, piece: Stretch) -> Unit:
        days = (piece.start - self._window.year.start).days // PIECE_DAYS * PIECE_DAYS
        start = self._window.year.start + timedelta(days=days)  # of the whole piece, however it was cut

        async def read() -> Reading:
            return await self._read_piece(index, piece)

        return Unit(f"{name} {start.isoformat()}", read, whole=piece.whole)

    async def _read_access(self) -> Reading:
        """Brings nothing; is left out, and so told of, where the journals of some groups cannot be read."""
        closed = await self._closed.get()
        if denied := [g for g, error in closed.items() if isinstance(error, AccessDeniedError)]:
            raise AccessDeniedError(
                f"groups {', '.join(denied)}: the account may not read their journals; a teacher sees the own groups only: "
                "ask for an account that the school has given the role of an administrator"
            )
        for error in closed.values():
            raise error
        return Reading([], Batch)

    async def _read_plans(self) -> Reading:
        """The thematic plans; where the portal does not say whose a plan is, each group is asked for alone."""
        groups = await _open(self._groups, self._closed)
        names = {g.id: g.name for g, _ in self._school.groups.items if g.id in groups}
        asked = [(await self._client.plans(groups), groups)]
        plans = [p for listing, _ in asked for p in listing.items() if isinstance(p, dict)]
        if any(group_of(plan, groups, names) is None for plan in plans):
            asked = [(await self._client.plans([g]), [g]) for g in groups]
        answers = [a for listing, _ in asked for a in listing.answers]
        return Reading(answers, lambda: plans_batch(asked, names), repr((groups, sorted(names.items()))))

    # -- a stretch of the journal --------------------------------------------------------------------------------

    async def _read_piece(self, index: int, piece: Stretch) -> Reading:
        groups = await _open(self._groups, self._closed)
        began = piece.start <= self._today
        schedule = await self._client.schedule(groups, piece.start, piece.end)
        attendances = await self._client.attendances(groups, piece.start, piece.end) if began else Listing()
        marks = await self._marks[index].get() if began else self._no_marks(piece)
        others, are_all = await self._other_marks(index)
        first = self._pieces[min(index, self._wanted)].start
        late = await self._late(groups, marks, first) if began else None
        lessons = [*schedule.items(), *_late_items(late, marks, first.isoformat())]
        asked = PieceAnswers(
            since=piece.start.isoformat(),
            until=piece.end.isoformat(),
            first=first.isoformat(),
            schedule=schedule,
            attendances=attendances,
            marks=marks,
            other_marks=others,
            homeworks=await self._client.homeworks(homework_ids(lessons)),
            teachers=await self._unknown_teachers(lessons),
            late=late,
            began=began,
        )
        context = JournalContext(
            forms=self._forms,
            scale=self._context.scale,
            numbered=self._is_class and len(groups) == len(self._groups),
            scopes=self._scopes(groups),
            is_settled=are_all and (not self._window.explicit or self._window.until >= self._today),
        )
        listings = [schedule, attendances, marks.listing, *(m.listing for m in others), asked.homeworks, asked.teachers]
        listings += [late.schedule, late.attendances] if late else []
        answers = [a for one in listings for a in one.answers]
        depends = repr((sorted(self._forms.items()), context.scopes, context.is_settled, context.numbered, began))
        return Reading(answers, lambda: journal_batch(asked, context), depends)

    @staticmethod
    def _no_marks(piece: Stretch) -> MarksOfPiece:
        return MarksOfPiece(Listing(), piece.start.isoformat(), piece.end.isoformat())

    async def _other_marks(self, index: int) -> tuple[list[MarksOfPiece], bool]:
        """The marks of the stretch before and of those after, as far as they have begun; and whether all are there.

        A stretch of the window does not look at what lies before the window. An archive or a capture may lack some.
        """
        found: list[MarksOfPiece] = []
        are_all = True
        before = max(index - 1, self._wanted if index >= self._wanted else 0)
        for other, piece in enumerate(self._pieces):
            if other >= before and other != index and piece.start <= self._today:
                try:
                    found.append(await self._marks[other].get())
                except NotFoundError:
                    if not self._client.session.offline:
                        raise
                    are_all = False
        return found, are_all

    async def _late(self, groups: Sequence[str], marks: MarksOfPiece, first: date) -> Late | None:
        """Timetable and absences of the days before `first` for whose lessons marks were entered now.

        Null where there are none, and where older days must not or cannot be asked for.
        """
        start = self._window.year.start.isoformat()
        days = sorted(d for d in map(_day, marks.listing.items()) if d is not None and start <= d < first.isoformat())
        if not days or self._window.explicit or self._client.session.offline:
            return None
        since, until = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
        schedule = await self._client.schedule(groups, since, until)
        return Late(schedule, await self._client.attendances(groups, since, until))

    async def _unknown_teachers(self, lessons: Sequence[Any]) -> Listing:
        """Teachers whom lessons name, and neither the staff list nor a group does: they have left, or came to substitute."""
        named = {plain_key(i, field) for i in lessons for field in ("teacher_id", "replaced_teacher_id")}
        unknown = sorted(n for n in named if n is not None and n not in self._school.known_staff)
        return joined(await together([self._client.teacher(number) for number in unknown]))

    def _scopes(self, groups: Sequence[str]) -> list[tuple[Selector, str]]:
        """What is covered when these groups are asked for: whole canonical groups where that is sure, else courses."""
        by_group: dict[str, list[str]] = {}
        for key in self._groups:
            by_group.setdefault(self._school.places[key].group, []).append(key)
        found: list[tuple[Selector, str]] = []
        for group, courses in by_group.items():
            asked = [c for c in courses if c in groups]
            if self._school.groups.is_whole and len(asked) == len(courses):
                found.append((Selector.GROUP, group))
            else:
                found += [(Selector.COURSE, c) for c in asked]
        return found


async def _open(groups: Sequence[str], closed: Once[dict[str, ConnectorError]]) -> list[str]:
    shut = await closed.get()
    return [g for g in groups if g not in shut]


async def _ask_marks(
    client: Client, groups: Sequence[str], closed: Once[dict[str, ConnectorError]], piece: Stretch
) -> MarksOfPiece:
    listing = await client.marks(await _open(groups, closed), piece.start, piece.end)
    return MarksOfPiece(listing, piece.start.isoformat(), piece.end.isoformat())


def _short_digest(keys: Iterable[str]) -> str:
    """Tells sets of keys apart."""
    return hashlib.sha256(" ".join(sorted(keys)).encode()).hexdigest()[:8]


def _day(mark: Any) -> str | None:
    """The day of a mark's lesson, as far as it can be read."""
    for name in ("date", "created_at"):
        try:
            return to_day(mark.get(name))
        except (ValueError, AttributeError):
            continue
    return None


def _late_items(late: Late | None, marks: MarksOfPiece, first: str) -> Iterator[Any]:
    """The older lessons for which marks were entered now."""
    if late is None:
        return iter(())
    wanted = {
        plain_key(m, "schedule_lesson_id")
        for m in marks.listing.items()
        if (day := _day(m)) is not None and day < first
    }
    return (item for item in late.schedule.items() if plain_key(item, "id") in wanted)


def homework_ids(lessons: Sequence[Any]) -> list[str]:
    """The ids of what is set at lessons, each once, in the order of the lessons."""
    found: dict[str, None] = {}
    for item in lessons:
        given = item.get("homeworks_to_give") if isinstance(item, dict) else None
        for homework in given if isinstance(given, list) else ():
            number = plain_key(homework, "id") or plain_key({"id": homework}, "id")
            if number is not None:
                found[number] = None
    return list(found)

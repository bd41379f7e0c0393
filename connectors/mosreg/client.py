"""Asks the portal: one method a question (facts B4), each giving all pages of a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from canonical.batch import Origin
from connectors.asking import Once, attempt, together
from connectors.errors import AccessDeniedError, ConnectorError, NotFoundError, OutOfOrderError
from connectors.http import Answer, Session
from connectors.mosreg.formats import WRAPPERS, dotted
from connectors.mosreg.manner import TEACHER, MyschoolManner, Profile, profile_headers
from connectors.wire import as_list, plain_key

CORE: Final = "/api/ej/core/teacher/v1"
PLAN: Final = "/api/ej/plan/teacher/v1"
_SCHOOL: Final = "/api/family/mobile/v1/school_info"

_IDS_AT_ONCE: Final = 100
"""Ids in one comma-joined list (B3)."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as it was answered, page by page. `wrapper` is the name under which an object may hold it.

    `repeated` are those of the `answers` that only said again what stands in earlier ones.
    """

    answers: tuple[Answer, ...] = ()
    wrapper: str = "items"
    repeated: tuple[Answer, ...] = ()

    def parts(self) -> Iterator[tuple[list[Any], Origin]]:
        """The items of each answer, with where they came from."""
        for answer in self.answers:
            if answer not in self.repeated:
                yield _rows(answer, self.wrapper), answer.origin

    def items(self) -> Iterator[Any]:
        """All items."""
        for items, _ in self.parts():
            yield from items

    def ids(self) -> list[str]:
        """The ids of all items that have one, broken ones included, each once."""
        return list(dict.fromkeys(i for item in self.items() if (i := plain_key(item, "id")) is not None))


def joined(listings: Iterable[Listing]) -> Listing:
    """Several listings of the same kind as one."""
    some = list(listings)
    answers = tuple(a for one in some for a in one.answers)
    repeated = tuple(a for one in some for a in one.repeated)
    return Listing(answers, some[0].wrapper, repeated) if some else Listing()


def _rows(answer: Answer, wrapper: str) -> list[Any]:
    return as_list(answer.json(), *WRAPPERS, wrapper, where=answer.origin.request)


class Client:
    """Questions to the staff side. Every method raises `ConnectorError`s as `Session.get` does."""

    def __init__(self, session: Session, manner: MyschoolManner) -> None:
        self.session = session
        self.manner = manner
        self._teachers: dict[str, Once[Answer]] = {}

    # -- the school ----------------------------------------------------------------------------------------------

    async def academic_years(self) -> Listing:
        return Listing((await self.session.get(f"{CORE}/academic_years"),), "academic_years")

    async def school_name(self, school: str) -> str | None:
        """The school's name, if the account is told."""
        answer = await self.session.get(_SCHOOL, {"school_id": school})
        body = answer.json()
        name = body.get("name") if isinstance(body, dict) else None
        return name if isinstance(name, str) and name.strip() else None

    async def teachers(self, school: str) -> Listing:
        return await self._pages(f"{CORE}/teacher_profiles", {"school_id": school}, 300, "teacher_profiles")

    async def teacher(self, number: str) -> Listing:
        """One teacher, as a list of one, asked for once; an empty list where the portal does not tell."""
        if number not in self._teachers:
            self._teachers[number] = Once(lambda: self.session.get(TEACHER.format(id=number)))
        try:
            return Listing((in_list(await self._teachers[number].get(), "teacher_profiles"),))
        except (AccessDeniedError, NotFoundError, OutOfOrderError):
            return Listing()

    async def school_of(self, profile: Profile) -> str | None:
        """The id of the school that a profile of the account belongs to, if the portal tells it."""
        if profile.school is not None:
            return profile.school
        answer = await self.session.get(TEACHER.format(id=profile.id), headers=profile_headers(profile))
        return plain_key(answer.json(), "school_id")

    async def class_units(self) -> Listing:
        params = {"academic_year_id": self._year, "with_home_based": "true"}
        return await self._pages(f"{CORE}/class_units", params, 300, "class_units")

    async def groups(self, school: str) -> Listing:
        params = {"academic_year_id": self._year, "school_id": school, "with_periods_schedule_id": "true"}
        return await self._pages(f"{PLAN}/groups", params, 300, "groups")

    async def pupils_of_class(self, class_unit: str) -> Listing:
        return await self._pupils({"class_unit_ids": class_unit})

    async def pupils(self, ids: Sequence[str]) -> Listing:
        return joined([await self._pupils({"ids": some}) for some in _chunks(ids)])

    async def _pupils(self, chosen: Mapping[str, str]) -> Listing:
        flags = ("groups", "archived_groups", "final_marks", "deleted", "transferred")
        params = {"academic_year_id": self._year, **chosen, **{f"with_{f}": "true" for f in flags}}
        return await self._pages(f"{CORE}/student_profiles", params, 500, "student_profiles")

    async def periods_schedules(self) -> Listing:
        return await self._pages(f"{CORE}/attestation_periods_schedules", {}, 300, "attestation_periods_schedules")

    async def periods_schedule(self, number: str) -> Listing:
        """One schedule of attestation periods, as a list of one."""
        answer = await self.session.get(f"{CORE}/attestation_periods_schedules/{number}")
        return Listing((in_list(answer, "attestation_periods_schedules"),))

    async def control_forms(self, school: str) -> Listing:
        """All control forms. `education_level_id` is never sent: it can silently empty the list (B10.9)."""
        params = {"academic_year_id": self._year, "school_id": school, "with_deleted": "true"}
        return await self._pages(f"{CORE}/control_forms", params, 1000, "control_forms")

    # -- the journal ---------------------------------------------------------------------------------------------

    async def schedule(self, groups: Sequence[str], since: date, until: date) -> Listing:
        params = {
            "academic_year_id": self._year,
            "from": since.isoformat(),
            "to": until.isoformat(),
            "with_group_class_subject_info": "true",
            "with_lesson_info": "true",
            "with_rooms_info": "true",
        }
        return await self._by_groups(f"{PLAN}/schedule_items", groups, params, 1000, "schedule_items")

    async def marks(self, groups: Sequence[str], since: date, until: date) -> Listing:
        """Marks that were entered between two days, text marks included."""
        params = {
            "created_at_from": dotted(since),
            "created_at_to": dotted(until),
            "with_non_numeric_entries": "true",
        }
        return await self._by_groups(f"{CORE}/marks", groups, params, 1000, "marks")

    async def attendances(self, groups: Sequence[str], since: date, until: date) -> Listing:
        """Absences from lessons between two days."""
        params = {"academic_year_id": self._year, "start_at": dotted(since), "stop_at": dotted(until)}
        return await self._by_groups(f"{CORE}/attendances", groups, params, 1000, "attendances")

    async def homeworks(self, ids: Sequence[str]) -> Listing:
        """The homeworks that lessons point at. Never joined by date: a group may have two lessons on one day (B4.4)."""
        asked = [await self._pages(f"{CORE}/homeworks", {"ids": some}, 1000, "homeworks") for some in _chunks(ids)]
        return joined(asked)

    async def plans(self, groups: Sequence[str]) -> Listing:
        """Thematic plans (КТП) of groups."""
        answers = []
        for some in _chunks(groups):
            params = {"academic_year_id": self._year, "group_id": some}
            headers = {"X-Mes-Subsystem": "ppktpw"}
            answer = await self.session.get(f"{PLAN}/calendar_plans", params, headers=headers)
            answers.append(in_list(answer, "calendar_plans"))
        return Listing(tuple(answers), "calendar_plans")

    async def closed(self, groups: Sequence[str], day: date) -> dict[str, ConnectorError]:
        """The groups whose journals cannot be read, each with the reason, as the lists of one day tell."""
        if self.session.offline:
            return {}
        for ask in (self.schedule, self.marks, self.attendances):
            tried = await attempt(ask(groups, day, day))
            if isinstance(tried, ConnectorError):
                if len(groups) == 1:
                    return {groups[0]: tried}
                alone = await together([self.closed([g], day) for g in groups])
                return {g: error for one in alone for g, error in one.items()}
        return {}

    # -- how lists are asked for ---------------------------------------------------------------------------------

    @property
    def _year(self) -> str:
        assert self.manner.year is not None  # noqa: S101 - the connector chooses the year before it asks for anything else
        return self.manner.year

    async def _by_groups(
        self, path: str, groups: Sequence[str], params: Mapping[str, str], per_page: int, wrapper: str
    ) -> Listing:
        asked = [await self._pages(path, {"group_ids": some, **params}, per_page, wrapper) for some in _chunks(groups)]
        return joined(asked)

    async def _pages(self, path: str, params: Mapping[str, str], per_page: int, wrapper: str) -> Listing:
        """All pages of a list. There are no totals: a page that is not full is the last one (B3).

        A server may give fewer rows a page than it is asked for. So a page is full that has as many rows as the first
        one, and the first one may be full if it has a number of rows that people choose as a limit (`_may_be_cut`): then
        the next page tells. A page without anything new ends the list: it is empty, or the list knows no pages.
        """
        answers: list[Answer] = []
        seen: set[str] = set()
        full = per_page
        while True:
            page: dict[str, str | int] = {"page": len(answers) + 1, "per_page": per_page}
            answer = await self.session.get(path, {**params, **page})
            answers.append(answer)
            rows = _rows(answer, wrapper)
            if len(answers) == 1 and _may_be_cut(len(rows)):
                full = min(full, len(rows))
            new = {plain_key(row, "id") or repr(row) for row in rows} - seen
            if not new:
                return Listing(tuple(answers), wrapper, (answer,))
            if len(rows) < full:
                return Listing(tuple(answers), wrapper)
            seen |= new


def _may_be_cut(rows: int) -> bool:
    """Whether a server may have cut a page at so many rows: a multiple of 10 or 25, or a power of two from 16 on."""
    return rows > 0 and (rows % 10 == 0 or rows % 25 == 0 or (rows >= 16 and rows.bit_count() == 1))


def _chunks(ids: Sequence[str]) -> Iterator[str]:
    """Comma-joined lists of ids, none too long."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        yield ",".join(ids[start : start + _IDS_AT_ONCE])


def in_list(answer: Answer, wrapper: str) -> Answer:
    """The answer with its one object as a list of one; a list, bare or wrapped, stays as it is."""
    body = answer.json()
    if isinstance(body, dict) and not any(isinstance(body.get(name), list) for name in (*WRAPPERS, wrapper)):
        return Answer(answer.status, answer.headers, answer.body, answer.origin, answer.cookies, [body])
    return answer

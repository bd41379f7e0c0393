"""Talks to the partner API: one method a question (portal facts, section 5), and what an account is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from connectors.asking import REFUSALS, together, unless_denied
from connectors.errors import UnexpectedAnswerError
from connectors.http import Answer, Session
from connectors.partner_api.wire import Context, School, User, id_of, id_text
from connectors.wire import as_list, reason

_USERS_AT_ONCE: Final = 100
_LESSONS_AT_ONCE: Final = 100
_FAMILY_ROLES: Final = frozenset({"EduStudent", "EduParent"})
_STAFF_ROLES: Final = frozenset({"EduStaff", "EduSchoolAdministrator", "OrganizationStaff"})


@dataclass(frozen=True, slots=True)
class Account:
    """What a token stands for. `schools` is id -> name (the id itself where the portal does not name it).

    `groups` says of the pupils whose account it is, or whose parent's, in which groups they are named; `schools_of` in
    which schools.
    """

    person: str | None
    roles: frozenset[str]
    schools: dict[str, str]
    answers: tuple[Answer, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schools_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_of_staff(self) -> bool:
        """Whether it is no pupil's or parent's, who see their own class only. Unknown roles are let be."""
        return not self.roles & _FAMILY_ROLES or bool(self.roles & _STAFF_ROLES)

    def at(self, school: str) -> Account:
        """The same for one school: without pupils of others. Staff may have children there, and read the school's lists."""
        here = {p: g for p, g in self.groups.items() if school in (self.schools_of.get(p) or {school})}
        return replace(self, groups={} if self.is_of_staff else here)

    def in_groups(self, told: Mapping[str, Sequence[str]]) -> Account:
        """The same, with groups of the pupils that were told elsewhere: subgroups are not among those named here."""
        groups = {p: tuple(dict.fromkeys((*some, *told.get(p, ())))) for p, some in self.groups.items()}
        return replace(self, groups=groups)


class PartnerApi:
    """Questions to the partner API. Every method raises `ConnectorError`s as `Session.get` does."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def account(self) -> Account:
        """Who the token belongs to, by the context, or by less where a scope for that was not granted."""
        try:
            answer = await self._get("users/me/context")
        except REFUSALS:
            return await self._account_without_context()
        context = _read(Context, answer)
        names = {i: str(s.get("name") or i) for s in context.schools if isinstance(s, dict) and (i := id_of(s, "id"))}
        schools = {**{i: i for i in context.school_ids}, **names}
        roles = _roles(context.roles)
        children = {key: c for c in context.children if isinstance(c, dict) and (key := id_of(c, "personId"))}
        schools = {i: i for c in children.values() for i in _ids(c, "schoolIds")} | schools
        pupils = children | ({context.person: answer.json()} if context.person and "EduStudent" in roles else {})
        groups = {person: tuple(_ids(said, "groupIds")) for person, said in pupils.items()}
        there = {person: tuple(_ids(said, "schoolIds")) for person, said in pupils.items()}
        return Account(context.person, roles, schools, (answer,), groups, there)

    async def _account_without_context(self) -> Account:
        me = await self._get("users/me")
        answer = await self._get("users/me/schools")
        ids = [i for v in as_list(answer.json(), where=answer.origin.request) if (i := id_text(v))]
        user = _read(User, me)
        roles = _roles(user.roles)
        groups: dict[str, tuple[str, ...]] = {user.person: ()} if user.person and "EduStudent" in roles else {}
        return Account(user.person, roles, {i: i for i in ids}, (me, answer), groups)

    async def school_name(self, school: str) -> str | None:
        answer = await self._get(f"schools/{school}")
        about = _read(School, answer)
        return about.name or about.full_name

    # -- the school ----------------------------------------------------------------------------------------------

    async def teachers(self, school: str) -> Answer:
        return await self._get(f"schools/{school}/teachers")

    async def subjects(self, school: str) -> Answer:
        return await self._get(f"schools/{school}/subjects")

    async def groups(self, school: str) -> Answer:
        return await self._get(f"schools/{school}/edu-groups")

    async def work_types(self, school: str) -> Answer:
        return await self._get(f"work-types/{school}")

    async def school_timetables(self, school: str) -> Answer:
        return await self._get(f"schools/{school}/timetables")

    async def memberships(self, person: str) -> Answer:
        """Which groups a teacher has, and which subjects in them."""
        return await self._get(f"persons/{person}/school-memberships")

    async def groups_of(self, person: str) -> Answer:
        """The groups of a teacher or pupil, subgroups and those of earlier years among them."""
        try:
            return await self._get(f"persons/{person}/edu-groups/all")
        except REFUSALS:
            return await self._get(f"persons/{person}/edu-groups")

    async def person(self, person: str) -> Answer:
        return await self._get(f"persons/{person}")

    async def users(self, users: Sequence[str]) -> list[Answer]:
        """Logins in batches, or one by one where the portal does not offer that; none where it does not show them."""
        batches = [users[n : n + _USERS_AT_ONCE] for n in range(0, len(users), _USERS_AT_ONCE)]
        with suppress(*REFUSALS, UnexpectedAnswerError):
            return await together(self._users_at_once(batch) for batch in batches)
        shown = await together(unless_denied(self._get(f"users/{user}")) for user in users)
        return [answer for answer in shown if answer is not None]

    async def _users_at_once(self, users: Sequence[str]) -> Answer:
        return await self._session.query("/v2/users/many", json=[int(u) for u in users])

    # -- a group -------------------------------------------------------------------------------------------------

    async def group(self, group: str) -> Answer:
        return await self._get(f"edu-groups/{group}")

    async def students(self, group: str) -> Answer:
        """Pupils who are in the group."""
        return await self._get(f"edu-groups/{group}/students")

    async def persons(self, group: str) -> Answer:
        """Pupils who are or were in the group."""
        return await self._get(f"edu-groups/{group}/persons", {"includeArchive": "true"})

    async def periods(self, group: str) -> Answer:
        return await self._get(f"edu-groups/{group}/reporting-periods")

    async def timetables(self, group: str) -> Answer:
        return await self._get(f"edu-groups/{group}/timetables")

    async def class_teacher(self, group: str) -> Answer:
        return await self._get(f"edu-groups/{group}/classteacher")

    # -- the journal ---------------------------------------------------------------------------------------------

    async def lessons(self, group: str, since: date, until: date) -> Answer:
        """Lessons of a group and its subgroups, the days inclusive."""
        return await self._get(f"edu-groups/{group}/lessons/{since}/{until}")

    async def marks(self, group: str, since: date, until: date) -> Answer:
        """Marks for the lessons of these days."""
        return await self._get(f"edu-groups/{group}/marks/{since}/{until}")

    async def log_entries(self, lessons: Sequence[str]) -> Answer:
        """The attendance log of lessons."""
        return await self._get("lesson-log-entries", {"lessons": list(lessons)})

    async def log_of_subject(self, group: str, subject: str, since: date, until: date) -> Answer:
        """The attendance log of a whole group in one subject."""
        params = {"subject": subject, "from": since.isoformat(), "to": until.isoformat()}
        return await self._get(f"lesson-log-entries/group/{group}", params)

    async def final_marks(self, group: str) -> Answer:
        return await self._get(f"edu-groups/{group}/final-marks")

    # -- a person ------------------------------------------------------------------------------------------------

    async def schedule(self, person: str, group: str, since: date, until: date) -> Answer:
        """The lessons of one pupil, day by day, in a short form."""
        params = {"startDate": since.isoformat(), "endDate": until.isoformat()}
        return await self._get(f"persons/{person}/groups/{group}/schedules", params)

    async def some_lessons(self, lessons: Sequence[str]) -> list[Answer]:
        """Lessons by their numbers, in batches; or one by one where the portal does not offer that."""
        batches = [lessons[n : n + _LESSONS_AT_ONCE] for n in range(0, len(lessons), _LESSONS_AT_ONCE)]
        with suppress(*REFUSALS, UnexpectedAnswerError):
            return await together(self._session.query("/v2/lessons/many", json=[int(k) for k in b]) for b in batches)
        shown = await together(unless_denied(self._get(f"lessons/{key}")) for key in lessons)
        return [answer for answer in shown if answer is not None]

    async def marks_of_person(self, person: str, school: str, since: date, until: date) -> Answer:
        """A pupil's marks for the lessons of these days, in whatever group."""
        return await self._get(f"persons/{person}/schools/{school}/marks/{since}/{until}")

    async def log_of_person(self, person: str, since: date, until: date) -> Answer:
        """The attendance log of a pupil, with the lessons."""
        params = {"startDate": since.isoformat(), "endDate": until.isoformat()}
        return await self._get(f"persons/{person}/lesson-log-entries", params)

    async def all_final_marks(self, person: str, group: str) -> Answer:
        return await self._get(f"persons/{person}/edu-groups/{group}/allfinalmarks")

    async def _get(self, path: str, params: dict[str, Any] | None = None) -> Answer:
        return await self._session.get(f"/v2/{path}", params)


M = TypeVar("M", Context, School, User)


def _read(model: type[M], answer: Answer) -> M:
    try:
        return model.model_validate(answer.json())
    except ValidationError as error:
        raise UnexpectedAnswerError(f"{answer.origin.request}: {reason(error)}") from None


def _ids(item: Mapping[str, Any], name: str) -> list[str]:
    given = item.get(name)
    return [key for value in given if (key := id_text(value))] if isinstance(given, list) else []


def _roles(given: Sequence[Any]) -> frozenset[str]:
    return frozenset(r for r in given if isinstance(r, str))

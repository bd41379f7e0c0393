"""Talks to the partner API: one method a question (portal facts, section 5), and what an account is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from connectors.errors import AccessDeniedError, ConnectorError, NotFoundError, UnexpectedAnswerError
from connectors.http import Answer, Session
from connectors.partner_api.wire import Context, School, User, id_of, id_text
from connectors.wire import as_list, reason

T = TypeVar("T")

_USERS_AT_ONCE: Final = 100
_STAFF_ROLES: Final = frozenset({"EduStaff", "EduSchoolAdministrator", "OrganizationStaff"})


@dataclass(frozen=True, slots=True)
class Account:
    """What a token stands for. `schools` is id -> name (the id itself where the portal does not name it)."""

    person: str | None
    roles: frozenset[str]
    schools: dict[str, str]
    answers: tuple[Answer, ...]

    @property
    def is_of_staff(self) -> bool:
        """Whether it may be used here: pupils and parents have no access to the hub. Unknown roles are let be."""
        return not self.roles or bool(self.roles & _STAFF_ROLES)


class PartnerApi:
    """Questions to the partner API. Every method raises `ConnectorError`s as `Session.get` does."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def account(self) -> Account:
        """Who the token belongs to, by the context, or by less where a scope for that was not granted."""
        try:
            answer = await self._get("users/me/context")
        except (AccessDeniedError, NotFoundError):
            return await self._account_without_context()
        context = _read(Context, answer)
        names = {i: str(s.get("name") or i) for s in context.schools if isinstance(s, dict) and (i := id_of(s, "id"))}
        schools = {**{i: i for i in context.school_ids}, **names}
        return Account(context.person, _roles(context.roles), schools, (answer,))

    async def _account_without_context(self) -> Account:
        me = await self._get("users/me")
        answer = await self._get("users/me/schools")
        ids = [i for v in as_list(answer.json(), where=answer.origin.request) if (i := id_text(v))]
        user = _read(User, me)
        return Account(user.person, _roles(user.roles), {i: i for i in ids}, (me, answer))

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
        """The groups of a teacher or pupil, subgroups among them."""
        return await self._get(f"persons/{person}/edu-groups")

    async def person(self, person: str) -> Answer:
        return await self._get(f"persons/{person}")

    async def users(self, users: Sequence[str]) -> list[Answer]:
        """Logins in batches, or one by one where the portal does not offer that; none where it does not show them."""
        batches = [users[n : n + _USERS_AT_ONCE] for n in range(0, len(users), _USERS_AT_ONCE)]
        with suppress(AccessDeniedError, NotFoundError, UnexpectedAnswerError):
            return await gathered(*(self._users_at_once(batch) for batch in batches))
        shown = await gathered(*(if_shown(self._get(f"users/{user}")) for user in users))
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

    async def final_marks(self, group: str) -> Answer:
        return await self._get(f"edu-groups/{group}/final-marks")

    async def all_final_marks(self, person: str, group: str) -> Answer:
        return await self._get(f"persons/{person}/edu-groups/{group}/allfinalmarks")

    async def _get(self, path: str, params: dict[str, Any] | None = None) -> Answer:
        return await self._session.get(f"/v2/{path}", params)


# -- asking for several things ---------------------------------------------------------------------------------------


async def gathered(*calls: Awaitable[T]) -> list[T]:
    """What several calls give, asked at once; waits for all of them before it raises the error of one."""
    settled = await asyncio.gather(*(_settled(call) for call in calls))
    for _, error in settled:
        if error is not None:
            raise error
    return [value for values, _ in settled for value in values]


async def _settled(call: Awaitable[T]) -> tuple[tuple[T, ...], ConnectorError | None]:
    try:
        return (await call,), None
    except ConnectorError as error:
        return (), error


async def attempt(call: Awaitable[T]) -> T | ConnectorError:
    """What a call gives, or the error that leaves out no more than what it asked for."""
    try:
        return await call
    except ConnectorError as error:
        if error.stops == "source":
            raise
        return error


async def if_shown(call: Awaitable[Answer]) -> Answer | None:
    """The answer to a question that the portal need not answer to every account; null if it does not."""
    try:
        return await call
    except (AccessDeniedError, NotFoundError):
        return None


M = TypeVar("M", Context, School, User)


def _read(model: type[M], answer: Answer) -> M:
    try:
        return model.model_validate(answer.json())
    except ValidationError as error:
        raise UnexpectedAnswerError(f"{answer.origin.request}: {reason(error)}") from None


def _roles(given: Sequence[Any]) -> frozenset[str]:
    return frozenset(r for r in given if isinstance(r, str))

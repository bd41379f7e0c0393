"""Talks to the SPO module with a staff account: GET only, one session (portal facts A5)."""

from __future__ import annotations

from datetime import date
from typing import Final

from connectors.asking import unless_denied
from connectors.asurso.directory import STUDENTS
from connectors.asurso.movement import decrees_alone
from connectors.asurso.signin import SECURITY, StaffManner
from connectors.contract import Context
from connectors.errors import NotFoundError
from connectors.http import Answer, Params, Session
from connectors.wire import as_list

PAGE_SIZE: Final = 200
"""Pupils asked for at once."""

_LONGEST_VERSION: Final = 40

_EMPTY_TWICE: Final = 2
"""How often more something is asked for that comes without a body and without the status that says so."""


class Client:
    """Typed reads of the staff side. Made within the event loop that uses it."""

    def __init__(self, context: Context) -> None:
        self.manner = StaffManner(context)
        self._session: Session = context.open_session(self.manner)

    async def sign_in(self) -> str | None:
        """Signs in, if that has not been done; gives the portal's version, where it says one."""
        answer = await unless_denied(self._session.get(f"{SECURITY}/version", json=False))
        return answer.text.strip().strip('"') if answer and len(answer.body) < _LONGEST_VERSION else None

    async def departments(self) -> Answer:
        return await self._get("/services/people/departments/all")

    async def groups(self) -> Answer:
        return await self._get("/services/people/student-groups/all")

    async def employees(self) -> Answer:
        return await self._get("/services/people/employees/all")

    async def positions(self) -> Answer:
        return await self._get("/services/people/positions/all")

    async def subjects(self) -> Answer:
        """Subjects of the plans, from whichever of its two addresses the build has."""
        try:
            return await self._get("/services/plan/subjects/flatten")
        except NotFoundError:
            return await self._get("/services/plan/subjects/plan")

    async def specialities(self) -> Answer:
        return await self._get("/services/plan/specialties")

    async def calendars(self) -> Answer:
        return await self._get("/services/plan/calendars/all")

    async def students(self, *, most: int | None = None) -> list[Answer]:
        """All pupils, page by page, until as many have come as there are said to be, or no more come."""
        answers: list[Answer] = []
        had = 0
        while True:
            size = most or PAGE_SIZE
            params: Params = {
                "isActive": "true",
                "isEsia": "false",
                "orderBy": "+fullName",
                "pageIndex": len(answers),
                "pageSize": size,
            }
            answer = await self._get("/services/people/students", params)
            answers.append(answer)
            page = answer.json()
            items = as_list(page, *STUDENTS, where="people/students")
            total = page.get("studentsCount") if isinstance(page, dict) else None
            had += len(items)
            enough = had >= total if isinstance(total, int) else len(items) < size
            if most or not items or enough:
                return answers

    async def decrees(self, student: str) -> Answer:
        """A pupil's card, of which nothing but the decrees is kept."""
        return await self._session.get(f"/services/people/students/{student}", keep=decrees_alone)

    async def journal_groups(self) -> Answer:
        """Groups whose journals the account may see."""
        return await self._get("/services/journal/gradebook/student-groups")

    async def entries(self, group: str) -> Answer:
        """The gradebooks of a group."""
        return await self._get(f"/services/journal/gradebook/{group}/entries")

    async def page(self, gradebook: str, subject: str) -> Answer:
        """One page of a journal."""
        return await self._get(f"/services/journal/gradebook/{gradebook}/subjects/{subject}")

    async def sheet(self, group: str) -> Answer:
        """The attestation sheet of the current term."""
        return await self._get(f"/services/reports/curator/group-attestation/{group}")

    async def sheet_as_of(self, group: str, term: str, number: int, on: date) -> Answer:
        """The attestation sheet of a term, as of a day in it."""
        return await self._get(f"/services/reports/curator/group-attestation/{term}/{number}/{on}/{group}")

    async def timetable(self, group: str, since: date, until: date) -> Answer:
        """The timetable of a group, both days inclusive (portal facts A5.4: its shape is inferred)."""
        return await self._get(f"/services/schedule/timetable/{since}/{until}", {"type": "studentGroup", "id": group})

    async def rating(self, group: str, term: str, number: int, on: date) -> Answer:
        """Missed hours and marks of a group's students, as of a day of a term."""
        return await self._get(f"/services/reports/curator/rating/{term}/{number}/{on}/{group}")

    # -- a student's account (portal facts A3) ---------------------------------------------------------------------------

    async def diary(self, student: str, since: date, until: date) -> Answer:
        """A student's days, both ends inclusive."""
        return await self._get(f"/services/students/{student}/lessons/{since}/{until}")

    async def terms_of(self, student: str) -> Answer:
        """A student's marks of terms, with the terms."""
        return await self._get(f"/services/students/{student}/attestation")

    async def sheet_of(self, student: str) -> Answer:
        """The attestation sheet of the current term as a student sees it."""
        return await self._get(f"/services/reports/curator/group-attestation-for-student/{student}")

    async def close(self) -> None:
        """Signs out and lets go of the connections."""
        try:
            await self.manner.sign_out(self._session)
        finally:
            await self._session.close()

    async def _get(self, path: str, params: Params | None = None) -> Answer:
        """Asks; an empty body without the status for one is asked for again before it is believed (portal facts A8)."""
        answer = await self._session.get(path, params)
        for _ in range(_EMPTY_TWICE):
            if answer.body.strip() or answer.status == 204:
                break
            answer = await self._session.get(path, params)
        return answer

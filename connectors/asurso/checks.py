"""What `svod check` finds out about a staff account (portal facts A1, A2, A5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import date
from functools import partial
from typing import Any, Final

from connectors.asurso.client import Client
from connectors.asurso.directory import STUDENTS
from connectors.asurso.values import id_of
from connectors.contract import CheckLine
from connectors.errors import ConnectorError
from connectors.wire import as_list

NEEDED: Final = {
    200: "ViewGradebook",
    202: "ViewAttestation",
    507: "ViewStudents",
    509: "ViewEmployees",
    700: "ViewReports",
}
"""Permissions that an import needs."""

_HARMLESS: Final = frozenset({*NEEDED, 513})
"""Besides those needed: ViewRetiredStudents."""

_WHO: Final = "the administrator of АСУ РСО at the institution can"


async def check(client: Client, today: date, *, history: bool = False) -> list[CheckLine]:
    """Line by line: the portal, the sign-in, the institution, the account's rights, and each list that is read.

    `history`: decrees are to be read as well.

    Raises:
        ConnectorError: the portal cannot be reached, or does not let the account in.

    """
    version = await client.sign_in()
    lines = [CheckLine("portal", ok=True, detail=f"answers, version {version}" if version else "answers")]
    lines.append(CheckLine("sign-in", ok=True, detail="the login and the password are good"))
    tenant = client.manner.tenant
    lines.append(CheckLine("institution", ok=True if tenant else None, detail=_institution(client)))
    if tenant and tenant.permissions is None and tenant.students:
        detail = f"a student's or parent's one: only the rows of its own {len(tenant.students)} can be read"
        return [*lines, CheckLine("account", ok=None, detail=f"{detail}; {_WHO} make a staff account for reading")]
    lines.extend(_rights(tenant.permissions) if tenant else ())
    lines.extend(await _lists(client, today, history=history))
    return lines


def _institution(client: Client) -> str:
    tenant = client.manner.tenant
    return f"{tenant.name} ({tenant.key})" if tenant else "the portal does not say which one it is"


def _rights(permissions: frozenset[int] | None) -> list[CheckLine]:
    if permissions is None:
        return [CheckLine("account", ok=False, detail=f"it is no staff account here; {_WHO} make one for reading")]
    missing = [f"{code} {name}" for code, name in NEEDED.items() if code not in permissions]
    more = sorted(permissions - _HARMLESS)
    lines = [CheckLine("permissions", ok=True, detail="all that is needed")]
    if missing:
        lines = [CheckLine("permissions", ok=False, detail=f"missing: {', '.join(missing)}; {_WHO} grant them")]
    if more:
        codes = ", ".join(str(code) for code in more)
        detail = f"the account may do more than read ({codes}); better one that cannot: {_WHO} take them away"
        lines.append(CheckLine("too many permissions", ok=None, detail=detail))
    return lines


async def _lists(client: Client, today: date, *, history: bool) -> list[CheckLine]:
    """Asks for one of each kind; what it names is asked further."""
    probes = _Probes(client)
    await probes.of_lists(history=history)
    await probes.of_journals(today)
    return probes.lines


class _Probes:
    """What was asked for, and how it went."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.lines: list[CheckLine] = []
        self._group: str | None = None
        self._student: str | None = None
        self._terms: list[tuple[str, int]] = []

    async def probe(self, what: str, ask: Callable[[], Awaitable[object]], need: str, *, needed: bool = True) -> None:
        try:
            await ask()
        except ConnectorError as error:
            if error.stops == "source":
                raise
            self.lines.append(CheckLine(what, ok=False if needed else None, detail=f"{error}; {need}"))
        else:
            self.lines.append(CheckLine(what, ok=True, detail="can be read"))

    async def of_lists(self, *, history: bool) -> None:
        client = self.client
        await self.probe("groups", client.groups, f"{_WHO} let the account see groups")
        await self.probe("students", self._students, f"permission 507; {_WHO} grant it")
        if history and self._student:
            need = f"history = true needs the pupils' cards; {_WHO} let the account see them, or leave history out"
            await self.probe("decrees", partial(client.decrees, self._student), need)
        await self.probe("employees", client.employees, f"permission 509; {_WHO} grant it")
        spare = "without it names are missing, the import works all the same"
        await self.probe("departments", client.departments, spare, needed=False)
        await self.probe("specialities", client.specialities, spare, needed=False)
        await self.probe("subjects", client.subjects, spare, needed=False)
        await self.probe("calendars", client.calendars, spare, needed=False)

    async def of_journals(self, today: date) -> None:
        client = self.client
        await self.probe("journals", self._journal_groups, f"permission 200; {_WHO} grant it")
        if not self._group:
            return
        await self.probe("a journal", partial(self._page, self._group), f"permission 200; {_WHO} grant it")
        sheet = f"permissions 202 and 700; {_WHO} grant them"
        await self.probe("an attestation sheet", partial(client.sheet, self._group), sheet)
        spare = "it is not needed: journals hold the lessons that are not recorded yet"
        await self.probe("a timetable", partial(client.timetable, self._group, today, today), spare, needed=False)
        spare = "it is not needed: the journals say who was absent"
        for kind, number in self._terms:
            await self.probe("a rating", partial(client.rating, self._group, kind, number, today), spare, needed=False)

    async def _students(self) -> None:
        pages = await self.client.students(most=1)
        items = (item for a in pages for item in as_list(a.json(), *STUDENTS, where="people/students"))
        self._student = next((number for item in items if (number := id_of(item))), None)

    async def _journal_groups(self) -> None:
        items = as_list((await self.client.journal_groups()).json(), where="student-groups")
        self._group = next((number for item in items if (number := id_of(item))), None)

    async def _page(self, group: str) -> None:
        books = as_list((await self.client.entries(group)).json(), where="entries")
        self._terms.extend(_active(books))
        for book in (b for b in books if isinstance(b, dict)):
            number, taught = id_of(book), as_list(book.get("scheduleSubjects"), where="entries")
            if number and taught and (subject := id_of(taught[0])):
                await self.client.page(number, subject)
                return


def _active(books: list[Any]) -> Iterator[tuple[str, int]]:
    """The type and number of the terms that are going on."""
    for book in books:
        if isinstance(book, dict) and book.get("isActive") is True and isinstance(book.get("termNumber"), int):
            yield str(book.get("termType") or "Semester"), book["termNumber"]

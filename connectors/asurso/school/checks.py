"""What `svod check` finds out about an account of the school module (portal facts B1-B4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from connectors.asurso.school.client import Client
from connectors.asurso.school.lists import items_of
from connectors.asurso.values import as_date, id_of
from connectors.contract import CheckLine
from connectors.errors import ConnectorError

GIVES: Final = {
    "studenttotal": "absences",
    "studentgrades": "days of entry",
    "studenttotalmarks": "marks of periods",
}
"""The pupils' reports that are read, and what each gives."""

_WHO: Final = "the administrator of АСУ РСО at the school can"


async def check(client: Client) -> list[CheckLine]:
    """Line by line: the portal, the sign-in, the school, and each kind of thing that is read.

    Raises:
        ConnectorError: the portal cannot be reached, or does not let the account in.

    """
    await client.year()
    manner = client.manner
    version = ".".join(str(n) for n in manner.version)
    lines = [
        CheckLine("portal", ok=True, detail=f"answers, version {version}"),
        CheckLine("sign-in", ok=True, detail="the login and the password are good"),
        CheckLine("institution", ok=True, detail=f"{manner.name or 'the school'} ({manner.school})"),
    ]
    ids: dict[str, str] = {}

    async def probe(what: str, ask: Callable[[], Awaitable[object]], need: str, *, needed: bool = True) -> None:
        try:
            await ask()
        except ConnectorError as error:
            if error.stops == "source":
                raise
            lines.append(CheckLine(what, ok=False if needed else None, detail=f"{error}; {need}"))
        else:
            lines.append(CheckLine(what, ok=True, detail="can be read"))

    async def classes() -> None:
        ids["class"] = next((i for item in items_of(await client.classes()) if (i := id_of(item))), "")

    async def pupils() -> None:
        ids["pupil"] = next((i for item in items_of(await client.pupils(ids["class"])) if (i := id_of(item))), "")

    async def diary() -> None:
        year = (await client.year()).json()
        begins = as_date(year.get("startDate")) if isinstance(year, dict) else None
        if begins:
            await client.diary(ids["pupil"], id_of(year) or "", begins, begins)

    see = f"{_WHO} let the account see the school's classes"
    await probe("year", client.year, see)
    await probe("classes", classes, f"{see}; without them only the account's own pupils are read")
    await probe("subjects", client.subjects, f"{_WHO} let the account see subjects")
    await probe("terms", client.terms, "without them periods are missing", needed=False)
    if ids.get("class"):
        await probe("pupils", pupils, f"{_WHO} let the account see the pupils of classes")
        await probe("subject groups", lambda: client.subject_groups(ids["class"]), see)
    if ids.get("pupil"):
        await probe("diaries", diary, f"{_WHO} let the account see the pupils' diaries")
    for report, gives in GIVES.items():
        need = f"without it there are no {gives}; {_WHO} grant it"
        await probe(f"report {report}", partial(client.form, report), need)
    return lines

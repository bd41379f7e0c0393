"""What `svod check` asks: is the portal there, is the token good, and what may the account read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from canonical.years import AcademicYear
from connectors.asking import attempt
from connectors.contract import CheckLine, Context
from connectors.errors import ConnectorError, SignInNeededError, SourceConfigError, UnavailableError
from connectors.mosreg.client import Client, Listing
from connectors.mosreg.years import year_of

_ASK: Final = "the account may not read this; the school's administrator of «Моя школа» can give it the right"
_DAYS: Final = timedelta(days=7)


async def check(context: Context, client: Client, school: str) -> list[CheckLine]:
    """One line for each thing that an import needs, the most basic first; stops where nothing further can be asked."""
    try:
        years = await client.academic_years()
    except UnavailableError as error:
        return [CheckLine("portal", ok=False, detail=str(error))]
    except (SignInNeededError, SourceConfigError) as error:
        return [CheckLine("portal", ok=True), CheckLine("sign-in", ok=False, detail=str(error))]
    lines = [CheckLine("portal", ok=True), _token(context, client), await _school(client, school)]
    name = AcademicYear.of(context.today()).name
    year = year_of(years, AcademicYear.of(context.today()))
    lines.append(CheckLine("academic year", ok=year is not None, detail=name if year else f"the portal has no {name}"))
    if year is not None:
        client.manner.year = year
        lines += await _lists(context, client, school)
    return lines


def _token(context: Context, client: Client) -> CheckLine:
    profile, ends = client.manner.profile, client.manner.ends_at
    role = f"profile {profile.id} ({profile.type})" if profile else "no profile"
    if ends is None:
        return CheckLine("sign-in", ok=True, detail=role)
    until = ends.astimezone(context.zone).isoformat(sep=" ", timespec="minutes")
    return CheckLine(
        "sign-in", ok=True, detail=f"{role}; the token is good until {until} and is renewed by imports before"
    )


async def _school(client: Client, wanted: str) -> CheckLine:
    profile = client.manner.profile
    own = await attempt(client.school_of(profile)) if profile else None
    if not isinstance(own, str):
        return CheckLine("school", ok=None, detail="the portal does not say which school the account belongs to")
    if own != wanted:
        return CheckLine("school", ok=False, detail=f"remote_id is {wanted}, but the account belongs to school {own}")
    name = await attempt(client.school_name(own))
    return CheckLine("school", ok=True, detail=f"{own} {name}" if isinstance(name, str) else own)


async def _lists(context: Context, client: Client, school: str) -> list[CheckLine]:
    """What the account may read, tried on one class and one week."""
    today = context.today()
    classes, lines = await _try("classes", client.class_units)
    groups, more = await _try("groups (journals)", partial(client.groups, school))
    lines += more
    for what, question in (
        ("staff", partial(client.teachers, school)),
        ("periods", client.periods_schedules),
        ("control forms", partial(client.control_forms, school)),
    ):
        lines += (await _try(what, question))[1]
    for class_unit in classes[:1]:
        lines += (await _try("pupils and their period marks", partial(client.pupils_of_class, class_unit)))[1]
    for group in groups[:1]:
        since = today - _DAYS
        for what, question in (
            ("timetable", partial(client.schedule, [group], since, today)),
            ("marks", partial(client.marks, [group], since, today)),
            ("absences", partial(client.attendances, [group], since, today)),
            ("thematic plans", partial(client.plans, [group])),
        ):
            lines += (await _try(what, question))[1]
    profile = client.manner.profile
    if profile and profile.is_teacher:
        lines.append(
            CheckLine("whole school", ok=None, detail="a teacher sees the own groups only; an administrator sees all")
        )
    return lines


async def _try(what: str, question: Callable[[], Awaitable[Listing]]) -> tuple[Sequence[str], list[CheckLine]]:
    """The ids in a list, and the line about it."""
    got = await attempt(question())
    if isinstance(got, ConnectorError):
        detail = _ASK if got.code == "access_denied" else str(got)
        return [], [CheckLine(what, ok=False, detail=detail)]
    ids = got.ids()
    return ids, [CheckLine(what, ok=True, detail=f"{len(ids)} read")]

"""Findings in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from canonical.store.upsert import upsert
from canonical.tables import FINDINGS, JUDGEMENTS
from pipelines.completeness.finding import Finding, unwaived, waived

_COLUMNS: Final = [FINDINGS.c[f.name] for f in fields(Finding)]


class NoSuchFindingError(ValueError):
    """No finding has this id, or several begin with it. The message says which."""


def findings(connection: Connection, **wanted: Any) -> dict[str, Finding]:
    """Findings by id, whatever their state; `wanted` are columns and their values (null: any)."""
    query = select(*_COLUMNS).order_by(FINDINGS.c.id)
    for name, value in wanted.items():
        if value is not None:
            query = query.where(FINDINGS.c[name] == value)
    return {row["id"]: Finding(**row) for row in connection.execute(query).mappings()}


def one(connection: Connection, beginning: str) -> Finding:
    """The finding whose id begins so.

    Raises:
        NoSuchFindingError: there is none, or more than one.

    """
    query = select(*_COLUMNS).where(FINDINGS.c.id.startswith(beginning, autoescape=True)).limit(2)
    rows = connection.execute(query).mappings().all()
    if not rows:
        raise NoSuchFindingError(f"замечания «{beginning}» нет; все замечания: svod findings list --all")
    if len(rows) > 1:
        raise NoSuchFindingError(f"с «{beginning}» начинаются номера нескольких замечаний; укажите больше знаков")
    return Finding(**rows[0])


def alike(connection: Connection, beginning: str) -> list[str]:
    """The ids of those not closed that say the same as the finding whose id begins so (of other pupils), and its own.

    Raises:
        NoSuchFindingError: there is none, or more than one.

    """
    found = one(connection, beginning)
    same = findings(connection, institution=found.institution, rule=found.rule, message=found.message)
    return [found.id, *(f.id for f in same.values() if f.state != "fixed" and f.id != found.id)]


def keep(connection: Connection, some: Sequence[Finding]) -> None:
    """Writes findings over what stands of them."""
    upsert(connection, FINDINGS, [asdict(f) for f in some])


def waive(connection: Connection, beginning: str, until: date, why: str) -> Finding:
    """Excuses an open finding up to a day, that day included.

    Raises:
        NoSuchFindingError: there is none that is open.

    """
    found = _open(connection, beginning)
    keep(connection, [after := waived(found, until, why)])
    return after


def lift(connection: Connection, beginning: str) -> Finding:
    """Ends the waiver of a finding.

    Raises:
        NoSuchFindingError: there is none that is open.

    """
    found = _open(connection, beginning)
    keep(connection, [after := unwaived(found)])
    return after


def _open(connection: Connection, beginning: str) -> Finding:
    found = one(connection, beginning)
    if found.state == "fixed":
        raise NoSuchFindingError(f"замечание {found.id} уже закрыто")
    return found


def last_judgement(connection: Connection, job: str, institution: str) -> datetime | None:
    """When an institution was last judged."""
    j = JUDGEMENTS.c
    stamp = connection.execute(select(j.at).where(j.job == job, j.institution == institution)).scalar()
    return datetime.fromisoformat(stamp) if stamp else None

"""Matches, decisions and discrepancies in the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, update

from canonical.store.bulk import among, chunks
from canonical.store.upsert import upsert
from canonical.tables import DISCREPANCIES, JUDGEMENTS, MATCHES, QUARANTINE
from canonical.view import JournalView
from reconcile.aside import Aside
from reconcile.legible import Entry
from reconcile.life import Discrepancy, Sources, closed
from reconcile.pair import Decisions, Outcome

JOB: Final = "reconcile"
Decision = Literal["confirmed", "split"]

_COLUMNS: Final = [DISCREPANCIES.c[f.name] for f in fields(Discrepancy)]


class NoSuchDiscrepancyError(ValueError):
    """No discrepancy has this id, or several begin with it. The message says which."""


class DecisionError(ValueError):
    """A decision about a pair of people cannot be taken. The message says why, and what to do."""


# -- matches and decisions -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MatchRow:
    """One row of the matches, the left side being the left one of the pair as it is now configured."""

    entity: str
    left: str
    right: str
    score: float
    how: str
    doubtful: bool
    decision: Decision | None


_Key = tuple[str, str, str]


def _matches(connection: Connection, sources: Sources) -> tuple[dict[_Key, MatchRow], list[dict[str, str]]]:
    """The matches of a pair, and the primary keys of those that were stored when the other source was the left one."""
    m = MATCHES.c
    ways = ((sources.left, sources.right), (sources.right, sources.left))
    query = select(MATCHES).where(
        m.institution == sources.institution,
        or_(*(and_(m.left_source == left, m.right_source == right) for left, right in ways)),
    )
    found: dict[_Key, MatchRow] = {}
    turned = []
    for r in connection.execute(query):
        left, right = r.left_key, r.right_key
        if r.left_source != sources.left:
            turned.append(_primary(sources, (r.entity, left, right), turned=True))
            left, right = right, left
        found[r.entity, left, right] = MatchRow(r.entity, left, right, r.score, r.how, r.doubtful, r.decision)
    return found, turned


def _primary(sources: Sources, key: _Key, *, turned: bool = False) -> dict[str, str]:
    left, right = (sources.right, sources.left) if turned else (sources.left, sources.right)
    return {"i": sources.institution, "e": key[0], "ls": left, "lk": key[1], "rs": right, "rk": key[2]}


def decisions(connection: Connection, sources: Sources) -> Decisions:
    """What persons have said of the people of a pair of sources."""
    known, _ = _matches(connection, sources)
    said = {(r.left, r.right): r.decision for r in known.values() if r.entity == "people" and r.decision}
    return Decisions(
        frozenset(pair for pair, decision in said.items() if decision == "confirmed"),
        frozenset(pair for pair, decision in said.items() if decision == "split"),
    )


def keep_matches(connection: Connection, sources: Sources, outcome: Outcome, moment: datetime) -> None:
    """Writes the matches and doubtful pairs that are new or have changed, and forgets those that are gone.

    What a person has decided stays, whatever was found.
    """
    before, turned = _matches(connection, sources)
    after = {
        (entity, m.left, m.right): MatchRow(entity, m.left, m.right, m.score, m.how, doubtful=False, decision=None)
        for entity, some in outcome.matches.items()
        for m in some
    }
    for d in outcome.doubtful:
        after["people", d.left, d.right] = MatchRow("people", d.left, d.right, d.score, d.how, doubtful=True, decision=None)  # fmt: skip
    for key, old in before.items():
        if old.decision is not None:
            new = after.get(key, old)
            after[key] = MatchRow(new.entity, new.left, new.right, new.score, new.how, doubtful=False, decision=old.decision)  # fmt: skip
    gone = [_primary(sources, key) for key in before.keys() - after.keys()]
    _forget(connection, [*turned, *gone])
    changed = after.values() if turned else [row for key, row in after.items() if before.get(key) != row]
    _write(connection, sources, changed, moment)


def _forget(connection: Connection, keys: Sequence[Mapping[str, str]]) -> None:
    m = MATCHES.c
    if keys:
        statement = delete(MATCHES).where(
            m.institution == bindparam("i"), m.entity == bindparam("e"), m.left_source == bindparam("ls"),
            m.left_key == bindparam("lk"), m.right_source == bindparam("rs"), m.right_key == bindparam("rk"),
        )  # fmt: skip
        connection.execute(statement, list(keys))


def _write(connection: Connection, sources: Sources, some: Iterable[MatchRow], moment: datetime) -> None:
    upsert(
        connection,
        MATCHES,
        [
            {
                "institution": sources.institution,
                "entity": r.entity,
                "left_source": sources.left,
                "left_key": r.left,
                "right_source": sources.right,
                "right_key": r.right,
                "score": r.score,
                "how": r.how,
                "doubtful": r.doubtful,
                "decision": r.decision,
                "at": moment.isoformat(),
            }
            for r in some
        ],
    )


def candidates(connection: Connection, sources: Sources) -> list[MatchRow]:
    """The pairs of people that wait for a person, in the order of keys."""
    known, _ = _matches(connection, sources)
    return sorted((r for r in known.values() if r.doubtful), key=lambda r: (r.left, r.right))


def decide(
    connection: Connection, sources: Sources, left: str, right: str, decision: Decision, moment: datetime
) -> None:
    """Keeps that two records are, or are not, one person. It overrules what is found, until the opposite is decided.

    Raises:
        DecisionError: one of them is confirmed as somebody else.

    """
    known, _ = _matches(connection, sources)
    for r in known.values():
        taken = r.entity == "people" and r.decision == "confirmed" and (r.left == left) != (r.right == right)
        if decision == "confirmed" and taken:
            pair = f"{sources.left}:{r.left} {sources.right}:{r.right}"
            raise DecisionError(f"уже подтверждено: {pair}; если это ошибка, сначала: svod people split {pair}")
    old = known.get(("people", left, right))
    score, how = (old.score, old.how) if old else (0.0, "")
    row = MatchRow("people", left, right, score, how, doubtful=False, decision=decision)
    _forget(connection, [_primary(sources, ("people", right, left), turned=True)])
    _write(connection, sources, [row], moment)


# -- discrepancies ---------------------------------------------------------------------------------------------------


def discrepancies(connection: Connection, **wanted: Any) -> dict[str, Discrepancy]:
    """Discrepancies by id, whatever their state; `wanted` are columns and their values (null: any)."""
    query = select(*_COLUMNS).order_by(DISCREPANCIES.c.id)
    for name, value in wanted.items():
        if value is not None:
            query = query.where(DISCREPANCIES.c[name] == value)
    return {row["id"]: Discrepancy(**row) for row in connection.execute(query).mappings()}


def of_pair(connection: Connection, sources: Sources) -> dict[str, Discrepancy]:
    """The discrepancies of a pair of sources, whichever was the left one."""
    pair = {sources.left, sources.right}
    known = discrepancies(connection, institution=sources.institution)
    return {key: d for key, d in known.items() if {d.left_source, d.right_source} == pair}


def of_others(connection: Connection, institution: str, sources: Iterable[str]) -> dict[str, Discrepancy]:
    """The discrepancies of an institution that concern a source which is not one of these."""
    here = set(sources)
    known = discrepancies(connection, institution=institution)
    return {key: d for key, d in known.items() if not {d.left_source, d.right_source} <= here}


def keep_discrepancies(
    connection: Connection, before: Mapping[str, Discrepancy], after: Mapping[str, Discrepancy]
) -> None:
    """Writes what is new or has changed; of the others only that they were seen."""
    changed, seen = [], []
    for key, new in after.items():
        old = before.get(key)
        if old == new:
            continue
        if old is not None and replace(old, last_at=new.last_at) == new:
            seen.append(new)
        else:
            changed.append(asdict(new))
    upsert(connection, DISCREPANCIES, changed)
    for some in chunks(seen):
        keys = among(connection, DISCREPANCIES.c.id, [d.id for d in some])
        connection.execute(update(DISCREPANCIES).where(keys).values(last_at=some[0].last_at))


def one(connection: Connection, beginning: str) -> Discrepancy:
    """The discrepancy whose id begins so.

    Raises:
        NoSuchDiscrepancyError: there is none, or more than one.

    """
    query = select(*_COLUMNS).where(DISCREPANCIES.c.id.startswith(beginning, autoescape=True)).limit(2)
    rows = connection.execute(query).mappings().all()
    if not rows:
        raise NoSuchDiscrepancyError(f"расхождения «{beginning}» нет; все расхождения: svod discrepancies list --all")
    if len(rows) > 1:
        raise NoSuchDiscrepancyError(f"с «{beginning}» начинаются номера нескольких расхождений; укажите больше знаков")
    return Discrepancy(**rows[0])


def close(
    connection: Connection, beginning: str, state: Literal["accepted", "resolved"], why: str | None, moment: datetime
) -> Discrepancy:
    """Closes a discrepancy as a person says. Said once more without a reason, it keeps the reason that it has.

    Raises:
        NoSuchDiscrepancyError: there is none that could be closed.

    """
    found = one(connection, beginning)
    if found.state == "fixed":
        raise NoSuchDiscrepancyError(f"расхождение {found.id} уже закрыто")
    after = closed(found, state, why or (found.note if found.state == state else None), moment)
    upsert(connection, DISCREPANCIES, [asdict(after)])
    return after


# -- what a reconciliation looks at besides ---------------------------------------------------------------------------


def quarantine(connection: Connection, view: JournalView) -> Aside:
    """What lies in the quarantine of the source of a journal."""
    q = QUARANTINE.c
    query = select(q.entity, q.key, q.body).where(q.source == view.source.id, q.state == "open").order_by(q.id)
    return Aside([Entry(*row) for row in connection.execute(query)], view)


def last_judgement(connection: Connection, institution: str) -> datetime | None:
    """When an institution was last reconciled."""
    j = JUDGEMENTS.c
    stamp = connection.execute(select(j.at).where(j.job == JOB, j.institution == institution)).scalar()
    return datetime.fromisoformat(stamp) if stamp else None


def note_judgement(connection: Connection, institution: str, moment: datetime) -> None:
    """Notes that an institution was reconciled."""
    upsert(connection, JUDGEMENTS, [{"job": JOB, "institution": institution, "at": moment.isoformat()}])

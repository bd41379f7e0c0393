"""Reconciling as a job: holds the sources of an institution against each other, and keeps what is found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations, groupby
from typing import Any

from sqlalchemy import Connection, select

from canonical.store import SourceRow, Store, StoreError, sources
from canonical.store import runs as run_log
from canonical.store.bulk import BULK
from canonical.store.leases import Lease, leased
from canonical.store.runs import Begun
from canonical.tables import ROWS
from canonical.view import JournalView, open_view
from connectors.contract import Institution
from pipelines.workplace import SourceJob
from reconcile import keeping
from reconcile.describing import full_name
from reconcile.differences import COMPARED, Difference, Kind, Side
from reconcile.keeping import JOB, DecisionError, MatchRow, NoSuchDiscrepancyError
from reconcile.life import Discrepancy, Sources, found_now, identity, seen_from, settle
from reconcile.pair import Outcome, reconcile_pair


@dataclass(slots=True)
class PairResult:
    """What came of one pair: its outcome, its discrepancies as they now stand, and the ids of those that were fixed.

    `untold` are the ids of open ones that were not found, but of which it could not be told whether they are gone.
    """

    sources: Sources
    outcome: Outcome
    untold: frozenset[str] = frozenset()
    discrepancies: list[Discrepancy] = field(default_factory=list)
    fixed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    """How the reconciliation of one institution ended.

    `stored` is false where the result was not kept, because a later moment (`last_judged_at`) has been judged; `error` says
    why nothing was done.
    """

    institution: str
    pairs: list[PairResult] = field(default_factory=list)
    stored: bool = False
    last_judged_at: datetime | None = None
    error: str | None = None

    def summary(self) -> dict[str, Any]:
        """The institution's part of the JSON, without its lists."""
        found = [d for p in self.pairs for d in p.discrepancies]
        matched = Counter({e: 0 for p in self.pairs for e in p.outcome.matches})
        for pair in self.pairs:
            matched.update({entity: len(some) for entity, some in pair.outcome.matches.items()})
        return {
            "institution": self.institution,
            "stored": self.stored,
            "error": self.error,
            "matches": dict(matched),
            "doubtful": sum(len(p.outcome.doubtful) for p in self.pairs),
            "kinds": dict(sorted(Counter(d.kind for d in found).items())),
            "states": dict(sorted(Counter(d.state for d in found).items())),
            "fixed": [key for p in self.pairs for key in p.fixed],
        }


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """The document of `svod reconcile --json` (contract.md)."""
    pairs = [p for r in results for p in r.pairs]
    return {
        "pairs": [{"institution": p.sources.institution, "left": p.sources.left, "right": p.sources.right} for p in pairs],
        "matches": [m for p in pairs for m in _matches_as_json(p)],
        "discrepancies": [d.as_json() for p in pairs for d in p.discrepancies],
        "institutions": [r.summary() for r in results],
    }  # fmt: skip


def _matches_as_json(pair: PairResult) -> Iterator[dict[str, Any]]:
    for entity, some in pair.outcome.matches.items():
        for match in some:
            yield {
                "institution": pair.sources.institution,
                "entity": entity,
                "left": {"source": pair.sources.left, "key": match.left},
                "right": {"source": pair.sources.right, "key": match.right},
                "score": match.score,
                "how": match.how,
            }


def reconcile(
    store: Store, jobs: Sequence[SourceJob], *, held: Lease | None = None, begun: Begun = run_log.untold
) -> list[Result]:
    """Reconciles the institutions of these sources, one after another; what happens to one does not touch the others.

    Before the last moment that was judged nothing is kept. `held` is the lease of a job that does this for one institution, `begun`
    is told the number of its run.

    Raises:
        StoreError: the store cannot be read or written at all.

    """
    moment = store.clock()
    wards = [(place, list(some)) for place, some in groupby(jobs, key=lambda j: j.institution)]
    if all(_is_late(store, place, moment) for place, _ in wards):
        return [_guarded(store, place, some, moment, held) for place, some in wards]
    with store.writing() as connection:
        run = run_log.begin(connection, JOB, {"institutions": [place.key for place, _ in wards]}, store.stamp(), begun)
    with run_log.settled(store, run, held):
        results = [_guarded(store, place, some, moment, held) for place, some in wards]
        failed = [r for r in results if r.error]
        status = "ok" if not failed else "failed" if len(failed) == len(results) else "partial"
        with store.writing() as connection:
            run_log.finish(connection, run, status, {"institutions": [r.summary() for r in results]}, store.stamp())
    return results


def _is_late(store: Store, place: Institution, moment: datetime) -> bool:
    with store.reading() as connection:
        last = keeping.last_judgement(connection, place.key)
    return last is not None and moment < last


def _guarded(
    store: Store, place: Institution, jobs: Sequence[SourceJob], moment: datetime, held: Lease | None
) -> Result:
    result = Result(place.key)
    try:
        _reconcile_one(store, place, jobs, moment, result, held)
    except StoreError as error:
        result.pairs, result.stored, result.error = [], False, str(error)
    return result


def _reconcile_one(
    store: Store,
    place: Institution,
    jobs: Sequence[SourceJob],
    moment: datetime,
    result: Result,
    held: Lease | None,
) -> None:
    day = moment.astimezone(place.zone).date()
    with store.reading() as connection:
        rows = _by_authority(connection, jobs)
        views = {row.key: open_view(connection, row) for row in rows}
        asides = {key: keeping.quarantine(connection, view) for key, view in views.items()}
        for left, right in combinations(rows, 2):
            if not _have_something_in_common(connection, left, right):
                continue
            pair = Sources(place.key, left.key, right.key)
            outcome = reconcile_pair(
                views[left.key],
                views[right.key],
                day=day,
                decisions=keeping.decisions(connection, pair),
                aside=(asides[left.key], asides[right.key]),
            )
            result.pairs.append(PairResult(pair, outcome, _untold(connection, pair, outcome)))
    read_at = {row.key: _moment(row.last_read_at) for row in rows}
    with store.writing() as connection, leased(connection, f"{JOB} {place.key}", held):
        result.last_judged_at = keeping.last_judgement(connection, place.key)
        result.stored = result.last_judged_at is None or moment >= result.last_judged_at
        for done in result.pairs:
            moments = [m for m in (read_at[done.sources.left], read_at[done.sources.right]) if m]
            _settle(connection, done, moment, max(moments, default=None), keep=result.stored)
        if result.stored:
            _close_others(connection, place.key, jobs, moment)
            keeping.note_judgement(connection, place.key, moment)


def _untold(connection: Connection, pair: Sources, outcome: Outcome) -> frozenset[str]:
    found = {identity(pair, difference) for difference in outcome.differences}
    return frozenset(
        key
        for key, old in keeping.of_pair(connection, pair).items()
        if old.state != "fixed" and key not in found and not outcome.can_tell(*_turned(old, pair))
    )


def _turned(one: Discrepancy, pair: Sources) -> tuple[str, Kind, str | None, str | None]:
    """Entity, kind and keys, the sides as they are configured now."""
    if one.left_source == pair.left:
        return one.entity, one.kind, one.left_key, one.right_key
    other: dict[Kind, Kind] = {"missing_left": "missing_right", "missing_right": "missing_left"}
    return one.entity, other.get(one.kind, one.kind), one.right_key, one.left_key


def _settle(
    connection: Connection, done: PairResult, moment: datetime, read_at: datetime | None, *, keep: bool
) -> None:
    """Carries the lives of a pair's discrepancies on."""
    before = keeping.of_pair(connection, done.sources)
    found = [found_now(done.sources, d, moment) for d in done.outcome.differences]
    if keep:
        after = settle(before, found, moment, read_at, done.untold)
        keeping.keep_discrepancies(connection, before, after)
        keeping.keep_matches(connection, done.sources, done.outcome, moment)
        done.fixed = [key for key, old in before.items() if old.state != "fixed" and after[key].state == "fixed"]
    else:
        after = {**before, **seen_from(before, found)}
    done.discrepancies = [after[key] for key in [*(new.id for new in found), *sorted(done.untold & after.keys())]]


def _close_others(connection: Connection, institution: str, jobs: Sequence[SourceJob], moment: datetime) -> None:
    """What was found between sources of which one is no longer configured is over."""
    before = keeping.of_others(connection, institution, [job.key for job in jobs])
    keeping.keep_discrepancies(connection, before, settle(before, [], moment, None))


def _by_authority(connection: Connection, jobs: Sequence[SourceJob]) -> list[SourceRow]:
    """The sources that were ever read, the highest authority first, of the same one in the order of the configuration."""
    known = {row.key: row for row in sources(connection)}
    ordered = sorted(jobs, key=lambda job: -job.config.authority)
    return [known[job.key] for job in ordered if job.key in known]


def _have_something_in_common(connection: Connection, left: SourceRow, right: SourceRow) -> bool:
    """Whether both sources have records of some entity that is compared."""
    return any(_has(connection, left, entity) and _has(connection, right, entity) for entity in COMPARED)


def _has(connection: Connection, source: SourceRow, entity: str) -> bool:
    t = ROWS[entity].c
    query = select(t.key).where(t.source == source.id, t.removed.is_(None)).limit(1)
    return connection.execute(query).first() is not None


def _moment(stamp: str | None) -> datetime | None:
    return datetime.fromisoformat(stamp) if stamp else None


# -- what a person decides -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A doubtful pair of people, with both of them as their sources name them."""

    sources: Sources
    match: MatchRow
    left: dict[str, Any]
    right: dict[str, Any]

    @property
    def id(self) -> str:
        """The id of the discrepancy that the doubt is."""
        sides = (Side(self.match.left, None), Side(self.match.right, None))
        return identity(self.sources, Difference("people", "ambiguous", None, *sides, ""))

    def as_json(self) -> dict[str, Any]:
        """One of the candidates of `svod people candidates --json`."""
        return {
            "id": self.id,
            "institution": self.sources.institution,
            "left": self.left,
            "right": self.right,
            "score": self.match.score,
            "how": self.match.how,
        }


def candidates(store: Store, jobs: Sequence[SourceJob]) -> list[Candidate]:
    """The pairs of people that the last reconciliation left to a person."""
    found = []
    with store.reading() as connection:
        for place, some in groupby(jobs, key=lambda j: j.institution):
            rows = _by_authority(connection, list(some))
            views = {row.key: open_view(connection, row) for row in rows}
            for left, right in combinations(rows, 2):
                pair = Sources(place.key, left.key, right.key)
                doubtful = keeping.candidates(connection, pair)
                groups = [_groups(views[row.key]) if doubtful else {} for row in (left, right)]
                for match in doubtful:
                    here = _person(views[left.key], match.left, groups[0])
                    there = _person(views[right.key], match.right, groups[1])
                    if here and there:
                        found.append(Candidate(pair, match, here, there))
    return found


def _groups(view: JournalView) -> dict[str, set[str]]:
    """The names of everybody's groups."""
    found: dict[str, set[str]] = defaultdict(set)
    for enrolment in view.enrolments.values():
        found[enrolment.person].add(view.groups[enrolment.group].name or enrolment.group)
    return found


def _person(view: JournalView, key: str, groups: Mapping[str, set[str]]) -> dict[str, Any] | None:
    person = view.people.get(key)
    if person is None:
        return None
    return {
        "source": view.source.key,
        "key": key,
        "name": full_name(person),
        "role": person.role,
        "birth_date": person.birth_date,
        "groups": sorted(groups.get(key, ())),
        "position": person.position,
    }


def decide(
    store: Store, jobs: Sequence[SourceJob], names: Sequence[str], decision: keeping.Decision
) -> tuple[Sources, str, str]:
    """Keeps what a person says of two records, each named `institution/source:key`, or both by the id of the doubt.

    Returns:
        The pair of sources, and the left and the right key.

    Raises:
        DecisionError: there are no such two people, or the decision contradicts another one.

    """
    with store.writing() as connection:
        named = _of_doubt(connection, names[0]) if len(names) == 1 else [_named(text) for text in names]
        if len(named) != 2:
            raise DecisionError(
                "назовите двух человек, каждого как учреждение/источник:ключ, или номер сомнительной пары"
            )
        order = [row.key for row in _by_authority(connection, jobs)]
        numbers = {row.key: row.id for row in sources(connection)}
        for source, key in named:
            if source not in order:
                raise DecisionError(
                    f"источник «{source}» ещё ни разу не читали; есть: {', '.join(order) or 'ни одного'}"
                )
            if not BULK["people"].live(connection, numbers[source], [key]):
                raise DecisionError(f"в {source} нет человека с ключом «{key}»")
        (left, left_key), (right, right_key) = sorted(named, key=lambda n: order.index(n[0]))
        places = {source.partition("/")[0] for source in (left, right)}
        if left == right or len(places) > 1:
            raise DecisionError("назовите двух человек из двух источников одного учреждения")
        pair = Sources(places.pop(), left, right)
        keeping.decide(connection, pair, left_key, right_key, decision, store.clock())
    return pair, left_key, right_key


def _of_doubt(connection: Connection, beginning: str) -> list[tuple[str, str]]:
    try:
        found = keeping.one(connection, beginning)
    except NoSuchDiscrepancyError as error:
        raise DecisionError(str(error)) from None
    if found.entity != "people" or found.left_key is None or found.right_key is None:
        raise DecisionError(f"расхождение {found.id} не о двух людях; сомнительные пары: svod people candidates")
    return [(found.left_source, found.left_key), (found.right_source, found.right_key)]


def _named(text: str) -> tuple[str, str]:
    source, colon, key = text.partition(":")
    if not colon or not key or "/" not in source:
        raise DecisionError(
            f"«{text}» не называет человека; пишут учреждение/источник:ключ, например kolomna/portal:1000000000123"
        )
    return source, key

"""Completeness as a job: judges the journals of institutions, and keeps the lives of their findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, select

from canonical.calendar import SchoolCalendar
from canonical.store import SourceRow, Store
from canonical.store import runs as run_log
from canonical.store.leases import Lease, leased
from canonical.store.runs import Begun
from canonical.store.upsert import upsert
from canonical.tables import JUDGEMENTS, QUARANTINE
from canonical.text import sort_key
from canonical.view import open_view
from canonical.years import AcademicYear
from connectors.contract import Institution
from pipelines.completeness import keeping
from pipelines.completeness.case import Aside, Case
from pipelines.completeness.finding import OPEN, Finding, seen_from, settle, unseen
from pipelines.completeness.judging import Verdict, judge
from pipelines.completeness.profile import Profile
from pipelines.completeness.rates import Rate, rates, total
from pipelines.journals import main_journal
from pipelines.workplace import SourceJob

JOB: Final = "completeness"


@dataclass(frozen=True, slots=True)
class Ward:
    """An institution, its sources, the profile it lives by, and its calendar if it has one."""

    institution: Institution
    jobs: Sequence[SourceJob]
    profile: Profile
    calendar: SchoolCalendar | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Which days are judged (null: from the beginning of the academic year, to today), and as of which moment."""

    since: date | None = None
    until: date | None = None
    as_of: datetime | None = None


@dataclass(slots=True)
class Result:
    """How one institution stands. `findings` are open or excused; `unjudged` are ids of those that could not be told anew.

    `sources` is empty where the store has no journal for these days; `stored` is false where the result was not kept, and
    `last_judged_at` is then the later moment for which one is.
    """

    institution: str
    profile: str
    since: str
    until: str
    sources: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unjudged: set[str] = field(default_factory=set)
    fixed: list[Finding] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    fill: list[Rate] = field(default_factory=list)
    stored: bool = False
    last_judged_at: datetime | None = None

    def stale(self) -> list[dict[str, Any]]:
        """What could not be decided, and why."""
        return [
            {
                "institution": self.institution,
                "source": verdict.reach.source,
                "rule": s.rule,
                "why": s.why,
                "count": s.count,
                "since": s.since,
                "until": s.until,
                "read_at": s.read_at.isoformat() if s.read_at else None,
            }
            for verdict in self.verdicts
            for s in verdict.stale
        ]

    def summary(self) -> dict[str, Any]:
        """The institution's part of the JSON, findings and rates left out."""
        states = Counter(f.state for f in self.findings)
        return {
            "institution": self.institution,
            "sources": self.sources,
            "profile": self.profile,
            "since": self.since,
            "until": self.until,
            "stored": self.stored,
            "states": {**{s: states[s] for s in ("new", "confirmed", "back", "excused")}, "fixed": len(self.fixed)},
            "severities": dict(sorted(Counter(f.severity for f in self.findings if f.state in OPEN).items())),
            "silent": [
                {"rule": rule, "source": v.reach.source, "needs": needs}
                for v in self.verdicts
                for rule, needs in v.silent.items()
            ],
        }


def as_json(results: Sequence[Result], moment: datetime) -> dict[str, Any]:
    """The document of `svod completeness --json`."""
    fill = [rate for r in results for rate in r.fill]
    return {
        "as_of": moment.isoformat(),
        "findings": [
            {**f.as_json(moment), "judged": f.id not in r.unjudged} for r in results for f in r.findings
        ],
        "fill": [rate.as_json() for rate in fill],
        "totals": {name: [rate.as_json() for rate in some] for name, some in totals(fill).items()},
        "stale": [s for r in results for s in r.stale()],
        "institutions": [r.summary() for r in results],
    }  # fmt: skip


def totals(fill: Iterable[Rate]) -> dict[str, list[Rate]]:
    """Rates summed up by institution, by group, by subject and by teacher."""
    fill = list(fill)
    return {
        "institution": total(fill, lambda _: (None, None, None)),
        "group": total(fill, lambda r: (r.group, None, None)),
        "subject": total(fill, lambda r: (None, r.subject, None)),
        "teacher": total(fill, lambda r: (None, None, r.teacher)),
    }


def completeness(
    store: Store,
    wards: Sequence[Ward],
    request: Request,
    *,
    held: Lease | None = None,
    begun: Begun = run_log.untold,
) -> tuple[datetime, list[Result]]:
    """Judges institutions, one after another, and keeps what is found, unless it is an earlier moment that is looked at.

    `held` is the lease of a job that does this for one institution, `begun` is told the number of its run.

    Returns:
        The moment that was judged, and a result for each institution.

    Raises:
        StoreError: the store cannot be read or written.

    """
    moment = request.as_of or store.clock()
    if request.as_of is not None or all(_later_judgement(store, w, moment) for w in wards):
        return moment, [_judged(store, w, request, moment, keep=False) for w in wards]
    detail = {
        "institutions": [w.institution.key for w in wards],
        "since": request.since.isoformat() if request.since else None,
        "until": request.until.isoformat() if request.until else None,
    }
    with store.writing() as connection:
        run = run_log.begin(connection, JOB, detail, store.stamp(), begun)
    with run_log.settled(store, run, held):
        results = [_judged(store, w, request, moment, keep=True, held=held) for w in wards]
        outcome = {"as_of": moment.isoformat(), "institutions": [r.summary() for r in results]}
        with store.writing() as connection:
            run_log.finish(connection, run, "ok", outcome, store.stamp())
    return moment, results


def _later_judgement(store: Store, ward: Ward, moment: datetime) -> bool:
    with store.reading() as connection:
        last = keeping.last_judgement(connection, JOB, ward.institution.key)
    return last is not None and moment < last


def _judged(
    store: Store, ward: Ward, request: Request, moment: datetime, *, keep: bool, held: Lease | None = None
) -> Result:
    today = moment.astimezone(ward.institution.zone).date()
    until = min(request.until or today, today)
    since = request.since or AcademicYear.of(until).start
    result = Result(ward.institution.key, ward.profile.name, since.isoformat(), until.isoformat())
    with store.reading() as connection:
        for case in _cases(connection, ward, since, until, moment, request.as_of):
            result.sources.append(case.view.source.key)
            result.verdicts.append(judge(case, ward.profile))
            result.fill += rates(case)
    found = {key: finding for v in result.verdicts for key, finding in v.found.items()}
    if keep and result.verdicts:
        _keep(store, result, found, moment, today, held)
    else:
        with store.reading() as connection:
            result.last_judged_at = keeping.last_judgement(connection, JOB, result.institution)
            stored = keeping.findings(connection, institution=result.institution)
        result.findings = seen_from(stored, found, moment, today)
    result.findings.sort(key=order)
    return result


def _cases(
    connection: Connection, ward: Ward, since: date, until: date, moment: datetime, as_of: datetime | None
) -> Iterator[Case]:
    """The journals by which the institution is judged: for each academic year its main one."""
    years = [AcademicYear(y) for y in range(AcademicYear.of(since).first, AcademicYear.of(until).first + 1)]
    mains = ((year, main_journal(connection, ward.jobs, year)) for year in years)
    for source, some in groupby(mains, key=lambda pair: pair[1][1].key if pair[1] else None):
        spans = list(some)
        main = spans[0][1]
        if source is None or main is None:
            continue
        view = open_view(connection, main[1], as_of=as_of)
        start, end = max(since, spans[0][0].start), min(until, spans[-1][0].end)
        aside = _aside(connection, main[1], as_of)
        yield Case(ward.institution, view, moment, start, end, calendar=ward.calendar, aside=aside)


def _aside(connection: Connection, source: SourceRow, as_of: datetime | None) -> list[Aside]:
    """What lies in the quarantine of a source, as it came."""
    q = QUARANTINE.c
    query = select(q.entity, q.key, q.body, q.first_at).where(q.source == source.id, q.state == "open")
    return [
        (row.entity, row.key, row.body)
        for row in connection.execute(query)
        if as_of is None or datetime.fromisoformat(row.first_at) <= as_of
    ]


def _keep(
    store: Store, result: Result, found: dict[str, Finding], moment: datetime, today: date, held: Lease | None
) -> None:
    """Carries the lives of the institution's findings on; not if a later moment has been judged."""
    institution = result.institution
    with store.writing() as connection, leased(connection, f"{JOB} {institution}", held):
        stored = keeping.findings(connection, institution=institution)
        result.last_judged_at = keeping.last_judgement(connection, JOB, institution)
        if result.last_judged_at is not None and moment < result.last_judged_at:
            result.findings = seen_from(stored, found, moment, today)
        else:
            after = {f.id: f for f in settle(stored, found, [v.reach for v in result.verdicts], moment, today)}
            keeping.keep(connection, [f for key, f in after.items() if stored.get(key) != f])
            row = {"job": JOB, "institution": institution, "at": moment.isoformat()}
            upsert(connection, JUDGEMENTS, [row])
            result.fixed = sorted((f for f in after.values() if f.state == "fixed"), key=order)
            rest = unseen({**stored, **after}, found, result.since, result.until)
            result.unjudged = {f.id for f in rest}
            result.findings = [*(after[key] for key in found), *rest]
            result.stored = True


_name_key: Final = lru_cache(maxsize=4096)(sort_key)


def order(finding: Finding) -> tuple[Any, ...]:
    """Findings as they are listed: by institution, day, group, subject and what they say."""
    return (
        finding.institution,
        finding.day or "",
        _name_key(finding.group),
        _name_key(finding.subject),
        finding.message,
        finding.rule,
        finding.id,
    )

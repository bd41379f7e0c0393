"""Holds one journal against a profile: what is suspected, and whether the evidence is good enough to say so.

Nobody is accused of what is not known. That something is missing, only a complete read of its place can tell, made after its
deadline, and not too long ago: else the suspicion is set aside as undecided, with the reason. So is one about a
record that lies in the quarantine, for what lies there may be the very thing that seems to be missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from pipelines.completeness.case import Case
from pipelines.completeness.catalogue import CATALOGUE
from pipelines.completeness.finding import Finding, Reach, identity
from pipelines.completeness.profile import Profile
from pipelines.completeness.rule import Rule, RuleSettings
from pipelines.completeness.suspicion import Ground, Suspicion

Doubt = Literal["never_read", "read_too_early", "read_too_long_ago", "in_quarantine"]

_DOUBTS: Final[tuple[Doubt, ...]] = ("never_read", "read_too_early", "read_too_long_ago", "in_quarantine")


@dataclass(slots=True)
class Stale:
    """Suspicions of one rule that could not be decided, for one reason: how many, of which days, and the oldest read."""

    rule: str
    why: Doubt
    count: int = 0
    since: str | None = None
    until: str | None = None
    read_at: datetime | None = None

    def add(self, suspicion: Suspicion) -> None:
        self.count += 1
        if suspicion.day:
            self.since = min(self.since or suspicion.day, suspicion.day)
            self.until = max(self.until or suspicion.day, suspicion.day)
        if suspicion.read_at:
            self.read_at = min(self.read_at or suspicion.read_at, suspicion.read_at)


@dataclass(slots=True)
class Verdict:
    """What holding one journal against a profile came to. `silent` rules are on, but the source cannot say what they need."""

    case: Case
    reach: Reach
    found: dict[str, Finding]
    stale: list[Stale]
    silent: dict[str, list[str]] = field(default_factory=dict)


def judge(case: Case, profile: Profile) -> Verdict:
    """Every finding of a journal, as if it were found for the first time. Pure."""
    source = case.view.source
    enabled = {rule.id: s for rule in CATALOGUE.values() if (s := profile.rules[rule.id]).enabled}
    silent = {
        rule: lacking
        for rule in enabled
        if (lacking := [need for need in CATALOGUE[rule].needs if not case.view.can_say(*need.split("."))])
    }
    found: dict[str, Finding] = {}
    undecided: set[str] = set()
    stale: dict[tuple[str, Doubt], Stale] = {}
    for rule_id, settings in enabled.items():
        if rule_id in silent:
            continue
        rule = CATALOGUE[rule_id]
        for suspicion in rule.suspects(case, settings):
            if suspicion.done_at is not None and suspicion.done_at > case.moment:
                continue  # at the moment that is judged it had not happened
            key = identity(rule_id, case.institution.key, source.key, suspicion.about)
            why = doubt(suspicion, case, timedelta(hours=profile.evidence_max_age_hours))
            if why is None:
                found[key] = _finding(key, rule, settings, suspicion, case)
            else:
                undecided.add(key)
                stale.setdefault((rule_id, why), Stale(rule_id, why)).add(suspicion)
    reach = Reach(
        source.key,
        case.since,
        case.until,
        judged=frozenset(set(enabled) - set(silent)),
        enabled=frozenset(enabled),
        undecided=frozenset(undecided),
    )
    ordered = sorted(stale.values(), key=lambda s: (list(CATALOGUE).index(s.rule), _DOUBTS.index(s.why)))
    return Verdict(case, reach, found, ordered, silent)


def doubt(suspicion: Suspicion, case: Case, max_age: timedelta) -> Doubt | None:
    """Why a suspicion accuses nobody; null: it does.

    What came too late came too late, whenever that was read. What is wrong may have been put right since it was read. That
    something is missing can be told only from a complete read, made when it should have been there.
    """
    if any(map(case.is_aside, suspicion.records)):
        return "in_quarantine"
    if suspicion.ground is Ground.LATE:
        return None
    read_at = suspicion.read_at
    if suspicion.ground is Ground.MISSING:
        if read_at is None:
            return "never_read"
        since = suspicion.since or suspicion.due_at
        if since is not None and read_at < since:
            return "read_too_early"
    if read_at is not None and case.moment - read_at > max_age:
        return "read_too_long_ago"
    return None


def _finding(key: str, rule: Rule, settings: RuleSettings, suspicion: Suspicion, case: Case) -> Finding:
    moment = case.moment.isoformat()
    names = suspicion.names
    return Finding(
        id=key,
        institution=case.institution.key,
        rule=rule.id,
        clause=settings.clause,
        severity=suspicion.severity or settings.severity,
        source=case.view.source.key,
        group=names.group,
        subject=names.subject,
        teacher=names.teacher,
        lesson=suspicion.lesson,
        student=suspicion.student,
        period=suspicion.period,
        day=suspicion.day,
        due_at=suspicion.due_at.isoformat() if suspicion.due_at else None,
        done_at=case.local(suspicion.done_at).isoformat() if suspicion.done_at else None,
        answers=settings.answers,
        answerer={"teacher": names.teacher, "class_teacher": names.class_teacher}.get(settings.answers),
        message=suspicion.message,
        first_at=moment,
        last_at=moment,
    )

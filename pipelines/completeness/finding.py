"""A finding: what it is, and its life from one judgement to the next.

`new` when it is found first, `confirmed` when it is found again, `excused` while a waiver runs, `fixed` when a judgement that
could see it no longer finds it, `back` when it is found once more after that. All of this is pure; `store` keeps it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Literal

from pipelines.completeness.rule import Role
from pipelines.completeness.suspicion import Severity

State = Literal["new", "confirmed", "excused", "fixed", "back"]
Why = Literal["in_order", "rule_off", "other_journal"]

OPEN: Final[frozenset[State]] = frozenset({"new", "confirmed", "back"})
"""States of what waits for somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row of the findings: what was found, and where its life stands.

    `group`, `subject`, `teacher` and `answerer` are names, `lesson`, `student` and `period` keys; `answers` is the role of who
    must act, `answerer` their name where it is known. Instants are ISO 8601 text, `day` and `waived_until` dates.
    """

    id: str
    institution: str
    rule: str
    clause: str
    severity: Severity
    source: str
    group: str | None = None
    subject: str | None = None
    teacher: str | None = None
    lesson: str | None = None
    student: str | None = None
    period: str | None = None
    day: str | None = None
    due_at: str | None = None
    done_at: str | None = None
    answers: Role
    answerer: str | None = None
    message: str
    state: State = "new"
    first_at: str
    last_at: str
    closed_at: str | None = None
    closed_why: Why | None = None
    times: int = 1
    waived_until: str | None = None
    waived_why: str | None = None

    def is_excused(self, today: date) -> bool:
        """Whether a waiver runs: its last day is the institution's today, or later."""
        return self.waived_until is not None and today.isoformat() <= self.waived_until

    def overdue_hours(self, moment: datetime) -> float | None:
        """Hours from the deadline until it was done, or was closed, or until now; 0 before it; null if there is none."""
        if self.due_at is None:
            return None
        end = self.done_at or self.closed_at
        span = (datetime.fromisoformat(end) if end else moment) - datetime.fromisoformat(self.due_at)
        return max(0.0, round(span.total_seconds() / 3600, 1))

    def as_json(self, moment: datetime) -> dict[str, Any]:
        """The shape of contract.md, with what stands besides."""
        return {
            "id": self.id,
            "rule": self.rule,
            "clause": self.clause,
            "severity": self.severity,
            "institution": self.institution,
            "source": self.source,
            "group": self.group,
            "subject": self.subject,
            "teacher": self.teacher,
            "lesson": self.lesson,
            "student": self.student,
            "period": self.period,
            "due_at": self.due_at,
            "overdue_hours": self.overdue_hours(moment),
            "message": self.message,
            "state": self.state,
            "day": self.day,
            "done_at": self.done_at,
            "answers": self.answers,
            "answerer": self.answerer,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "closed_at": self.closed_at,
            "closed_why": self.closed_why,
            "times": self.times,
            "waived_until": self.waived_until,
            "waived_why": self.waived_why,
        }


def identity(rule: str, institution: str, source: str, about: Iterable[str]) -> str:
    """The same text for the same thing in every run."""
    text = "\x1f".join((rule, institution, source, *about))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Reach:
    """What a judgement could see: one journal between two days, by the rules that were on and that it can be held against.

    `undecided` are ids of which it could not tell whether they are so.
    """

    source: str
    since: str
    until: str
    judged: frozenset[str]
    enabled: frozenset[str]
    undecided: frozenset[str] = frozenset()

    def closes(self, finding: Finding) -> Why | None:
        """Why a finding that was not found again is closed; null: this judgement does not know of it."""
        if finding.rule not in self.enabled:
            return "rule_off"
        if finding.id in self.undecided or not (finding.day is None or self.since <= finding.day <= self.until):
            return None
        if finding.source != self.source:
            return "other_journal" if finding.day is not None else None
        return "in_order" if finding.rule in self.judged else "rule_off"


def settle(
    stored: Mapping[str, Finding], found: Mapping[str, Finding], reaches: Iterable[Reach], moment: datetime, today: date
) -> list[Finding]:
    """The findings whose life goes on, as they stand after a judgement: those found, and those closed by it.

    `stored` are all findings of the institution, open or not. The same judgement at the same moment changes nothing.
    """
    reaches = list(reaches)
    after = [_found(stored.get(key), new, moment, today) for key, new in found.items()]
    for key, old in stored.items():
        if key in found or old.state == "fixed":
            continue
        why = next((w for reach in reaches if (w := reach.closes(old))), None)
        if why:
            after.append(replace(old, state="fixed", closed_at=moment.isoformat(), closed_why=why))
        elif old.state == "excused" and not old.is_excused(today):
            after.append(replace(old, state="confirmed"))
    return after


def _found(old: Finding | None, new: Finding, moment: datetime, today: date) -> Finding:
    if old is None:
        return new
    seen = replace(
        new,
        first_at=old.first_at,
        times=old.times,
        waived_until=old.waived_until,
        waived_why=old.waived_why,
        state=old.state,
    )
    if old.state == "fixed":
        seen = replace(seen, state="back", times=old.times + 1)
    elif moment > datetime.fromisoformat(old.last_at):
        seen = replace(seen, state="confirmed")
    if old.is_excused(today):
        return replace(seen, state="excused")
    return replace(seen, state="confirmed") if seen.state == "excused" else seen


def seen_from(
    stored: Mapping[str, Finding], found: Mapping[str, Finding], moment: datetime, today: date
) -> list[Finding]:
    """The findings of a judgement that is not kept, told with what is known of them: when they were first found by then."""
    after = []
    for key, new in found.items():
        old = stored.get(key)
        if old is None or datetime.fromisoformat(old.first_at) >= moment:
            after.append(new)
            continue
        state: State = "excused" if old.is_excused(today) else "confirmed"
        after.append(
            replace(
                new, first_at=old.first_at, times=old.times, state=state,
                waived_until=old.waived_until, waived_why=old.waived_why,
            )
        )  # fmt: skip
    return after


def waived(finding: Finding, until: date, why: str) -> Finding:
    """The finding excused up to a day, that day included."""
    return replace(finding, state="excused", waived_until=until.isoformat(), waived_why=why)


def unwaived(finding: Finding) -> Finding:
    """The finding without its waiver."""
    return replace(finding, state="confirmed", waived_until=None, waived_why=None)


def unseen(stored: Mapping[str, Finding], seen: Collection[str], since: str, until: str) -> list[Finding]:
    """Findings between two days that stand open, or excused, but were not seen by a judgement."""
    return [
        f
        for key, f in stored.items()
        if key not in seen and f.state != "fixed" and (f.day is None or since <= f.day <= until)
    ]

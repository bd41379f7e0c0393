"""Which captured list answers for which days: the newest complete one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from canonical.years import Stretch
from connectors.captures import Run
from connectors.http import Answer


def newest_by_day(runs: Iterable[Run], within: Stretch) -> list[tuple[Stretch, Run]]:
    """The days that complete runs hold, each day by the newest of them: stretches in their order."""
    complete = sorted((r for r in runs if r.complete), key=lambda r: r.at, reverse=True)
    free = [within]
    found: list[tuple[Stretch, Run]] = []
    for run in complete:
        rest = []
        for gap in free:
            start, end = max(gap.start, run.days.start), min(gap.end, run.days.end)
            if start > end:
                rest.append(gap)
                continue
            found.append((Stretch(start, end), run))
            rest += [Stretch(a, b) for a, b in ((gap.start, _before(start)), (_after(end), gap.end)) if a <= b]
        free = rest
    return sorted(found, key=lambda f: f[0].start)


@dataclass(frozen=True, slots=True)
class Part:
    """Some days, and the lists that answer for them: what they are of -> run."""

    days: Stretch
    runs: Mapping[str, Run]


def parts_of(runs: Mapping[str, Sequence[Run]], within: Stretch) -> list[Part]:
    """Days cut so that in each part everything (a group, a pupil, a kind of list) is answered by one run, or by none.

    Days that nothing answers are left out.
    """
    held = {name: newest_by_day(some, within) for name, some in runs.items()}
    starts = {s.start.toordinal() for some in held.values() for s, _ in some}
    ends = {s.end.toordinal() + 1 for some in held.values() for s, _ in some}
    found = []
    for start, after in pairwise(sorted(starts | ends)):
        days = Stretch(date.fromordinal(start), date.fromordinal(after - 1))
        here = {name: r for name, some in held.items() for s, r in some if days.start in s}
        if here:
            found.append(Part(days, here))
    return found


def covers(stretches: Iterable[Stretch], wanted: Stretch) -> bool:
    """Whether stretches together hold all days of one."""
    day = wanted.start
    for one in sorted(stretches, key=lambda s: s.start):
        if one.start > day:
            return False
        if one.end >= wanted.end:
            return True
        if one.end >= day:
            day = _after(one.end)
    return False


def _before(day: date) -> date:
    return date.fromordinal(max(day.toordinal() - 1, 1))


def _after(day: date) -> date:
    return date.fromordinal(min(day.toordinal() + 1, date.max.toordinal()))


def cut(answer: Answer, keep: Callable[[Any], bool], *wrappers: str) -> Answer:
    """A view of an answer with those items of its list only that are to be kept."""
    said = answer.json()
    name = next((w for w in wrappers if isinstance(said, Mapping) and isinstance(said.get(w), list)), None)
    items = said[name] if name else said
    if not isinstance(items, list):
        return answer
    some = [i for i in items if keep(i)]
    if len(some) == len(items):
        return answer
    shown = {**said, name: some} if name else some
    return Answer(answer.status, answer.headers, answer.body, answer.origin, answer.cookies, shown)


def emptied(answer: Answer) -> Answer:
    """A view of an answer as a list of nothing."""
    return Answer(answer.status, answer.headers, answer.body, answer.origin, answer.cookies, [])

"""The reporting periods of the year (facts B4.3): those of the portal's schedules, and the year itself. Pure."""

from __future__ import annotations

from functools import cached_property

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope
from canonical.entities import Period
from connectors.mosreg.reading import salvaged
from connectors.mosreg.school import School, by_number
from connectors.mosreg.wire import AttestationPeriod, PeriodsSchedule
from connectors.wire import plain_key, read_each
from connectors.words import period_kind


class Calendar:
    """The periods that the school's groups go by. A school has several schedules at once."""

    def __init__(self, school: School) -> None:
        self._school = school

    def year_of(self, schedule: str | None) -> str:
        """The key of the period that year, exam and final marks refer to: the schedule's own, or the one that is added."""
        own = self._own_years
        return own.get(schedule or "") or (self._added if self._lacks_years else min(own.values()))

    @property
    def _added(self) -> str:
        return f"{self._school.year[0].id}:year"

    @property
    def _lacks_years(self) -> bool:
        """Whether a schedule in use has no period of kind year, so that one must be added."""
        return not self._used or any(s.id not in self._own_years for s, _, _ in self._used)

    def is_year(self, period: str | None) -> bool:
        """Whether the portal's schedules hold this period as a year."""
        return period in self._own_years.values()

    def batch(self) -> Batch:
        """The periods, with what could not be read of them."""
        made = Batch()
        self._school.years.report(made)
        self._school.schedules.report(made)
        if self._lacks_years:
            year, origin = self._school.year
            added = Period(
                key=self._added,
                academic_year=self._school.academic_year,
                kind="year",
                number=1,
                name=year.name,
                start=year.begin_date,
                end=year.end_date,
            )
            made.add([added], origin)
        for period, origin in self._read[0]:
            made.add([period], origin)
        made.rejects.extend(self._read[1].rejects)
        made.drift.update(self._read[1].drift)
        if self._school.schedules.is_whole and self._school.answers.has_schedules:
            name = self._school.academic_year
            made.covers(Scope("periods", axis=Axis.ACADEMIC_YEAR, start=name, end=name))
        return made

    @cached_property
    def _used(self) -> list[tuple[PeriodsSchedule, Origin, tuple[str, ...] | None]]:
        """Schedules of this school and year that are for someone, with the groups that they are for."""
        found = [(s, o, self._groups(s)) for s, o in self._school.schedules.items]
        return [(s, o, groups) for s, o, groups in found if groups != ()]

    def _groups(self, schedule: PeriodsSchedule) -> tuple[str, ...] | None:
        """The groups that refer to a schedule; null, which is all, where no group of the school refers to any."""
        answers = self._school.answers
        if schedule.academic_year_id not in {None, answers.year} or schedule.school_id not in {None, answers.school}:
            return ()
        places = [p for p in self._school.places.values() if not p.is_broken]
        if all(p.schedule is None for p in places):
            return None
        return tuple(sorted({p.group for p in places if p.schedule == schedule.id}, key=by_number))

    @cached_property
    def _own_years(self) -> dict[str, str]:
        """Schedule -> its period of kind year, where it has one."""
        return {
            schedule.id: period.key
            for schedule, _, _ in self._used
            for period, _ in self._read[0]
            if period.kind == "year" and period.key in {plain_key(i, "id") for i in schedule.periods}
        }

    @cached_property
    def _read(self) -> tuple[list[tuple[Period, Origin]], Batch]:
        problems = Batch()
        made = []
        for schedule, origin, groups in self._used:
            numbers = _numbers(schedule)
            rows = read_each(schedule.periods, AttestationPeriod, problems, entity="periods", key="id", origin=origin)
            for row in rows:
                period = Period(
                    key=row.id,
                    academic_year=self._school.academic_year,
                    kind=period_kind(row.name, schedule.name),
                    number=numbers.get(row.id),
                    name=row.name,
                    start=row.begin_date,
                    end=row.end_date,
                    groups=groups,
                )
                made.append((period, origin))
        return made, problems


def _numbers(schedule: PeriodsSchedule) -> dict[str, int]:
    """Period -> its number among those of its kind, by start. A broken one keeps its place, as far as it can be told."""
    placed: list[tuple[str, str | None, str]] = []
    start = ""
    for item in schedule.periods:
        good = salvaged(item, AttestationPeriod, {"id": "-"})
        start = good.get("begin_date") or good.get("end_date") or start
        placed.append((start, period_kind(good.get("name"), schedule.name), good.get("id", "")))
    counted: dict[str | None, int] = {}
    numbers: dict[str, int] = {}
    for _, kind, key in sorted(placed, key=lambda p: p[0]):
        counted[kind] = numbers[key] = counted.get(kind, 0) + 1
    return numbers

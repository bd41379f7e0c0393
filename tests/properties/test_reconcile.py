"""What must hold of any two sources: order and side do not matter, a source is itself, what differs is told once."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import cache
from typing import Any, Literal, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from canonical.entities import (
    ENTITIES,
    Attendance,
    Course,
    Enrolment,
    Group,
    Lesson,
    Mark,
    Period,
    PeriodMark,
    Person,
    Record,
    Subject,
    Work,
    entity_of,
)
from reconcile.aside import Aside
from reconcile.compare import Delta, Row, compare
from reconcile.legible import Entry
from reconcile.pair import Outcome, reconcile_pair
from reconcile.people import Matched, match_people
from tests.journals import primed, region, rekeyed, view
from tests.people import make_systems

DAY = date(2026, 11, 20)
FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

R = TypeVar("R", bound=Record)
KINDS = st.sampled_from(["school", "college"])
SEEDS = st.integers(1, 40)
Kind = Literal["school", "college"]


# -- rows ------------------------------------------------------------------------------------------------------------

ROWS = st.lists(
    st.builds(
        lambda unit, key, values, order: Row((unit,), f"k{key}", values, str(order)),
        st.integers(0, 3),
        st.integers(0, 99),
        st.tuples(st.sampled_from([None, "4", "5"]), st.sampled_from([None, "x"])),
        st.integers(0, 2),
    ),
    max_size=8,
    unique_by=lambda row: row.key,
)


@given(ROWS, ROWS)
def test_rows_may_change_sides(left: list[Row], right: list[Row]) -> None:
    there = Counter(compare(left, right))
    back = Counter(Delta(d.unit, d.right, d.left, d.field) for d in compare(right, left))
    assert there == back


@given(ROWS, ROWS, st.randoms())
def test_the_order_of_rows_is_of_no_account(left: list[Row], right: list[Row], rng: random.Random) -> None:
    before = Counter(compare(left, right))
    assert Counter(compare(rng.sample(left, len(left)), rng.sample(right, len(right)))) == before


@given(ROWS, ROWS)
def test_each_row_is_the_same_or_different_or_missing(left: list[Row], right: list[Row]) -> None:
    """By unit: what one side has more is missing on the other, and no row is told of twice, save in two fields."""
    found = list(compare(left, right))
    for unit in {r.unit for r in [*left, *right]}:
        here, there = [r for r in left if r.unit == unit], [r for r in right if r.unit == unit]
        of_unit = [d for d in found if d.unit == unit]
        assert sum(d.right is None for d in of_unit) == max(len(here) - len(there), 0)
        assert sum(d.left is None for d in of_unit) == max(len(there) - len(here), 0)
        values: tuple[Counter[Any], Counter[Any]] = (Counter(r.values for r in here), Counter(r.values for r in there))
        if values[0] == values[1]:
            assert of_unit == []
    told = Counter((d.left, d.right, d.field) for d in found)
    assert set(told.values()) <= {1}
    by_key = {r.key: r for r in left}, {r.key: r for r in right}
    for d in found:
        if d.field is not None:
            one, other = by_key[0][d.left or ""].values[d.field], by_key[1][d.right or ""].values[d.field]
            assert None not in {one, other}
            assert one != other


# -- people ----------------------------------------------------------------------------------------------------------


@FEW
@given(SEEDS, st.booleans(), st.integers(0, 10**6))
def test_people_may_change_sides_and_order(seed: int, harsh: bool, number: int) -> None:
    rng = random.Random(number)
    made = make_systems(150, seed, share=0.5, several=0.4, harsh=harsh)
    there = match_people(made.left, made.right)
    shuffled = match_people(rng.sample(made.left, len(made.left)), rng.sample(made.right, len(made.right)))
    assert shuffled == there
    back = match_people(made.right, made.left)
    assert _turned(back) == (there.matches, there.doubtful, [(d.side, d.key, d.of) for d in there.doubles])
    assert len({m.left for m in there.matches}) == len({m.right for m in there.matches}) == len(there.matches)


def _turned(found: Matched) -> tuple[list[Any], list[Any], list[Any]]:
    turned = ([m._replace(left=m.right, right=m.left) for m in some] for some in (found.matches, found.doubtful))
    return (*(sorted(t) for t in turned), sorted((1 - d.side, d.key, d.of) for d in found.doubles))  # type: ignore[return-value]


# -- journals --------------------------------------------------------------------------------------------------------


@cache
def journal(seed: int, kind: Kind) -> tuple[Record, ...]:
    """The first weeks of an institution's journal, with what the region's records leave out: rooms and curators."""
    records = region(40, seed, kind)
    early = {r.key for r in records if isinstance(r, Lesson) and r.date < "2026-09-22"}
    works = {r.key for r in records if isinstance(r, Work) and r.lesson in early}
    kept = {Lesson: early, Work: works, Mark: works, Attendance: early}
    staff = [r.key for r in records if isinstance(r, Person) and r.role == "staff"]

    def filled(n: int, record: Record) -> Record:
        if isinstance(record, Lesson):
            return msgspec.structs.replace(record, room=f"каб. {n % 40}")
        if isinstance(record, Group) and record.parent is None:
            return msgspec.structs.replace(record, curator=staff[n % len(staff)])
        return record

    def is_early(record: Record) -> bool:
        place = {Lesson: "key", Work: "key", Mark: "work", Attendance: "lesson"}.get(type(record))
        return place is None or getattr(record, place) in kept[type(record)]

    return tuple(filled(n, record) for n, record in enumerate(records) if is_early(record))


def outcome(left: Iterable[Record], right: Iterable[Record]) -> Outcome:
    return reconcile_pair(view(left), view(right, "a/right"), day=DAY)


@FEW
@given(SEEDS, KINDS, st.integers(0, 10**6))
def test_a_journal_under_other_keys_is_the_same_journal(seed: int, kind: Kind, number: int) -> None:
    rng = random.Random(number)
    records = journal(seed, kind)
    numbers: dict[tuple[str, str], str] = {}
    copy = rekeyed(records, lambda entity, key: numbers.setdefault((entity, key), f"{rng.randrange(10**15)}"))
    rng.shuffle(copy)
    found = outcome(records, copy)
    assert found.differences == []
    assert found.doubtful == []
    people = {(m.left, m.right) for m in found.matches["people"]}
    assert people == {(r.key, numbers["people", r.key]) for r in records if isinstance(r, Person)}
    lessons = {(m.left, m.right) for m in found.matches["lessons"]}
    assert lessons >= {
        (r.key, numbers["lessons", r.key]) for r in records if isinstance(r, Lesson) and r.status == "held"
    }


# -- journals in which something differs -----------------------------------------------------------------------------

Told = tuple[str, str, str | None, str | None, str | None]
"""Entity, kind, field, left and right key."""


def told(found: Outcome) -> Counter[Told]:
    return Counter(
        (d.entity, d.kind, d.field, d.left.key if d.left else None, d.right.key if d.right else None)
        for d in found.differences
    )


POINTING: dict[type[Record], dict[type[Record], tuple[str, ...]]] = {
    Person: {Enrolment: ("person",), Mark: ("student",), Attendance: ("student",), PeriodMark: ("student",)},
    Lesson: {Work: ("lesson",), Attendance: ("lesson",)},
    Work: {Mark: ("work",)},
}
"""What belongs to what, of the things that are taken away."""


class Planter:
    """The right one of two equal journals, in which one thing after another is changed; keys are those of the left with `x`."""

    def __init__(self, records: Iterable[Record], rng: random.Random) -> None:
        self.rng = rng
        self.rows: dict[type[Record], dict[str, Record]] = {}
        for record in records:
            self.rows.setdefault(type(record), {})[record.key] = record
        self.expected: Counter[Told] = Counter()
        self.touched: set[tuple[type[Record], str]] = set()

    @property
    def records(self) -> list[Record]:
        made = [r for some in self.rows.values() for r in some.values()]
        self.rng.shuffle(made)
        return made

    def all(self, kind: type[R]) -> list[R]:
        return [r for r in self.rows.get(kind, {}).values() if isinstance(r, kind)]

    def pick(self, kind: type[R], fits: Callable[[R], bool] = lambda _: True) -> R | None:
        """One that nothing has touched."""
        some = [r for r in self.all(kind) if (kind, r.key) not in self.touched and fits(r)]
        return self.rng.choice(some) if some else None

    def set(self, record: Record, field: str, value: object) -> None:
        self.rows[type(record)][record.key] = msgspec.structs.replace(record, **{field: value})
        self.touched.add((type(record), record.key))
        self.expected[entity_of(record), "differs", field, record.key[1:], record.key] += 1

    def below(self, record: Record) -> list[Record]:
        """It, and what belongs to it."""
        found = [record]
        for one in found:
            for kind, fields in POINTING.get(type(one), {}).items():
                found += [r for r in self.all(kind) if one.key in {getattr(r, f) for f in fields}]
        return found

    def remove(self, record: Record) -> None:
        """It, and what belongs to it, unless something of that has been changed; only it is missed."""
        below = self.below(record)
        if any((type(r), r.key) in self.touched for r in below):
            return
        self.expected[entity_of(record), "missing_right", None, record.key[1:], None] += 1
        for one in below:
            self.rows[type(one)].pop(one.key, None)
        holders = {Person: ("student",), Lesson: ("lesson",), Work: ("work",)}
        self.touched |= {(k, v) for k, names in holders.items() for n in names if (v := getattr(record, n, None))}
        if isinstance(record, Mark):
            self.touched.add((Lesson, self._cell(record)[0]))

    def add(self, record: Record) -> None:
        self.rows.setdefault(type(record), {})[record.key] = record
        self.touched.add((type(record), record.key))
        self.expected[entity_of(record), "missing_left", None, None, record.key] += 1

    # -- what may happen -----------------------------------------------------------------------------------------

    def _cell(self, mark: Mark) -> tuple[str, str]:
        work = self.rows[Work][mark.work]
        assert isinstance(work, Work)
        return (work.lesson or work.course, mark.student)

    def _lonely_mark(self) -> Mark | None:
        cells = Counter(map(self._cell, self.all(Mark)))
        return self.pick(Mark, lambda m: cells[self._cell(m)] == 1)

    def another_mark(self) -> None:
        if (mark := self._lonely_mark()) and mark.meaning == "grade":
            self.set(mark, "value", "2" if mark.value != "2" else "3")

    def lost_mark(self) -> None:
        if mark := self._lonely_mark():
            self.remove(mark)

    def new_mark(self) -> None:
        if mark := self.pick(Mark):
            have = {self._cell(m)[1] for m in self.all(Mark) if self._cell(m)[0] == self._cell(mark)[0]}
            if student := self.pick(Person, lambda p: p.role == "student" and p.key not in have):
                self.add(msgspec.structs.replace(mark, key=f"{mark.key}+{student.key}", student=student.key))

    def _lesson(self) -> Lesson | None:
        return self.pick(Lesson, lambda x: x.status == "held" and x.topic is not None)

    def another_topic(self) -> None:
        if lesson := self._lesson():
            self.set(lesson, "topic", f"{lesson.topic} (уточнено)")

    def another_room(self) -> None:
        if lesson := self._lesson():
            self.set(lesson, "room", "актовый зал")

    def another_teacher(self) -> None:
        if lesson := self._lesson():
            other = self.rng.choice([p.key for p in self.all(Person) if p.role == "staff" and p.key != lesson.teacher])
            self.set(lesson, "teacher", other)

    def lost_lesson(self) -> None:
        if lesson := self._lesson():
            self.remove(lesson)

    def another_absence(self) -> None:
        if row := self.pick(Attendance, lambda a: a.status != "late"):
            self.set(row, "status", "ill" if row.status != "ill" else "excused")

    def lost_absence(self) -> None:
        if row := self.pick(Attendance):
            self.remove(row)

    def new_absence(self) -> None:
        if row := self.pick(Attendance):
            have = {a.student for a in self.all(Attendance) if a.lesson == row.lesson}
            if student := self.pick(Person, lambda p: p.role == "student" and p.key not in have):
                self.add(msgspec.structs.replace(row, key=f"{row.key}+{student.key}", student=student.key))

    def another_period_mark(self) -> None:
        if mark := self.pick(PeriodMark, lambda m: m.meaning == "grade"):
            self.set(mark, "value", "2" if mark.value != "2" else "3")

    def lost_period_mark(self) -> None:
        if mark := self.pick(PeriodMark):
            self.remove(mark)

    def _pupil(self) -> Person | None:
        names = Counter((p.family_name, p.given_name) for p in self.all(Person))
        return self.pick(Person, lambda p: p.role == "student" and names[p.family_name, p.given_name] == 1)

    def slip_in_a_birth_date(self) -> None:
        if (pupil := self._pupil()) and pupil.birth_date:
            day = int(pupil.birth_date[8:])
            self.set(pupil, "birth_date", f"{pupil.birth_date[:8]}{day % 28 + 1:02}")

    def lost_pupil(self) -> None:
        here = {e.person for e in self.all(Enrolment) if e.end is None}
        pupil = self._pupil()
        if pupil and pupil.key in here:
            self.remove(pupil)

    def expelled(self) -> None:
        classes = {g.key for g in self.all(Group) if g.kind in {"class", "study_group"}}
        pupil = self._pupil()
        row = pupil and self.pick(Enrolment, lambda e: e.person == pupil.key and e.group in classes and e.end is None)
        if row:
            ended = msgspec.structs.replace(row, end=(DAY - timedelta(days=3)).isoformat())
            self.rows[Enrolment][row.key] = ended
            self.set(ended, "status", "expelled")

    def another_curator(self) -> None:
        if group := self.pick(Group, lambda g: g.curator is not None):
            other = self.rng.choice([p.key for p in self.all(Person) if p.role == "staff" and p.key != group.curator])
            self.set(group, "curator", other)

    def another_hours(self) -> None:
        if course := self.pick(Course):
            self.set(course, "planned_hours", (course.planned_hours or 0) + 1)

    def another_end(self) -> None:
        if (period := self.pick(Period, lambda p: p.kind != "year")) and period.end:
            self.set(period, "end", (date.fromisoformat(period.end) - timedelta(days=1)).isoformat())

    def another_subject(self) -> None:
        """Renamed beyond recognition: missing on both sides, and nothing of what belongs to it."""
        taught = {c.subject for c in self.all(Course)}
        alone = {
            s for s in taught if not any((Course, c.key) in self.touched for c in self.all(Course) if c.subject == s)
        }
        if not self.touched and (subject := self.pick(Subject, lambda s: s.key in alone)):
            self.rows[Subject][subject.key] = msgspec.structs.replace(subject, name="Ъ", short_name=None)
            self.touched.add((Subject, subject.key))
            self.expected["subjects", "missing_right", None, subject.key[1:], None] += 1
            self.expected["subjects", "missing_left", None, None, subject.key] += 1

    def another_class(self) -> None:
        """Renamed beyond recognition, before anything else happens."""
        if not self.touched and (group := self.pick(Group, lambda g: g.kind in {"class", "study_group"})):
            self.rows[Group][group.key] = msgspec.structs.replace(group, name="Ъ-0")
            self.touched.add((Group, group.key))
            self.expected["groups", "missing_right", None, group.key[1:], None] += 1
            self.expected["groups", "missing_left", None, None, group.key] += 1


WAYS = [name for name in vars(Planter) if name.split("_")[0] in {"another", "lost", "new", "slip", "expelled"}]
BEYOND = ["another_subject", "another_class"]
"""What takes much with it, of which then nothing is compared."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["school", "college"])
def test_one_planted_difference_is_told_and_nothing_else(way: str, kind: Kind) -> None:
    records = journal(3, kind)
    planter = Planter(primed(records), random.Random(way))
    getattr(planter, way)()
    assert planter.expected
    assert told(outcome(records, planter.records)) == planter.expected


@FEW
@given(
    SEEDS,
    KINDS,
    st.lists(st.sampled_from([w for w in WAYS if w not in BEYOND]), min_size=3, max_size=40),
    st.integers(0, 10**6),
)
@example(7, "college", ["lost_lesson", "new_mark", "expelled", "lost_pupil"] * 5, 1)
def test_every_planted_difference_is_told_once(seed: int, kind: Kind, ways: list[str], number: int) -> None:
    records = journal(seed, kind)
    planter = Planter(primed(records), random.Random(number))
    for way in ways:
        getattr(planter, way)()
    there = told(outcome(records, planter.records))
    assert there == planter.expected
    turned = {"missing_left": "missing_right", "missing_right": "missing_left"}
    back = told(outcome(planter.records, records))
    assert back == Counter({(e, turned.get(k, k), f, b, a): n for (e, k, f, a, b), n in there.items()})


# -- garbage ---------------------------------------------------------------------------------------------------------

SPOILT: list[Callable[[dict[str, Any], random.Random], str]] = [
    lambda body, _: msgspec.json.encode({**body, "value": {}}).decode(),
    lambda body, rng: msgspec.json.encode({**body, rng.choice(sorted(body.keys() - {"key"})): None}).decode(),
    lambda body, rng: msgspec.json.encode({**body, rng.choice(sorted(body.keys() - {"key"})): ["?"]}).decode(),
    lambda body, _: msgspec.json.encode({"line": 7, "text": msgspec.json.encode(body).decode()[:-9]}).decode(),
    lambda body, _: msgspec.json.encode({"line": 7, "text": msgspec.json.encode(body).decode()[: len(str(body)) // 2]}).decode(),
    lambda body, _: msgspec.json.encode({"key": body["key"]}).decode(),
    lambda _, __: "null",
]  # fmt: skip
GARBAGE = (Person, Group, Enrolment, Subject, Course, Lesson, Work, Mark, Attendance, PeriodMark)


@FEW
@given(SEEDS, KINDS, st.integers(0, 10**6), st.integers(1, 12))
def test_garbage_is_never_called_missing(seed: int, kind: Kind, number: int, count: int) -> None:
    """Records of one source come broken in any way: they and what waits for them are in quarantine, and nothing is missed."""
    rng = random.Random(number)
    records = journal(seed, kind)
    right = {(type(r), r.key): r for r in primed(records)}
    waiting: dict[tuple[type[Record], str], list[Record]] = defaultdict(list)
    for record in right.values():
        for holder in _required(record):
            waiting[holder].append(record)
    aside: list[Entry] = []
    for _ in range(count):
        chosen = rng.choice(GARBAGE)
        record = rng.choice([r for r in right.values() if type(r) is chosen] or list(right.values()))
        body = msgspec.to_builtins(record)
        key = record.key if rng.random() < 0.9 else None
        aside.append(
            Entry(entity_of(record), key, rng.choice(SPOILT)({k: v for k, v in body.items() if v is not None}, rng))
        )
        del right[type(record), record.key]
        gone = waiting[type(record), record.key]
        while gone:
            below = [r for r in gone if right.pop((type(r), r.key), None)]
            aside += [Entry(entity_of(r), r.key, msgspec.json.encode(r).decode()) for r in below]
            gone = [w for r in below for w in waiting[type(r), r.key]]
    there = view(right.values(), "a/right")
    found = reconcile_pair(view(records), there, day=DAY, aside=(Aside(), Aside(aside, there)))
    assert [d for d in found.differences if d.kind == "missing_right"] == []


def _required(record: Record) -> set[tuple[type[Record], str]]:
    """The records without which this one waits."""
    fields = [f for f in ENTITIES[entity_of(record)].refs if f.ref and f.ref.required]
    return {
        (ENTITIES[f.ref.entity].record, key) for f in fields if f.ref and (key := getattr(record, f.name)) is not None
    }

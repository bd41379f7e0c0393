"""One synthetic region: institutions with pupils, teachers, lessons, marks and everything that goes wrong with them.

The region knows no portal. Each stand-in answers in its portal's manner from an `Institution` here, and writes from it,
by code of its own, the canonical records that an import must give. All people are made up; the same seed makes the same
region. Times are the institution's local ones, with its time zone.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Final, Literal
from zoneinfo import ZoneInfo

from canonical.years import AcademicYear

FAMILIES: Final = [
    "Тестов",
    "Примеров",
    "Образцов",
    "Шаблонов",
    "Макетов",
    "Стендов",
    "Пробнов",
    "Условнов",
    "Учебнов",
    "Эскизов",
    "Черновиков",
    "Моделев",
    "Манекенов",
    "Заглушкин",
    "Набросков",
    "Вымыслов",
    "Сочинёнов",
    "Выдумкин",
    "Абстрактов",
    "Гипотезов",
    "Допускаев",
    "Пустышкин",
    "Трафаретов",
    "Лекалов",
    "Прототипов",
    "Муляжов",
    "Репликов",
    "Копиркин",
    "Ёлкин-Тестов",
    "Зачёткин",
]
BOYS: Final = [
    "Борис",
    "Пётр",
    "Макар",
    "Фёдор",
    "Семён",
    "Артём",
    "Глеб",
    "Игнат",
    "Тимофей",
    "Ярослав",
    "Матвей",
    "Лев",
    "Савва",
    "Денис",
]
GIRLS: Final = [
    "Алиса",
    "Вера",
    "Ольга",
    "Анна",
    "Мария",
    "Алёна",
    "Дарья",
    "Полина",
    "Софья",
    "Ульяна",
    "Злата",
    "Нина",
    "Ева",
    "Тася",
]
PATRONYMICS: Final = [
    "Тестович",
    "Примерович",
    "Образцович",
    "Макетович",
    "Стендович",
    "Пробнович",
    "Шаблонович",
    "Эскизович",
]
TOPIC_WORDS: Final = [
    "Повторение",
    "Введение",
    "Основы",
    "Свойства",
    "Решение",
    "Практикум",
    "Обобщение",
    "Анализ",
    "Применение",
    "Закрепление",
]

SCHOOL_SUBJECTS: Final = (
    ("Алгебра", "Алг", "Уравнения"),
    ("Русский язык", "Рус", "Орфография"),
    ("Литература", "Лит", "Поэзия"),
    ("История", "Ист", "Реформы"),
    ("Биология", "Био", "Клетка"),
    ("Физика", "Физ", "Движение"),
    ("География", "Гео", "Климат"),
    ("Физическая культура", "Физ-ра", "Бег"),
)
FOREIGN: Final = ("Иностранный язык", "Ин.яз", "Чтение и перевод")
ELECTIVE: Final = ("Проектная мастерская", "Проект", "Проект")
COLLEGE_SUBJECTS: Final = (
    ("Математика", "Мат", "Пределы", "discipline"),
    ("История", "Ист", "Реформы", "discipline"),
    ("Основы алгоритмизации", "ОАиП", "Алгоритмы", "discipline"),
    ("МДК.01.01 Разработка программ", "МДК.01.01", "Модули", "mdk"),
    ("УП.01 Учебная практика", "УП.01", "Практика", "practice"),
    ("Физическая культура", "Физ-ра", "Бег", "discipline"),
)
SPECIALITIES: Final = (
    ("09.02.07", "Информационные системы и программирование", "ИС"),
    ("35.02.16", "Эксплуатация и ремонт сельскохозяйственной техники", "ТМ"),
    ("38.02.01", "Экономика и бухгалтерский учёт", "БУ"),
)

_AGES_IN: Final = 2026
"""The year in whose autumn people are as old as their grade says. They are born on one day, whichever year is made."""

MarkType = Literal["grade", "exempt", "credit", "no_credit", "not_attested", "debt", "note"]
PeriodMarkKind = Literal["period", "year", "exam", "final"]
WorkKind = Literal["answer", "written", "control", "practical", "laboratory", "homework"]


@dataclass(slots=True)
class Person:
    id: int
    role: Literal["student", "staff"]
    family: str
    given: str
    patronymic: str | None
    sex: Literal["f", "m"]
    birth: date
    position: str | None = None
    dismissed: bool = False
    """A teacher who has left: lessons still name them, the staff list does not."""

    @property
    def full_name(self) -> str:
        return " ".join(filter(None, (self.family, self.given, self.patronymic)))

    @property
    def initials(self) -> str:
        """`Шаблонова В.М.`"""
        return f"{self.family} {self.given[0]}." + (f"{self.patronymic[0]}." if self.patronymic else "")


@dataclass(slots=True)
class Membership:
    person: int
    start: date
    end: date | None = None
    status: Literal["enrolled", "expelled", "transferred", "academic_leave"] = "enrolled"

    def on(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day <= self.end)


@dataclass(slots=True)
class Group:
    id: int
    name: str
    kind: Literal["class", "study_group", "subgroup", "metagroup"]
    level: int
    members: list[Membership] = field(default_factory=list)
    parent: int | None = None
    curator: int | None = None
    speciality: tuple[str, str] | None = None
    department: tuple[int, str] | None = None

    def on(self, day: date) -> list[int]:
        """Ids of those who belong to it on a day."""
        return [m.person for m in self.members if m.on(day)]


@dataclass(slots=True)
class Subject:
    id: int
    name: str
    short: str
    kind: Literal["subject", "discipline", "mdk", "practice"]
    theme: str


@dataclass(slots=True)
class PlanItem:
    id: int
    number: int
    title: str
    hours: int
    kind: Literal["theory", "practical", "laboratory", "control"]
    homework: str | None


@dataclass(slots=True)
class Period:
    id: int
    kind: Literal["quarter", "half_year", "semester", "year"]
    number: int
    name: str
    start: date
    end: date
    levels: tuple[int, ...]
    """Grades or courses that it is for."""


@dataclass(slots=True)
class Course:
    id: int
    group: int
    subject: int
    teachers: list[int]
    hours: int
    plan: list[PlanItem]
    credit_only: bool = False
    """Marked зачёт / незачёт instead of grades."""
    examination: Literal["exam", "graded_credit", "credit"] | None = None
    """How a college attests it at the end of the semester."""


@dataclass(slots=True)
class Lesson:
    id: int
    course: int
    date: date
    number: int
    starts: datetime
    ends: datetime
    room: str
    teacher: int
    """Who holds it: a substitute where this is none of the course's teachers."""
    cancelled: bool = False
    recorded_at: datetime | None = None
    """When the journal got it; null: not yet."""
    topic: str | None = None
    plan_item: int | None = None
    homework: str | None = None
    homework_at: datetime | None = None
    kind: Literal["theory", "practical", "laboratory", "control"] = "theory"


@dataclass(slots=True)
class Work:
    id: int
    lesson: int
    kind: WorkKind
    title: str
    weight: int
    required: bool = False


@dataclass(slots=True)
class Mark:
    id: int
    work: int
    student: int
    text: str
    type: MarkType
    at: datetime
    number: int = 1
    """The place within the cell, from 1."""
    comment: str | None = None


@dataclass(slots=True)
class Absence:
    id: int
    lesson: int
    student: int
    status: Literal["absent", "excused", "ill", "late"]
    at: datetime
    minutes: int | None = None


@dataclass(slots=True)
class PeriodMark:
    id: int
    student: int
    course: int
    period: int
    kind: PeriodMarkKind
    text: str
    type: MarkType
    at: datetime


@dataclass
class Institution:
    """One institution with its journal as it stands at `now`."""

    id: int
    key: str
    kind: Literal["school", "college"]
    name: str
    short: str
    zone: ZoneInfo
    year: AcademicYear
    now: datetime
    people: dict[int, Person] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    subjects: dict[int, Subject] = field(default_factory=dict)
    periods: dict[int, Period] = field(default_factory=dict)
    courses: dict[int, Course] = field(default_factory=dict)
    lessons: dict[int, Lesson] = field(default_factory=dict)
    works: dict[int, Work] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)
    absences: dict[int, Absence] = field(default_factory=dict)
    period_marks: dict[int, PeriodMark] = field(default_factory=dict)

    # -- looking things up ---------------------------------------------------------------------------------------

    @property
    def students(self) -> list[Person]:
        return [p for p in self.people.values() if p.role == "student"]

    @property
    def staff(self) -> list[Person]:
        return [p for p in self.people.values() if p.role == "staff"]

    def classes(self) -> list[Group]:
        """Classes and study groups, without their parts and without metagroups."""
        return [g for g in self.groups.values() if g.kind in {"class", "study_group"}]

    def periods_of(self, group: Group) -> list[Period]:
        """The reporting periods of a group's grade in the order of time, the year itself left out."""
        return sorted(
            (p for p in self.periods.values() if group.level in p.levels and p.kind != "year"), key=lambda p: p.start
        )

    def courses_of(self, group: int, *, with_parts: bool = False) -> list[Course]:
        """Courses of a group, with those of its subgroups if asked."""
        ids = {group} | {g.id for g in self.groups.values() if with_parts and g.parent == group}
        return [c for c in self.courses.values() if c.group in ids]

    def class_of(self, student: int, day: date | None = None) -> Group | None:
        """The class or study group a pupil belongs to on a day (by default the last one they were in)."""
        found = [
            (m.start, g)
            for g in self.classes()
            for m in g.members
            if m.person == student and (day is None or m.on(day))
        ]
        return max(found, key=lambda f: f[0])[1] if found else None

    def pupils_of(self, course: Course, day: date) -> list[int]:
        return self.groups[course.group].on(day)

    def lessons_of(self, courses: Iterable[int], since: date | None = None, until: date | None = None) -> list[Lesson]:
        """Lessons of courses in the order of time, the days inclusive."""
        index = self._lessons_by_course
        found = [
            lesson
            for c in courses
            for lesson in index.get(c, ())
            if (since is None or since <= lesson.date) and (until is None or lesson.date <= until)
        ]
        return sorted(found, key=lambda x: (x.date, x.number, x.id))

    def works_of(self, lesson: int) -> list[Work]:
        return self._works_by_lesson.get(lesson, [])

    def marks_of(self, work: int) -> list[Mark]:
        return self._marks_by_work.get(work, [])

    def absences_of(self, lesson: int) -> list[Absence]:
        return self._absences_by_lesson.get(lesson, [])

    def touched(self) -> None:
        """Must be called after a change: forgets what was looked up."""
        for name in ("_lessons_by_course", "_works_by_lesson", "_marks_by_work", "_absences_by_lesson"):
            self.__dict__.pop(name, None)

    @cached_property
    def _lessons_by_course(self) -> dict[int, list[Lesson]]:
        return _by(self.lessons.values(), "course")

    @cached_property
    def _works_by_lesson(self) -> dict[int, list[Work]]:
        return _by(self.works.values(), "lesson")

    @cached_property
    def _marks_by_work(self) -> dict[int, list[Mark]]:
        return _by(self.marks.values(), "work")

    @cached_property
    def _absences_by_lesson(self) -> dict[int, list[Absence]]:
        return _by(self.absences.values(), "lesson")

    # -- what people do in the meantime --------------------------------------------------------------------------

    def edit(self, seed: int = 1) -> None:
        """What teachers do between two imports: fill late, correct, add, delete, move. The same seed, the same edits."""
        rng = random.Random(f"{self.key} {seed}")
        at = self.now
        held = [x for x in self.lessons.values() if x.recorded_at and x.date >= (self.now - timedelta(days=14)).date()]
        for mark in rng.sample(sorted(self.marks.values(), key=lambda m: m.id), min(8, len(self.marks))):
            if mark.type == "grade":
                mark.text, mark.at = ("4" if mark.text != "4" else "5"), at
        recent = [m for m in self.marks.values() if self.lessons[self.works[m.work].lesson] in held]
        for mark in rng.sample(recent, min(3, len(recent))):
            del self.marks[mark.id]
        for lesson in rng.sample(held, min(3, len(held))):
            lesson.topic = f"{lesson.topic or 'Тема'} (уточнено)"
        unfilled = [x for x in self.lessons.values() if not x.recorded_at and not x.cancelled and x.ends < self.now]
        maker = _Maker(self, rng)
        for lesson in sorted(unfilled, key=lambda x: x.date)[-4:]:
            maker.record(lesson, at)
        ahead = [x for x in self.lessons.values() if x.date > self.now.date() + timedelta(days=3) and not x.cancelled]
        for lesson in rng.sample(ahead, min(2, len(ahead))):
            lesson.room = "актовый зал"
        if ahead:
            rng.choice(ahead).cancelled = True
        gone = rng.sample(sorted(self.absences), min(2, len(self.absences)))
        for number in gone:
            del self.absences[number]
        self.touched()


@dataclass
class Region:
    """Institutions by key."""

    institutions: dict[str, Institution]


def make_region(
    *, students: int = 60, seed: int = 1, now: datetime, kinds: Iterable[tuple[str, Literal["school", "college"]]]
) -> Region:
    """A region of institutions (key, kind) with about so many pupils each, as it stands at `now` (aware)."""
    return Region({key: make_institution(key, kind, students=students, seed=seed, now=now) for key, kind in kinds})


def make_institution(
    key: str,
    kind: Literal["school", "college"],
    *,
    students: int = 60,
    seed: int = 1,
    now: datetime,
    zone: ZoneInfo | None = None,
) -> Institution:
    """One institution, see `make_region`."""
    rng = random.Random(f"{key} {seed}")
    zone = zone or ZoneInfo("Europe/Moscow")
    local = now.astimezone(zone)
    number = 11 + rng.randrange(80)
    names = {
        "school": (f"МБОУ «Учебно-стендовая школа № {number}»", f"Школа № {number} (стенд)"),
        "college": (f"ГБПОУ «Учебно-стендовый колледж № {number}»", f"Колледж № {number} (стенд)"),
    }[kind]
    made = Institution(number, key, kind, *names, zone, AcademicYear.of(local.date()), local)
    _Maker(made, rng).everything(students)
    made.touched()
    return made


def _by(items: Iterable[object], name: str) -> dict[int, list]:  # type: ignore[type-arg]
    index: dict[int, list[object]] = defaultdict(list)
    for item in items:
        index[getattr(item, name)].append(item)
    return index


_BELLS: Final = {
    "school": [(time(8, 30), time(9, 15)), (time(9, 25), time(10, 10)), (time(10, 30), time(11, 15)),
               (time(11, 35), time(12, 20)), (time(12, 30), time(13, 15)), (time(13, 25), time(14, 10))],
    "college": [(time(8, 30), time(10, 5)), (time(10, 15), time(11, 50)), (time(12, 30), time(14, 5))],
}  # fmt: skip


class _Maker:
    """Fills an institution, always in the same order, so that the same seed gives the same one."""

    def __init__(self, made: Institution, rng: random.Random) -> None:
        self.made = made
        self.rng = rng
        self._taught: dict[int, int] = {}

    def everything(self, students: int) -> None:
        self.periods()
        teachers = [
            self.person("staff", position="Учитель" if self.made.kind == "school" else "Преподаватель")
            for _ in range(9)
        ]
        teachers[-1].dismissed = True
        self.subjects()
        groups = self.classes(students, teachers)
        self.movement(groups)
        for group in groups:
            self.courses(group, teachers)
        self.metagroup(groups, teachers[0])
        self.timetable(groups)
        for lesson in sorted(self.made.lessons.values(), key=lambda x: (x.starts, x.id)):
            self.happen(lesson)
        self.made.touched()
        self.oddities()
        self.made.touched()
        self.period_marks()

    @staticmethod
    def free(table: Mapping[int, object]) -> int:
        """An id that is not taken."""
        number = len(table) + 1
        while number in table:
            number += 1
        return number

    # -- who and what --------------------------------------------------------------------------------------------

    def person(self, role: Literal["student", "staff"], *, level: int = 0, position: str | None = None) -> Person:
        sex: Literal["f", "m"] = self.rng.choice(("f", "m"))
        family = self.rng.choice(FAMILIES)
        given = self.rng.choice(GIRLS if sex == "f" else BOYS)
        patronymic: str | None = self.rng.choice(PATRONYMICS)
        if sex == "f":
            family = f"{family}а".replace("Ёлкин-", "Ёлкина-")
            patronymic = patronymic[:-2] + "на" if patronymic else None
        if role == "student" and self.rng.random() < 0.04:
            patronymic = None
        age = 40 if role == "staff" else (level + 6 if self.made.kind == "school" else level + 15)
        birth = date(_AGES_IN - age, 1 + self.rng.randrange(12), 1 + self.rng.randrange(28))
        number = len(self.made.people) + 1
        person = Person(number, role, family, given, patronymic, sex, birth, position)
        self.made.people[number] = person
        return person

    def periods(self) -> None:
        first = self.made.year.first
        plan: list[
            tuple[Literal["quarter", "half_year", "semester", "year"], int, str, date, date, tuple[int, ...]]
        ] = []
        if self.made.kind == "school":
            lower, upper = tuple(range(1, 10)), (10, 11)
            ends = [
                (date(first, 9, 1), date(first, 10, 25)),
                (date(first, 11, 2), date(first, 12, 27)),
                (date(first + 1, 1, 11), date(first + 1, 3, 28)),
                (date(first + 1, 4, 5), date(first + 1, 5, 26)),
            ]
            plan += [("quarter", n, f"{n} четверть", s, e, lower) for n, (s, e) in enumerate(ends, 1)]
            plan += [
                ("half_year", 1, "1 полугодие", ends[0][0], ends[1][1], upper),
                ("half_year", 2, "2 полугодие", ends[2][0], ends[3][1], upper),
                ("year", 1, "Год", ends[0][0], ends[3][1], lower + upper),
            ]
        else:
            plan += [
                ("semester", 1, "1 семестр", date(first, 9, 1), date(first, 12, 27), (1, 2, 3, 4)),
                ("semester", 2, "2 семестр", date(first + 1, 1, 11), date(first + 1, 6, 28), (1, 2, 3, 4)),
            ]
        for number, (kind, n, name, start, end, levels) in enumerate(plan, 1):
            self.made.periods[number] = Period(number, kind, n, name, start, end, levels)

    def subjects(self) -> None:
        if self.made.kind == "school":
            rows = [(*s, "subject") for s in (*SCHOOL_SUBJECTS, FOREIGN, ELECTIVE)]
        else:
            rows = [(*s[:3], s[3]) for s in COLLEGE_SUBJECTS] + [(*FOREIGN, "discipline")]
        for number, (name, short, theme, kind) in enumerate(rows, 1):
            self.made.subjects[number] = Subject(number, name, short, kind, theme)  # type: ignore[arg-type]

    def classes(self, students: int, teachers: list[Person]) -> list[Group]:
        made = self.made
        size = 20
        names = (
            [
                ("7А", 7),
                ("10Б", 10),
                ("1В", 1),
                ("5А", 5),
                ("9Б", 9),
                ("8А", 8),
                ("11А", 11),
                ("6Б", 6),
                ("2А", 2),
                ("3А", 3),
            ]
            if made.kind == "school"
            else [(f"{s[2]}-{c}{n}", c) for n in (1, 2, 3) for c in (2, 1, 3) for s in SPECIALITIES]
        )
        count = max(2, -(-students // size))
        groups = []
        for index in range(count):
            base, level = names[index % len(names)]
            name = base if index < len(names) else f"{base}{index // len(names) + 1}"
            group = Group(len(made.groups) + 1, name, "class" if made.kind == "school" else "study_group", level)
            group.curator = teachers[index % 8].id
            if made.kind == "college":
                code, title, _ = SPECIALITIES[index % len(SPECIALITIES)]
                group.speciality = (code, title)
                group.department = (index % 2 + 1, ("Отделение техники", "Отделение экономики")[index % 2])
            made.groups[group.id] = group
            for _ in range(students // count + (index < students % count)):
                pupil = self.person("student", level=level)
                group.members.append(Membership(pupil.id, made.year.start))
            groups.append(group)
        twin = made.people[groups[0].members[0].person]
        other = made.people[groups[1].members[0].person]  # namesakes in two classes
        other.family, other.given, other.patronymic, other.sex = twin.family, twin.given, twin.patronymic, twin.sex
        return groups

    def movement(self, groups: list[Group]) -> None:
        """Some leave, some come, one changes class."""
        first = self.made.year.first
        groups[0].members[3].end, groups[0].members[3].status = date(first, 10, 9), "expelled"
        late = self.person("student", level=groups[0].level)
        groups[0].members.append(Membership(late.id, date(first, 10, 12)))
        moved = groups[0].members[5]
        moved.end, moved.status = date(first, 10, 16), "transferred"
        groups[1].members.append(Membership(moved.person, date(first, 10, 19)))
        if self.made.kind == "college":
            resting = groups[1].members[4]
            resting.end, resting.status = date(first, 10, 30), "academic_leave"

    # -- what is taught ------------------------------------------------------------------------------------------

    def course(self, group: Group, subject: Subject, teacher: Person) -> Course:
        made = self.made
        number = len(made.courses) + 1
        plan = []
        for n in range(1, 41):
            word = TOPIC_WORDS[n % len(TOPIC_WORDS)]
            kind: Literal["theory", "practical", "laboratory", "control"] = "theory"
            if n % 10 == 0:
                kind = "control"
            elif n % 7 == 0:
                kind = "practical"
            elif n % 11 == 0 and made.kind == "college":
                kind = "laboratory"
            homework = f"§ {n}, упр. {n * 2}" if n % 4 else None
            hours = 1 if made.kind == "school" else 2
            plan.append(PlanItem(number * 1000 + n, n, f"{subject.theme}: {word.lower()} {n}", hours, kind, homework))
        course = Course(number, group.id, subject.id, [teacher.id], len(plan) * plan[0].hours, plan)
        if made.kind == "college":
            course.credit_only = subject.short == "Физ-ра"
            ways: tuple[Literal["exam", "graded_credit"] | None, ...] = ("exam", "graded_credit", None)
            course.examination = "credit" if course.credit_only else ways[number % 3]
        made.courses[number] = course
        return course

    def courses(self, group: Group, teachers: list[Person]) -> None:
        made = self.made
        for index, subject in enumerate(made.subjects.values()):
            if subject.name == ELECTIVE[0]:
                continue
            if subject.name != FOREIGN[0]:
                self.course(group, subject, teachers[index % 9])
                continue
            for part in (1, 2):
                subgroup = Group(len(made.groups) + 1, f"подгруппа {part}", "subgroup", group.level, parent=group.id)
                made.groups[subgroup.id] = subgroup
                subgroup.members = [
                    Membership(m.person, m.start, m.end, m.status)
                    for i, m in enumerate(group.members)
                    if i % 2 == part - 1
                ]
                self.course(subgroup, subject, teachers[(index + part) % 8])

    def metagroup(self, groups: list[Group], teacher: Person) -> None:
        if self.made.kind != "school":
            return
        made = self.made
        meta = Group(len(made.groups) + 1, "Проект 7–10", "metagroup", groups[0].level)
        meta.members = [Membership(m.person, m.start, m.end, m.status) for g in groups[:2] for m in g.members[6:10]]
        made.groups[meta.id] = meta
        self.course(meta, next(s for s in made.subjects.values() if s.name == ELECTIVE[0]), teacher)

    def timetable(self, groups: list[Group]) -> None:
        """The same week all the year round, vacations and holidays left out."""
        made = self.made
        bells = _BELLS[made.kind]
        for index, group in enumerate(groups):
            own = made.courses_of(group.id)
            parts = [c for g in made.groups.values() if g.parent == group.id for c in made.courses_of(g.id)]
            slots = [(d, n) for d in range(5 if made.kind == "school" else 6) for n in range(1, len(bells) + 1)]
            turns: list[list[Course]] = [[c] for c in own] + [parts]
            for position, (weekday, number) in enumerate(slots):
                if made.kind == "school" and number == len(bells) and weekday % 2:
                    continue
                for course in turns[(position + index) % len(turns)]:
                    self.lessons(course, weekday, number)
        for course in made.courses.values():
            if made.groups[course.group].kind == "metagroup":
                self.lessons(course, 3, len(bells))

    def lessons(self, course: Course, weekday: int, number: int) -> None:
        made = self.made
        start, end = _BELLS[made.kind][number - 1]
        for day in self.school_days():
            if day.weekday() != weekday:
                continue
            lesson = Lesson(
                len(made.lessons) + 1,
                course.id,
                day,
                number,
                datetime.combine(day, start, made.zone),
                datetime.combine(day, end, made.zone),
                f"каб. {100 + (course.id * 7 + number) % 40}",
                course.teachers[0],
            )
            made.lessons[lesson.id] = lesson

    def school_days(self) -> Iterator[date]:
        holidays = {
            date(self.made.year.first, 11, 4),
            date(self.made.year.first + 1, 2, 23),
            date(self.made.year.first + 1, 3, 8),
        }
        spans = [(p.start, p.end) for p in self.made.periods.values() if p.kind in {"quarter", "semester"}]
        for start, end in sorted(spans):
            for offset in range((end - start).days + 1):
                day = start + timedelta(days=offset)
                if day not in holidays and day.weekday() < 6:
                    yield day

    # -- what happens --------------------------------------------------------------------------------------------

    def happen(self, lesson: Lesson) -> None:
        """A lesson that is over gets recorded: at once, late, or not at all."""
        fate = self.rng.random()
        if fate < 0.015:
            lesson.cancelled = True
            return
        if lesson.ends > self.made.now:
            return
        if fate < 0.05:
            return  # nobody has filled it
        at = lesson.ends - timedelta(minutes=self.rng.randrange(1, 20))
        if fate < 0.10:
            at += timedelta(days=self.rng.randrange(1, 9))
        if at <= self.made.now:
            if self.rng.random() < 0.03:
                staff = [p for p in self.made.staff if not p.dismissed and p.id != lesson.teacher]
                lesson.teacher = self.rng.choice(staff).id  # a substitute
            self.record(lesson, at)

    def record(self, lesson: Lesson, at: datetime) -> None:
        """Fills a lesson: topic, homework, marks and absences."""
        made, rng = self.made, self.rng
        course = made.courses[lesson.course]
        taught = self._taught.get(course.id, 0)
        self._taught[course.id] = taught + 1
        item = course.plan[taught % len(course.plan)]
        lesson.recorded_at = at
        lesson.kind = item.kind
        if rng.random() > 0.03:
            lesson.topic, lesson.plan_item = item.title, item.id
        if item.homework and rng.random() < 0.85:
            lesson.homework = item.homework
            lesson.homework_at = at + timedelta(minutes=5) if rng.random() < 0.9 else at + timedelta(hours=20)
            if lesson.homework_at > made.now:
                lesson.homework_at = at
        self.fill_cells(lesson, at)

    def fill_cells(self, lesson: Lesson, at: datetime) -> None:
        made, rng = self.made, self.rng
        course = made.courses[lesson.course]
        group = made.groups[course.group]
        pupils = made.pupils_of(course, lesson.date)
        absent = set()
        for student in pupils:
            if rng.random() < 0.05:
                status: Literal["absent", "excused", "ill", "late"] = rng.choice(("absent", "excused", "ill", "late"))
                number = self.free(made.absences)
                minutes = rng.randrange(3, 20) if status == "late" else None
                made.absences[number] = Absence(number, lesson.id, student, status, at, minutes)
                if status != "late":
                    absent.add(student)
        if group.level == 1 and made.kind == "school":
            return
        work = self.work(lesson, "control" if lesson.kind == "control" else "answer", "Работа на уроке", 1)
        present = [p for p in pupils if p not in absent]
        share = 0.9 if work.kind == "control" else 0.25
        for student in present:
            if rng.random() < share:
                self.mark(work, student, at)
        if present and rng.random() < 0.08:
            self.mark(work, rng.choice(present), at)  # one more mark, perhaps in the same cell
        if present and rng.random() < 0.12:
            kind: WorkKind = "laboratory" if lesson.kind == "laboratory" else "written"
            second = self.work(lesson, kind, "Самостоятельная работа", 2, required=made.kind == "college")
            for student in present[:4]:
                self.mark(second, student, at + timedelta(days=rng.choice((0, 0, 3))))

    def work(self, lesson: Lesson, kind: WorkKind, title: str, weight: int, *, required: bool = False) -> Work:
        number = self.free(self.made.works)
        made = Work(number, lesson.id, kind, title, weight, required)
        self.made.works[number] = made
        return made

    def mark(self, work: Work, student: int, at: datetime) -> None:
        made, rng = self.made, self.rng
        if at > made.now:
            return
        course = made.courses[made.lessons[work.lesson].course]
        dice = rng.random()
        kind: MarkType = "grade"
        if course.credit_only:
            kind, text = ("credit", "зач") if dice < 0.9 else ("no_credit", "незач")
        elif dice < 0.01:
            kind, text = "exempt", "ОСВ"
        else:
            text = rng.choice("5554444333" + ("2" if dice > 0.5 else "5"))
            if made.kind == "school" and rng.random() < 0.06:
                text += rng.choice("+-")
        number = self.free(made.marks)
        place = 1 + sum(m.work == work.id and m.student == student for m in self.marks_by_work(work.id))
        comment = "Молодец" if rng.random() < 0.02 else None
        made.marks[number] = Mark(number, work.id, student, text, kind, at, place, comment)
        self._work_marks.setdefault(work.id, []).append(made.marks[number])

    def marks_by_work(self, work: int) -> list[Mark]:
        return self._work_marks.get(work, [])

    @cached_property
    def _work_marks(self) -> dict[int, list[Mark]]:
        return _by(self.made.marks.values(), "work")

    def oddities(self) -> None:
        """What only a rule would find: marks in grade 1, a record that is not Russian; lessons of a teacher who has left."""
        made = self.made
        held = [x for x in made.lessons.values() if x.recorded_at]
        for teacher in (p for p in made.staff if p.dismissed):
            for lesson in sorted(held, key=lambda x: (x.starts, x.id))[:2]:
                lesson.teacher = teacher.id
        foreign = [x for x in held if made.subjects[made.courses[x.course].subject].name == FOREIGN[0]]
        if foreign:
            foreign[-1].topic = "Present Perfect"
        first = [x for x in held if made.groups[made.courses[x.course].group].level == 1]
        if first and made.kind == "school":
            lesson = first[-1]
            work = self.work(lesson, "answer", "Работа на уроке", 1)
            pupils = made.pupils_of(made.courses[lesson.course], lesson.date)
            if lesson.recorded_at and pupils:
                self.mark(work, pupils[0], lesson.recorded_at)

    def period_marks(self) -> None:
        """Marks of periods that are over or nearly so, with gaps, and a few given early."""
        made, rng = self.made, self.rng
        for course in made.courses.values():
            group = made.groups[course.group]
            if group.level == 1 and made.kind == "school":
                continue
            for period in made.periods_of(group):
                if period.start > made.now.date():
                    continue
                over = period.end - timedelta(days=5) <= made.now.date()
                day = min(period.end, made.now.date())
                at = min(datetime.combine(period.end, time(12), made.zone), made.now)
                for student in made.pupils_of(course, day):
                    if rng.random() < (0.96 if over else 0.03):
                        self.period_mark(course, student, period, "period", at)
            self.year_marks(course, group)

    def year_marks(self, course: Course, group: Group) -> None:
        made = self.made
        for period in made.periods.values():
            if period.kind == "year" and group.level in period.levels and period.end <= made.now.date():
                at = datetime.combine(period.end, time(12), made.zone)
                kinds: tuple[PeriodMarkKind, ...] = ("year", "exam", "final") if group.level in {9, 11} else ("year",)
                for student in made.pupils_of(course, period.end):
                    for kind in kinds:
                        self.period_mark(course, student, period, kind, at)

    def period_mark(self, course: Course, student: int, period: Period, kind: PeriodMarkKind, at: datetime) -> None:
        rng = self.rng
        dice = rng.random()
        meaning: MarkType = "grade"
        if course.credit_only:
            meaning, text = "credit", "зач"
        elif dice < 0.01:
            meaning, text = "not_attested", "н/а"
        elif dice < 0.015:
            meaning, text = "exempt", "ОСВ"
        else:
            text = rng.choice("554443332" if dice < 0.2 else "55544433")
        number = len(self.made.period_marks) + 1
        self.made.period_marks[number] = PeriodMark(number, student, course.id, period.id, kind, text, meaning, at)

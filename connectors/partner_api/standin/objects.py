"""An institution of the synthetic region in the words of the partner API: the stand-in's objects.

Shapes are those of the portal facts, sections 6 and 7, quirks included: identifiers beyond 2^53 with their twins, moments
of entry in UTC without a zone, lists that are null.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from connectors.standins.region import Absence, Group, Institution, Lesson, Mark, Period, PeriodMark, Person, Work

Json = dict[str, Any]

SCHOOL: Final = 1_000_000_000_000
PERSON: Final = 1_000_001_000_000
USER: Final = 1_000_002_000_000
WORK_TYPE: Final = 1_700_000_000_000_000_000
SUBJECT: Final = 1_900_000_000_000_000_000
GROUP: Final = 2_100_000_000_000_000_000
PERIOD: Final = 2_200_000_000_000_000_000
LESSON: Final = 2_300_000_000_000_000_000
WORK: Final = 2_400_000_000_000_000_000
HOMEWORK: Final = 2_410_000_000_000_000_000
PERIOD_WORK: Final = 2_490_000_000_000_000_000
MARK: Final = 2_500_000_000_000_000_000
PERIOD_MARK: Final = 2_590_000_000_000_000_000
YEAR: Final = 99
"""The number of the year's period, where the stand-in is told to list it."""

WORK_TYPES: Final = (
    ("CommonWork", "Ответ на уроке", "ОТВ", 1),
    ("DefaultNewLessonWork", "Работа на уроке", "РНУ", 1),
    ("Homework", "Домашняя работа", "ДЗ", 1),
    ("LessonTestWork", "Контрольная работа", "КР", 1),
    ("IndependentWork", "Самостоятельная работа", "СР", 2),
    ("LaboratoryWork", "Лабораторная работа", "ЛР", 2),
    ("PeriodMark", "Отметка за период", "П", 1),
    ("PeriodFinalMark", "Итоговая отметка", "И", 1),
    ("Exam", "Экзамен", "Э", 1),
)
_TYPE_OF_WORK: Final = {"control": 4, "written": 5, "laboratory": 6, "homework": 3}
_TYPE_OF_PERIOD: Final = {"period": 7, "year": 7, "final": 8, "exam": 9}
_PERIOD_TYPES: Final = {"quarter": "Quarter", "half_year": "HalfYear", "semester": "Semester", "year": "Year"}
_MARK_TYPES: Final = {
    "grade": "Mark5",
    "exempt": "MarkDismiss",
    "credit": "Test",
    "no_credit": "Test",
    "not_attested": "MarkNA",
}
STATUSES: Final = {"absent": "Absent", "ill": "Ill", "late": "Late", "excused": "Pass"}
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def ids(name: str, number: int | None) -> Json:
    """An identifier and its twin; both null where there is none."""
    return {name: number, f"{name}_str": None if number is None else str(number)}


def midnight(day: date) -> str:
    return f"{day}T00:00:00"


def moment(at: datetime, number: int) -> str:
    """A moment of entry: UTC without a zone, with a fraction of one to seven digits that the entry's number makes."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{fraction(number)}"


def fraction(number: int) -> str:
    """Digits after the second, as the platform prints them: without zeros at the end, but one digit at least."""
    return f"{number * 7919 % 10_000_000:07d}".rstrip("0") or "0"


def type_number(work: Work) -> int:
    """Which kind of work (from 1, see `WORK_TYPES`) a work is; the plain answer has two."""
    return _TYPE_OF_WORK.get(work.kind) or 1 + work.lesson % 2


def homework_parts(text: str) -> list[str]:
    """The homework of a lesson as the works that hold it: an even paragraph and its exercise stand in two."""
    first, _, second = text.partition(", ")
    return [first, second] if second and first[-1] in "02468" else [text]


class Objects:
    """The objects of one institution."""

    def __init__(self, made: Institution, *, lists_year: bool) -> None:
        self.made = made
        self.lists_year = lists_year

    # -- people --------------------------------------------------------------------------------------------------

    def person(self, one: Person) -> Json:
        return {
            **ids("id", PERSON + one.id),
            **ids("userId", USER + one.id),
            **self._names(one),
            "sex": "Female" if one.sex == "f" else "Male",
        }

    def _names(self, one: Person) -> Json:
        short = f"{one.family} {one.given[0]}." + (f" {one.patronymic[0]}." if one.patronymic else "")
        return {"firstName": one.given, "lastName": one.family, "middleName": one.patronymic, "shortName": short}

    def user(self, one: Person, roles: list[str]) -> Json:
        return {
            **ids("id", USER + one.id),
            **ids("personId", PERSON + one.id),
            **self._names(one),
            "name": None,
            "email": None,
            "login": None,
            "fullName": one.full_name,
            "locale": "ru-RU",
            "timezone": f"{self.made.now:%z}"[1:3] + ":00",
            "sex": "Female" if one.sex == "f" else "Male",
            "photoSmall": None,
            "photoMedium": None,
            "photoLarge": None,
            "birthday": midnight(one.birth),
            "roles": roles,
            "phone": None,
        }

    def teacher(self, one: Person) -> Json:
        """An entry of the staff list, in PascalCase; what is empty is an empty string."""
        made = self.made
        taught = [c for c in made.courses.values() if one.id in c.teachers]
        subjects = dict.fromkeys(made.subjects[c.subject].name for c in taught)
        names = self._names(one)
        return {
            "Id": PERSON + one.id,
            "IdStr": str(PERSON + one.id),
            "UserId": USER + one.id,
            "UserIdStr": str(USER + one.id),
            "FirstName": one.given,
            "LastName": one.family,
            "MiddleName": one.patronymic or "",
            "ShortName": names["shortName"],
            "Sex": "Female" if one.sex == "f" else "Male",
            "DateBirth": midnight(one.birth),
            "Email": "",
            "Subjects": ", ".join(subjects),
            "HouseMaster": any(g.curator == one.id for g in made.groups.values()),
            "Education": "",
            "ScientificDegree": "",
            "StartDate": "2015-09-01T00:00:00",
            "PedagogicalActivityDate": "2010-09-01T00:00:00",
            "ManagingEmployee": False,
            "NameManagingPosition": "",
            "TeachingStaff": True,
            "NameTeacherPosition": one.position or "",
            "TrainingAndSupportStaff": False,
            "ServicePersonnel": False,
            "MedicalWorker": False,
            "NameMedicalPosition": "",
            "ExternalPartTime": False,
        }

    # -- the school ----------------------------------------------------------------------------------------------

    def school(self) -> Json:
        made = self.made
        return {
            **self.short_school(),
            "fullName": made.name,
            "avatarSmall": None,
            "city": "Учебный",
            "municipality": None,
            "regionid": 99,
            "markType": "Mark5",
            "timeZone": 3,
            "uses_avg": True,
            "uses_weighted_avg": True,
        }

    def short_school(self) -> Json:
        return {
            **ids("id", SCHOOL + self.made.id),
            "name": self.made.short,
            "educationType": "General",
            "tsoCityId": None,
            "tsoRegionTreePath": None,
        }

    def group(self, one: Group) -> Json:
        parents = [GROUP + p for p in self.parents(one)]
        return {
            **ids("id", GROUP + one.id),
            "parentIds": parents,
            "parentIds_str": [str(p) for p in parents],
            "type": "Group" if one.kind in {"class", "study_group"} else "Subgroup",
            "name": one.name,
            "fullName": one.name,
            "parallel": one.level,
            **ids("timetable", 31),
            "status": "Active",
            "studyyear": self.made.year.first,
            "educationType": "General",
            "journaltype": "Common",
            "subjects": None if one.parent else [self.subject(c.subject) for c in self.made.courses_of(one.id)],
        }

    def parents(self, one: Group) -> list[int]:
        """The class of a subgroup; the classes from which a metagroup is drawn."""
        if one.kind == "metagroup":
            people = {m.person for m in one.members}
            return [g.id for g in self.made.classes() if any(m.person in people for m in g.members)]
        return [one.parent] if one.parent else []

    def subject(self, number: int) -> Json:
        return {
            **ids("id", SUBJECT + number),
            "name": self.made.subjects[number].name,
            "knowledgeArea": "Common",
            "fgosSubjectId": None,
        }

    def work_type(self, number: int) -> Json:
        kind, title, abbr, weight = WORK_TYPES[number - 1]
        return {
            **ids("id", WORK_TYPE + number),
            "schoolId": SCHOOL + self.made.id,
            "kindId": number,
            "kind": kind,
            "title": title,
            "abbr": abbr,
            "weight": weight,
        }

    def timetable(self, group: Group | None) -> Json:
        """Bells by the lessons that there are; with an item before the first lesson, which is none."""
        first = midnight(self.made.year.start)
        courses = self.made.courses_of(group.id, with_parts=True) if group else self.made.courses.values()
        bells = {x.number: (x.starts, x.ends) for x in self.made.lessons_of(c.id for c in courses)}
        items: list[Json] = [
            {"Id": 100, "Start": f"{first[:11]}08:00:00", "Finish": f"{first[:11]}08:20:00", "Name": "Зарядка",
             "Type": "Event", "DaysOfWeek": list(WEEKDAYS), "LessonNumber": 0}
        ]  # fmt: skip
        for number, (start, end) in sorted(bells.items()):
            item = {
                "Id": number,
                "Start": f"{first[:11]}{start:%H:%M:%S}",
                "Finish": f"{first[:11]}{end:%H:%M:%S}",
                "Name": f"{number} урок",
                "Type": "Lesson",
                "DaysOfWeek": list(WEEKDAYS),
                "LessonNumber": number,
            }
            items.append(item)
        return {"Name": "Основное", "Start": first, "FirstLessonNumber": 1, "Items": items}

    def periods(self, group: Group) -> list[Json]:
        """The periods of a class: numbered from 0, later ones first; the year only if the stand-in was told so."""
        found = [self._period(p, n) for n, p in enumerate(self.made.periods_of(group))]
        if self.lists_year:
            start, end = found[0]["start"], found[-1]["finish"]
            of_level = YEAR + group.level
            year = {"start": start, "finish": end, "number": 0, "type": "Year", "name": "Год"}
            found.append({**ids("id", PERIOD + of_level), **year, "year": self.made.year.first})
        return found[::-1]

    def _period(self, one: Period, number: int) -> Json:
        return {
            **ids("id", PERIOD + one.id),
            "start": midnight(one.start),
            "finish": midnight(one.end),
            "number": number,
            "type": _PERIOD_TYPES[one.kind],
            "name": one.name,
            "year": self.made.year.first,
        }

    # -- the journal ---------------------------------------------------------------------------------------------

    def lesson(self, one: Lesson) -> Json:
        course = self.made.courses[one.course]
        return {
            **ids("id", LESSON + one.id),
            "title": one.topic,
            "date": midnight(one.date),
            "number": one.number,
            "subject": self.subject(course.subject),
            "group": GROUP + course.group,
            "status": "InPlan",
            "resultPlaceId": None,
            "works": self.works(one),
            "teachers": [PERSON + one.teacher],
            "teachers_str": [str(PERSON + one.teacher)],
        }

    def short_lesson(self, one: Lesson) -> Json:
        works = self.works(one)
        return {
            "id": LESSON + one.id,
            "title": one.topic,
            "date": midnight(one.date),
            "number": one.number,
            "subjectId": SUBJECT + self.made.courses[one.course].subject,
            "status": "InPlan",
            "resultPlaceId": 0,
            "building": "",
            "place": one.room,
            "floor": "",
            "hours": f"{one.starts:%H:%M} - {one.ends:%H:%M}",
            "works": [w["id"] for w in works],
            "teachers": [PERSON + one.teacher],
        }

    def works(self, lesson: Lesson) -> list[Json]:
        """Every work of a lesson, homework included."""
        found = [self._plain_work(lesson, w) for w in self.made.works_of(lesson.id)]
        return found + list(self._homeworks(lesson))

    def _plain_work(self, lesson: Lesson, one: Work) -> Json:
        places = [m.number for m in self.made.marks_of(one.id)]
        text = one.title if one.kind in {"written", "laboratory"} else None
        return {
            **self._work(WORK + one.id, type_number(one), lesson),
            "markCount": max(places, default=1),
            "text": text,
            "targetDate": midnight(lesson.date),
            "files": [],
            "oneDriveLinks": [],
        }

    def _homeworks(self, lesson: Lesson) -> Iterator[Json]:
        if not lesson.homework or not lesson.homework_at:
            return
        for place, part in enumerate(homework_parts(lesson.homework)):
            yield {
                **self._work(HOMEWORK + 2 * lesson.id + place, 3, lesson),
                "markCount": 1,
                "displayInJournal": False,
                "text": part,
                "targetDate": midnight(self.due(lesson)),
                "sentDate": moment(lesson.homework_at + timedelta(minutes=place), lesson.id + place),
                "files": None,
                "oneDriveLinks": None,
            }

    def due(self, lesson: Lesson) -> date:
        """Homework is due at the next lesson of the course."""
        later = (x.date for x in self.made.lessons_of([lesson.course], lesson.date) if x.date > lesson.date)
        return next(later, lesson.date)

    def _work(self, key: int, kind: int, lesson: Lesson) -> Json:
        course = self.made.courses[lesson.course]
        return {
            **ids("id", key),
            "type": WORK_TYPES[kind - 1][0],
            "workType": WORK_TYPE + kind,
            "markType": "Mark5",
            **ids("lesson", LESSON + lesson.id),
            "displayInJournal": True,
            "status": "New",
            **ids("eduGroup", GROUP + course.group),
            "tasks": [],
            "periodNumber": 0,
            "periodType": "Quarter",
            "subjectId": SUBJECT + course.subject,
            "isImportant": False,
            "sentDate": None,
            "createdBy": PERSON + lesson.teacher,
        }

    def mark(self, one: Mark) -> Json:
        work = self.made.works[one.work]
        return {
            **ids("id", MARK + one.id),
            **self._value(one.text, one.type, one.id),
            **ids("person", PERSON + one.student),
            **ids("work", WORK + one.work),
            **ids("lesson", LESSON + work.lesson),
            "number": one.number,
            "date": moment(one.at, one.id),
            "workType": WORK_TYPE + type_number(work),
            "mood": "Good",
            "use_avg_calc": one.type == "grade",
        }

    def _value(self, text: str, kind: str, number: int) -> Json:
        """The type and text of a mark; a sign may stand in `value` too."""
        value = {"exempt": "О", "not_attested": "Н"}.get(kind, text if number % 2 else text.rstrip("+-"))
        return {"type": _MARK_TYPES.get(kind, "Mark5"), "value": value, "textValue": text}

    def entries(self, lesson: Lesson) -> list[Json]:
        """The attendance log of a lesson: exceptions, and now and then someone who was expressly there."""
        found = [self._entry(lesson, a) for a in self.made.absences_of(lesson.id)]
        if present := self.expressly_present(lesson):
            student, at = present
            found.append(self._row(lesson, student, "Attend", "", moment(at, lesson.id)))
        return found

    def _entry(self, lesson: Lesson, one: Absence) -> Json:
        return self._row(lesson, one.student, STATUSES[one.status], self.comment(one), moment(one.at, one.id))

    def comment(self, one: Absence) -> str:
        """What the teacher wrote beside an absence; mostly nothing."""
        return "по заявлению" if one.status == "excused" and one.id % 2 else ""

    def expressly_present(self, lesson: Lesson) -> tuple[int, datetime] | None:
        """The pupil whose presence was noted at some lessons, and when."""
        if lesson.id % 20 or not lesson.recorded_at:
            return None
        away = {a.student for a in self.made.absences_of(lesson.id)}
        pupils = self.made.pupils_of(self.made.courses[lesson.course], lesson.date)
        there = next((p for p in pupils if p not in away), None)
        return (there, lesson.recorded_at) if there else None

    def _row(self, lesson: Lesson, student: int, status: str, comment: str, at: str) -> Json:
        return {
            "person": PERSON + student,
            "lesson": LESSON + lesson.id,
            "person_str": str(PERSON + student),
            "lesson_str": str(LESSON + lesson.id),
            "comment": comment,
            "status": status,
            "createdDate": at,
        }

    # -- marks of periods ----------------------------------------------------------------------------------------

    def period_mark(self, one: PeriodMark) -> Json:
        return {
            **ids("id", PERIOD_MARK + one.id),
            **self._value(one.text, one.type, one.id),
            **ids("person", PERSON + one.student),
            **ids("work", PERIOD_WORK + one.id),
            **ids("lesson", None),
            "number": 1,
            "date": moment(one.at, one.id),
            "workType": WORK_TYPE + _TYPE_OF_PERIOD[one.kind],
            "mood": "Good",
            "use_avg_calc": False,
        }

    def period_work(self, one: PeriodMark) -> Json:
        """The work behind a mark of a period; its number counts from 0."""
        made = self.made
        course, period = made.courses[one.course], made.periods[one.period]
        group = made.groups[course.group]
        kind = _TYPE_OF_PERIOD[one.kind]
        home = made.class_of(one.student) if group.kind == "metagroup" else None
        places = [p.id for p in made.periods_of(home or group)]
        return {
            **ids("id", PERIOD_WORK + one.id),
            "type": WORK_TYPES[kind - 1][0],
            "workType": WORK_TYPE + kind,
            "markType": "Mark5",
            "markCount": 1,
            **ids("lesson", None),
            "displayInJournal": True,
            "status": "New",
            **ids("eduGroup", GROUP + group.id),
            "tasks": [],
            "text": None,
            "periodNumber": places.index(period.id) if period.id in places else 0,
            "periodType": _PERIOD_TYPES[period.kind],
            "subjectId": SUBJECT + course.subject,
            "isImportant": True,
            "targetDate": midnight(period.end),
            "sentDate": None,
            "createdBy": PERSON + course.teachers[0],
            "files": None,
            "oneDriveLinks": None,
        }

"""What a table of a layout can hold: its kinds, the fields of each, and how a field's cells are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of table. `fields` is name -> how its cells are read; `needs` names fields of which one must be given.

    `entity` is what a row makes, or a cell of a table with columns across; what is broken beyond recognition stands in
    quarantine as one of these.
    """

    entity: str
    fields: Mapping[str, str]
    needs: tuple[tuple[str, ...], ...]


_AROUND: Final[Mapping[str, str]] = {
    "academic_year": "academic_year",
    "dates": "dates",
    "group": "group",
    "level": "integer",
    "curator": "person",
    "department": "text",
    "speciality_code": "text",
    "speciality_name": "text",
}
"""What may be said of any table: the year, the days that it covers, the group and what is known of it."""

_STUDENT: Final[Mapping[str, str]] = {
    "student": "person",
    "family_name": "text",
    "given_name": "text",
    "patronymic": "text",
    "student_key": "text",
    "birth_date": "date",
    "sex": "sex",
    "snils": "text",
}
_COURSE: Final[Mapping[str, str]] = {
    "subject": "subject",
    "short_name": "text",
    "subject_kind": "subject_kind",
    "teacher": "people",
    "planned_hours": "number",
}
_ONE_STUDENT: Final = ("student", "family_name", "student_key")

KINDS: Final[Mapping[str, Kind]] = {
    "contingent": Kind(
        "people",
        {
            **_AROUND,
            **_STUDENT,
            "status": "status",
            "start": "date",
            "end": "date",
            "order_number": "text",
        },
        (_ONE_STUDENT, ("group",)),
    ),
    "staff": Kind(
        "people",
        {
            "name": "person",
            "family_name": "text",
            "given_name": "text",
            "patronymic": "text",
            "position": "text",
            "birth_date": "date",
            "sex": "sex",
            "snils": "text",
            "academic_year": "academic_year",
        },
        (("name", "family_name"),),
    ),
    "courses": Kind("courses", {**_AROUND, **_COURSE}, (("group",), ("subject",))),
    "plan": Kind(
        "planned_topics",
        {
            **_AROUND,
            **_COURSE,
            "period": "period",
            "number": "integer",
            "title": "text",
            "hours": "number",
            "kind": "lesson_kind",
            "planned_on": "date",
            "homework": "text",
        },
        (("group",), ("subject",), ("title",)),
    ),
    "lessons": Kind(
        "lessons",
        {
            **_AROUND,
            **_COURSE,
            "period": "period",
            "date": "date",
            "week": "date",
            "weekday": "weekday",
            "parity": "parity",
            "number": "integer",
            "times": "times",
            "starts_at": "time",
            "ends_at": "time",
            "room": "text",
            "status": "lesson_status",
            "kind": "lesson_kind",
            "hours": "number",
            "topic": "text",
            "homework": "text",
        },
        (("group",), ("subject",), ("date", "weekday")),
    ),
    "marks": Kind(
        "marks",
        {
            **_AROUND,
            **_STUDENT,
            **_COURSE,
            "period": "period",
            "date": "date",
            "month": "month",
            "number": "integer",
            "work": "text",
            "title": "text",
            "weight": "number",
            "marks": "cell",
            "comment": "text",
        },
        (("group",), ("subject",), _ONE_STUDENT, ("date",), ("marks",)),
    ),
    "period_marks": Kind(
        "period_marks",
        {**_AROUND, **_STUDENT, **_COURSE, "period": "period", "value": "mark"},
        (("group",), ("subject",), _ONE_STUDENT, ("period",), ("value",)),
    ),
    "attestations": Kind(
        "attestations",
        {
            **_AROUND,
            **_STUDENT,
            **_COURSE,
            "kind": "attestation_kind",
            "title": "text",
            "held_on": "date",
            "value": "mark",
        },
        (("group",), ("subject",), _ONE_STUDENT, ("value",)),
    ),
}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "parity": {
        "нечетная": "odd",
        "нечетная неделя": "odd",
        "нечет": "odd",
        "числитель": "odd",
        "числ": "odd",
        "верхняя": "odd",
        "1": "odd",
        "1 неделя": "odd",
        "i": "odd",
        "четная": "even",
        "четная неделя": "even",
        "чет": "even",
        "знаменатель": "even",
        "знам": "even",
        "нижняя": "even",
        "2": "even",
        "2 неделя": "even",
        "ii": "even",
    },
    "sex": {"м": "m", "муж": "m", "мужской": "m", "ж": "f", "жен": "f", "женский": "f"},
    "status": {
        "обучается": "enrolled",
        "учится": "enrolled",
        "зачислен": "enrolled",
        "зачислена": "enrolled",
        "отчислен": "expelled",
        "отчислена": "expelled",
        "выбыл": "expelled",
        "выбыла": "expelled",
        "переведен": "transferred",
        "переведена": "transferred",
        "академический отпуск": "academic_leave",
        "академ": "academic_leave",
        "восстановлен": "restored",
        "восстановлена": "restored",
        "выпущен": "graduated",
        "выпущена": "graduated",
        "выпускник": "graduated",
    },
    "lesson_status": {
        "по плану": "planned",
        "запланирован": "planned",
        "проведен": "held",
        "проведено": "held",
        "состоялся": "held",
        "отменен": "cancelled",
        "отменено": "cancelled",
        "снят": "cancelled",
    },
    "lesson_kind": {
        "урок": "theory",
        "теория": "theory",
        "теоретическое занятие": "theory",
        "лекция": "theory",
        "практическое занятие": "practical",
        "практическая работа": "practical",
        "лабораторная работа": "laboratory",
        "лабораторное занятие": "laboratory",
        "контрольная работа": "control",
        "контроль": "control",
        "консультация": "consultation",
        "практика": "practice",
        "учебная практика": "practice",
        "производственная практика": "practice",
        "экзамен": "exam",
    },
    "subject_kind": {
        "предмет": "subject",
        "дисциплина": "discipline",
        "модуль": "module",
        "профессиональный модуль": "module",
        "мдк": "mdk",
        "практика": "practice",
    },
    "attestation_kind": {
        "зачет": "credit",
        "зачеты": "credit",
        "дифференцированный зачет": "graded_credit",
        "дифференцированные зачеты": "graded_credit",
        "диф. зачет": "graded_credit",
        "дифф. зачет": "graded_credit",
        "дифф. зачеты": "graded_credit",
        "дз": "graded_credit",
        "экзамен": "exam",
        "экзамены": "exam",
        "курсовая работа": "coursework",
        "курсовые работы": "coursework",
        "курсовой проект": "coursework",
        "квалиф. экзамен по пм": "qualification_exam",
        "квалиф. экзамены по пм": "qualification_exam",
        "практика": "practice",
        "квалификационный экзамен": "qualification_exam",
        "защита вкр": "thesis",
        "вкр": "thesis",
        "гиа": "state_exam",
    },
}
"""Words that staff write, as canonical words. Case, ё and е, and a full stop at the end make no difference."""

ABSENCE: Final[Mapping[str, str]] = {
    "н": "absent",
    "нп": "absent",
    "от": "absent",
    "у": "excused",
    "уп": "excused",
    "п": "excused",
    "б": "ill",
    "о": "late",
    "оп": "late",
}
"""Letters of attendance in a cell of a journal (canonical.md; portal facts, Dnevnik.ru and АСУ РСО B5)."""

DEBT: Final = ("•", "·", ".", "∙")
"""Signs of a work that is still to be handed in."""

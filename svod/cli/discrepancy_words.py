"""The words in which staff read of discrepancies."""

from __future__ import annotations

from typing import Final

ENTITY: Final = {
    "people": "человек",
    "groups": "группа",
    "enrolments": "состав группы",
    "subjects": "предмет",
    "periods": "период",
    "courses": "курс",
    "lessons": "урок",
    "attendance": "посещаемость",
    "marks": "отметка",
    "period_marks": "итоговая отметка",
}
STATE: Final = {
    "new": "новое",
    "confirmed": "подтверждено",
    "back": "вернулось",
    "accepted": "принято",
    "resolved": "исправлено",
    "fixed": "закрыто",
}
FIELD: Final = {
    "family_name": "фамилия",
    "given_name": "имя",
    "patronymic": "отчество",
    "birth_date": "дата рождения",
    "sex": "пол",
    "position": "должность",
    "snils": "СНИЛС",
    "level": "класс или курс",
    "speciality_code": "код специальности",
    "speciality_name": "специальность",
    "department": "отделение",
    "curator": "куратор",
    "status": "состояние",
    "start": "начало",
    "end": "конец",
    "teachers": "преподаватели",
    "planned_hours": "часов по плану",
    "topic": "тема",
    "homework": "домашнее задание",
    "teacher": "преподаватель",
    "kind": "вид занятия",
    "hours": "часов",
    "room": "кабинет",
    "starts_at": "время",
    "number": "номер урока",
    "minutes_late": "минут опоздания",
    "reason": "причина",
    "value": "значение",
}
_PARTS: Final = {"family name": "фамилия", "given name": "имя", "patronymic": "отчество", "birth date": "дата рождения"}
_EVIDENCE: Final = {
    **{f"{part} same": f"{word}: совпадает" for part, word in _PARTS.items()},
    **{f"{part} nearly same": f"{word}: почти совпадает" for part, word in _PARTS.items()},
    **{f"{part} an initial": f"{word}: инициал подходит" for part, word in _PARTS.items()},
    **{
        f"another {part}": f"{word}: другое" if part in {"given name", "patronymic"} else f"{word}: другая"
        for part, word in _PARTS.items()
    },
    "part of the family name": "фамилия: совпадает часть двойной",
    "part of the given name": "имя: совпадает часть двойного",
    "patronymic in another form": "отчество: то же, иначе записано",
    "family and given name swapped": "фамилия и имя переставлены",
    "another sex": "пол: другой",
    "snils same": "СНИЛС: совпадает",
    "another snils": "СНИЛС: другой",
    "group same": "группа: та же",
    "another group": "группа: другая",
}
_STATUS: Final = {
    "planned": "запланирован",
    "held": "проведён",
    "cancelled": "отменён",
    "present": "присутствовал",
    "absent": "отсутствовал",
    "excused": "уважительная причина",
    "ill": "болел",
    "late": "опоздал",
    "exempt": "освобождён",
    "enrolled": "числится",
    "expelled": "отчислен",
    "transferred": "переведён",
    "academic_leave": "академический отпуск",
    "restored": "восстановлен",
    "graduated": "выпущен",
    "ended": "выбыл",
}
_LESSON_KIND: Final = {
    "theory": "теория",
    "practical": "практическое",
    "laboratory": "лабораторное",
    "control": "контрольное",
    "consultation": "консультация",
    "practice": "практика",
    "exam": "экзамен",
    "other": "другое",
}
_SEX: Final = {"f": "женский", "m": "мужской"}


def evidence(how: str) -> str:
    """What speaks for and against two records' being one person (`reconcile.evidence`)."""
    return ", ".join(_EVIDENCE.get(part, part) for part in how.split(", "))


def value_said(entity: str, field: str | None, value: str) -> str:
    """A value of a discrepancy; of words of the canonical vocabulary what they mean."""
    if field == "kind":
        return _LESSON_KIND.get(value, value)
    if field == "sex":
        return _SEX.get(value, value)
    if field == "status" or (field is None and entity in {"attendance", "enrolments"}):
        return _STATUS.get(value, value)
    return value

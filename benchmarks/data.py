"""Makes the data of the benchmarks: a year of many classes as canonical NDJSON, and the same with some of it edited."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

PUPILS, SUBJECTS = 25, 12
MARKS_A_WORK = 4
ABSENCES_A_LESSON = 2


def entities(marks: int) -> dict[str, Iterator[dict[str, Any]]]:
    """The records of each entity, in an order in which references point back."""
    lessons = marks // MARKS_A_WORK
    classes = max(1, lessons // (SUBJECTS * 44))
    return {
        "people": people(classes),
        "groups": (
            {
                "key": f"g{c}",
                "academic_year": "2026/2027",
                "name": f"{c % 11 + 1}А",
                "kind": "class",
                "level": c % 11 + 1,
            }
            for c in range(classes)
        ),
        "subjects": ({"key": f"s{n}", "name": f"Предмет {n}", "kind": "subject"} for n in range(SUBJECTS)),
        "courses": (
            {
                "key": f"c{n}",
                "group": f"g{n // SUBJECTS}",
                "subject": f"s{n % SUBJECTS}",
                "teachers": [f"t{n % SUBJECTS}"],
            }
            for n in range(classes * SUBJECTS)
        ),
        "lessons": (lesson(n, classes) for n in range(lessons)),
        "works": (
            {
                "key": f"w{n}",
                "lesson": f"l{n}",
                "course": course(n, classes),
                "kind": "Ответ на уроке",
                "control": "oral",
                "weight": 1,
            }
            for n in range(lessons)
        ),
        "marks": (mark(n, classes) for n in range(marks)),
        "attendance": (absence(n, classes) for n in range(int(lessons * ABSENCES_A_LESSON))),
    }


def people(classes: int) -> Iterator[dict[str, Any]]:
    for n in range(classes * PUPILS):
        yield {"key": f"p{n}", "role": "student", "family_name": f"Тестов{n}", "given_name": "Пример", "birth_date": "2012-05-17", "sex": "m"}  # fmt: skip
    for n in range(SUBJECTS):
        yield {"key": f"t{n}", "role": "staff", "family_name": f"Образцова{n}", "given_name": "Вера"}


def course(lesson: int, classes: int) -> str:
    return f"c{lesson % (classes * SUBJECTS)}"


def day(lesson: int, classes: int) -> str:
    return (date(2026, 9, 1) + timedelta(days=lesson // (classes * SUBJECTS) * 6 % 270)).isoformat()


def lesson(n: int, classes: int) -> dict[str, Any]:
    when = day(n, classes)
    return {
        "key": f"l{n}", "course": course(n, classes), "date": when, "number": n % 6 + 1,
        "starts_at": f"{when}T08:30:00+03:00", "ends_at": f"{when}T09:15:00+03:00", "status": "held",
        "topic": f"Тема урока {n % 97}", "homework": f"§ {n % 60}, упр. {n % 200}",
        "homework_at": f"{when}T14:02:11+03:00", "recorded_at": f"{when}T09:10:00+03:00",
    }  # fmt: skip


def pupil(lesson: int, nth: int, classes: int) -> str:
    group = lesson % (classes * SUBJECTS) // SUBJECTS
    return f"p{group * PUPILS + (lesson * 7 + nth * 5) % PUPILS}"


def mark(n: int, classes: int) -> dict[str, Any]:
    of, nth = divmod(n, MARKS_A_WORK)
    grade = 2 + (n * 2654435761 >> 7) % 4
    return {
        "key": str(2_500_000_000_000_000_000 + n), "work": f"w{of}", "student": pupil(of, nth, classes), "value": str(grade),
        "grade": grade, "meaning": "grade", "recorded_at": f"{day(of, classes)}T09:{n % 60:02}:{n // 60 % 60:02}+03:00",
    }  # fmt: skip


def absence(n: int, classes: int) -> dict[str, Any]:
    of, nth = divmod(n, ABSENCES_A_LESSON)
    student = pupil(of, nth + 5, classes)
    return {
        "key": f"l{of}:{student}", "lesson": f"l{of}", "student": student,
        "status": ("absent", "ill", "excused")[n % 3], "recorded_at": f"{day(of, classes)}T08:40:00+03:00",
    }  # fmt: skip


def edited(entity: str, record: dict[str, Any], rng: random.Random, share: float) -> dict[str, Any]:
    """The record, or with a chance of `share` the record as somebody has changed it."""
    if rng.random() >= share:
        return record
    changes: dict[str, dict[str, Any]] = {
        "marks": {"value": "5-", "grade": 5, "recorded_at": "2026-12-01T10:00:00+03:00"},
        "lessons": {"topic": "Другая тема"},
        "works": {"weight": 2},
        "attendance": {"status": "late"},
    }
    return {**record, **changes.get(entity, {})}


def write(folder: Path, marks: int, *, share: float = 0.0) -> int:
    """Writes a folder of `<entity>.ndjson`; gives the number of records."""
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    rng = random.Random(5)
    for entity, records in entities(marks).items():
        with (folder / f"{entity}.ndjson").open("w", encoding="utf-8") as file:
            for record in records:
                said = edited(entity, record, rng, share) if share else record
                file.write(json.dumps(said, ensure_ascii=False) + "\n")
                total += 1
    return total


def prepare(root: Path, marks: int) -> tuple[Path, Path, int]:
    """The data and its edited twin below `root`, made if they are not there; and how many records each holds."""
    first, second, note = root / f"m{marks}", root / f"m{marks}-changed", root / f"m{marks}.count"
    if not note.exists():
        total = write(first, marks)
        write(second, marks, share=0.01)
        note.write_text(str(total), encoding="utf-8")
    return first, second, int(note.read_text(encoding="utf-8"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--marks", type=int, default=1_000_000)
    parser.add_argument("--share", type=float, default=0.0, help="the share of records that are edited")
    said = parser.parse_args()
    print(write(said.folder, said.marks, share=said.share))

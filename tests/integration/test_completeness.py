"""`svod completeness`, `findings` and `rules`, as a user calls them; and the synthetic region against an oracle of its own."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from canonical.entities import Record
from connectors.standins.region import Institution, Lesson, make_institution
from tests.judged import CLASS, PUPIL_NAMES, lesson, marked
from tests.region_records import records_of
from tests.sites import Installation, write_folder

Said = Counter[tuple[str, str | None, str | None, str | None]]
"""Rule, lesson, pupil and period of findings."""

FINDING = ["id", "rule", "clause", "severity", "institution", "source", "group", "subject", "teacher", "lesson", "student",
           "period", "due_at", "overdue_hours", "message", "state"]  # fmt: skip
FILL = ["institution", "group", "subject", "teacher", "lessons_due", "lessons_filled", "rate"]


# -- the region, and what must be found in it ------------------------------------------------------------------------


class Oracle:
    """What an act demands, worked out from the region itself, by code of its own."""

    def __init__(self, made: Institution) -> None:
        self.made = made
        self.today = made.now.date()

    def subject(self, lesson: Lesson) -> str:
        return self.made.subjects[self.made.courses[lesson.course].subject].name

    def level(self, lesson: Lesson) -> int:
        return self.made.groups[self.made.courses[lesson.course].group].level

    def lessons(self) -> Said:
        said: Said = Counter()
        for x in self.made.lessons.values():
            if x.date >= self.today or x.cancelled:
                continue
            if x.recorded_at is None:
                said["lesson.unrecorded", str(x.id), None, None] += 1
            elif x.topic is None:
                said["lesson.topic_missing", str(x.id), None, None] += 1
        return said

    def late_marks(self) -> Said:
        said: Said = Counter()
        for mark in self.made.marks.values():
            lesson = self.made.lessons[self.made.works[mark.work].lesson]
            if mark.at.date() > lesson.date:
                said["mark.late", str(lesson.id), str(mark.student), None] += 1
        return said

    def marks_that_should_not_be(self) -> Said:
        said: Said = Counter()
        for mark in self.made.marks.values():
            lesson = self.made.lessons[self.made.works[mark.work].lesson]
            if self.level(lesson) == 1:
                said["mark.in_grade_one", str(lesson.id), str(mark.student), None] += 1
            if mark.type == "exempt" and self.subject(lesson) == "Физическая культура":
                said["mark.exempt_entry", str(lesson.id), str(mark.student), None] += 1
        for given in self.made.period_marks.values():
            name = self.made.subjects[self.made.courses[given.course].subject].name
            if given.type == "exempt" and name == "Физическая культура":
                said["mark.exempt_entry", None, str(given.student), str(given.period)] += 1
        return said

    def homework(self) -> Said:
        said: Said = Counter()
        for x in self.made.lessons.values():
            if x.recorded_at is None or x.cancelled:
                continue
            group = self.made.groups[self.made.courses[x.course].group]
            family = {group.parent or group.id}
            family |= {g.id for g in self.made.groups.values() if g.parent in family}
            ends = [
                y.ends
                for y in self.made.lessons.values()
                if y.date == x.date and not y.cancelled and self.made.courses[y.course].group in family
            ]
            due = max(ends) + timedelta(hours=4)
            if x.homework is None and due <= self.made.now:
                said["homework.missing", str(x.id), None, None] += 1
            elif x.homework_at and x.homework_at > due:
                said["homework.late", str(x.id), None, None] += 1
        return said

    def foreign(self) -> Said:
        return Counter(
            ("record.not_russian", str(x.id), None, None)
            for x in self.made.lessons.values()
            if x.topic == "Present Perfect" and x.recorded_at
        )

    def period_marks(self) -> Said:
        """Of periods that are over, or in their last week; the pupils of a metagroup by the periods of their class."""
        made = self.made
        given = {(m.student, made.courses[m.course].subject, m.period) for m in made.period_marks.values()}
        demanded = set()
        for course in made.courses.values():
            taught = [x.date for x in made.lessons_of([course.id]) if not x.cancelled]
            for period in made.periods.values():
                awaited = period.kind != "year" and period.end - timedelta(days=6) <= self.today
                last = min(period.end, self.today)
                if not awaited or not any(period.start <= day <= last for day in taught):
                    continue
                for student in made.pupils_of(course, last):
                    home = made.class_of(student, last)
                    if home and home.level in period.levels and not (made.kind == "school" and home.level == 1):
                        demanded.add((student, course.subject, period.id))
        return Counter(("period_mark.missing", None, str(s), str(p)) for s, _, p in demanded - given)

    def school(self) -> Said:
        parts = (self.lessons, self.late_marks, self.marks_that_should_not_be, self.foreign, self.period_marks)
        return sum((part() for part in parts), Counter())

    def college(self) -> Said:
        parts = (self.lessons, self.late_marks, self.homework, self.period_marks)
        return sum((part() for part in parts), Counter())


def said_by(document: dict[str, Any]) -> Said:
    return Counter((f["rule"], f["lesson"], f["student"], f["period"]) for f in document["findings"])


def install(folder: Path, made: Institution, rules: str, calendar: str) -> Installation:
    write_folder(folder / "drop", records_of(made))
    place = Installation(folder, now=made.now.isoformat())
    place.institution(made.key, kind=made.kind, rules=rules, calendar=calendar, timezone=made.zone.key)
    return place.source("f", "files", layout="canonical", path="drop")


@pytest.mark.parametrize(
    ("kind", "rules", "calendar", "now"),
    [
        ("school", "kru", "school-2026", "2026-11-20T18:00:00+03:00"),
        ("school", "kru", "school-2026", "2026-10-23T09:30:00+03:00"),
        ("college", "kolomna", "spo-2026", "2026-12-23T14:05:00+03:00"),
    ],
)
def test_the_region_is_judged_as_the_oracle_judges_it(
    tmp_path: Path, kind: Literal["school", "college"], rules: str, calendar: str, now: str
) -> None:
    made = make_institution("stand", kind, students=60, now=datetime.fromisoformat(now))
    place = install(tmp_path, made, rules, calendar)
    place.run("import")
    expected = getattr(Oracle(made), kind)()
    assert len({rule for rule, *_ in expected}) >= 6, "the region holds something of everything"
    document = place.json("completeness")
    assert said_by(document) == expected
    assert document["stale"] == []
    assert {f["state"] for f in document["findings"]} == {"new"}
    first = {f["id"] for f in document["findings"]}

    made.now += timedelta(days=3, hours=2)
    made.edit(seed=5)
    untitled = [x for x in made.lessons.values() if x.recorded_at and x.topic is None and x.date < made.now.date()]
    for filled in untitled[:3]:
        filled.topic = "Дроби"
    made.touched()
    write_folder(tmp_path / "drop", records_of(made))
    place.now = made.now.isoformat()
    place.run("import")
    expected = getattr(Oracle(made), kind)()
    document = place.json("completeness")
    assert said_by(document) == expected
    states = {f["id"]: f["state"] for f in document["findings"]}
    assert {states[key] for key in first & states.keys()} == {"confirmed"}
    assert {states[key] for key in states.keys() - first} == {"new"}
    (summary,) = document["institutions"]
    assert summary["states"]["fixed"] == len(first - states.keys()) > 0


def test_the_rates_of_the_region(tmp_path: Path) -> None:
    made = make_institution("stand", "school", students=40, now=datetime.fromisoformat("2026-11-20T18:00:00+03:00"))
    place = install(tmp_path, made, "kru", "school-2026")
    place.run("import")
    document = place.json("completeness")
    due = [x for x in made.lessons.values() if x.date < made.now.date() and not x.cancelled]
    filled = [x for x in due if x.recorded_at and x.topic]
    (total,) = document["totals"]["institution"]
    assert (total["lessons_due"], total["lessons_filled"]) == (len(due), len(filled))
    assert total["rate"] == round(len(filled) / len(due), 4)
    for part in (document["fill"], *(document["totals"][by] for by in ("group", "subject", "teacher"))):
        assert sum(r["lessons_due"] for r in part) == len(due)
        assert sum(r["lessons_filled"] for r in part) == len(filled)
    by_teacher = Counter(made.people[x.teacher].full_name for x in due)
    assert {r["teacher"]: r["lessons_due"] for r in document["totals"]["teacher"]} == by_teacher


# -- the command line ------------------------------------------------------------------------------------------------

RECORDS: list[Record] = [
    *CLASS,
    lesson("l1", status="planned"),
    lesson("l2", topic=None),
    lesson("l3"),
    *marked("m", of="l3", recorded_at="2026-09-10T10:00:00+03:00"),
    *marked("m2", of="l3", student="p2", recorded_at="2026-09-10T10:00:00+03:00"),
]


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    write_folder(tmp_path / "drop", RECORDS)
    made = Installation(tmp_path, now="2026-09-11T12:00:00+03:00").institution("a", rules="kru")
    made.source("f", "files", layout="canonical", path="drop")
    made.run("import")
    return made


def test_the_document_has_the_shape_of_the_contract(place: Installation) -> None:
    document = place.json("completeness")
    assert list(document)[:3] == ["as_of", "findings", "fill"]
    assert document["as_of"] == "2026-09-11T12:00:00+03:00"
    rules = Counter(f["rule"] for f in document["findings"])
    assert rules == {"lesson.unrecorded": 1, "lesson.topic_missing": 1, "mark.late": 2}
    for finding in document["findings"]:
        assert list(finding)[: len(FINDING)] == FINDING
    first = next(f for f in document["findings"] if f["rule"] == "lesson.unrecorded")
    assert {name: first[name] for name in FINDING if name != "id"} == {
        "rule": "lesson.unrecorded", "clause": "KRU 3.2", "severity": "error", "institution": "a", "source": "a/f",
        "group": "7А", "subject": "Алгебра", "teacher": "Образцова Вера Тестовна", "lesson": "l1", "student": None,
        "period": None, "due_at": "2026-09-09T00:00:00+03:00", "overdue_hours": 60.0,
        "message": "08.09.2026, 7А, Алгебра, 1-й урок: урок не записан в журнал", "state": "new",
    }  # fmt: skip
    assert [list(rate)[: len(FILL)] for rate in document["fill"]] == [FILL]
    assert (document["fill"][0]["lessons_due"], document["fill"][0]["lessons_filled"], document["fill"][0]["rate"]) == (3, 1, 0.3333)  # fmt: skip


def test_files_are_not_accused_of_what_they_have_no_column_for(tmp_path: Path) -> None:
    days = ("2026-09-08", "2026-09-09")
    write_folder(tmp_path / "drop", [*CLASS, *(lesson(f"l{day}", day=day, topic=None) for day in days)])
    place = Installation(tmp_path, now="2026-09-11T12:00:00+03:00").institution("a", rules="kru")
    place.source("f", "files", layout="canonical", path="drop").run("import")
    document = place.json("completeness")
    assert document["findings"] == []
    assert "lesson.topic_missing" in {s["rule"] for s in document["institutions"][0]["silent"]}

    write_folder(
        tmp_path / "drop", [lesson("l" + days[0], day=days[0], topic=None), lesson("l" + days[1], day=days[1])]
    )
    place.run("import")
    (finding,) = place.json("completeness")["findings"]
    assert (finding["rule"], finding["lesson"]) == ("lesson.topic_missing", "l" + days[0])


def test_people_get_tables(place: Installation) -> None:
    done = place.run("completeness")
    assert "урок не записан в журнал" in done.stdout
    assert "× 2" in done.stdout, "what says the same of two pupils stands on one line"
    assert "учитель Образцова Вера Тестовна" in done.stdout
    assert "KRU 3.2" in done.stdout
    assert "Заполненность по преподавателям" in done.stdout
    assert "33,3%" in done.stdout
    assert not any(name in done.stdout for name in PUPIL_NAMES)


def test_the_status_says_whether_somebody_must_act(place: Installation) -> None:
    for gravity, status in (("info", 3), ("warning", 3), ("error", 3)):
        place.run("completeness", "--fail-on", gravity, status=status)
    place.run("completeness", status=0)
    findings = place.json("findings", "list")["findings"]
    grave = next(f["id"] for f in findings if f["severity"] == "error")
    place.run("findings", "waive", grave, "--until", "2026-09-30", "--why", "болезнь")
    place.run("completeness", "--fail-on", "error", status=0)
    place.run("completeness", "--fail-on", "warning", status=3)
    done = place.run("completeness", "--fail-on", "fatal", status=2)
    assert "'fatal' is none of info, warning, error" in done.stderr


def test_the_days(place: Installation) -> None:
    assert place.json("completeness", "--since", "2026-09-09")["findings"] == []
    assert len(place.json("completeness", "--until", "2026-09-08")["findings"]) == 4
    assert "--since is later than --until" in place.run("completeness", "--since", "2026-09-09", "--until", "2026-09-08", status=2).stderr  # fmt: skip
    assert "is not a day" in place.run("completeness", "--since", "yesterday", status=2).stderr
    before = place.json("runs", "list")
    later = place.run("completeness", "--since", "2026-09-12", status=2).stderr
    assert "--since 2026-09-12 is later than the last day that can be judged, 2026-09-11" in later
    then = ("--as-of", "2026-09-08T12:00:00+03:00")
    assert "2026-09-08" in place.run("completeness", "--since", "2026-09-09", *then, status=2).stderr
    assert place.json("runs", "list") == before


def test_an_earlier_moment_and_as_of_are_only_told(place: Installation) -> None:
    place.run("completeness")
    place.now = "2026-09-09T12:00:00+03:00"
    done = place.run("--json", "completeness")
    document = json.loads(done.stdout)
    assert [s["stored"] for s in document["institutions"]] == [False]
    assert "уже есть проверка на более поздний момент (11.09.2026 12:00)" in done.stderr
    place.now = "2026-09-12T12:00:00+03:00"
    document = place.json("completeness", "--as-of", "2026-09-11T13:00:00+03:00")
    assert document["as_of"] == "2026-09-11T13:00:00+03:00"
    assert {f["state"] for f in document["findings"]} == {"confirmed"}
    assert {f["state"] for f in place.json("findings", "list")["findings"]} == {"new"}


def test_an_institution_without_a_journal_is_told(place: Installation) -> None:
    place.institution("empty")
    done = place.run("completeness")
    assert "empty: журнала за 01.09.2026 — 11.09.2026 в хранилище нет" in done.stderr
    assert "there is no institution 'emty'; did you mean 'empty'?" in place.run("completeness", "--institution", "emty", status=2).stderr  # fmt: skip
    assert place.json("completeness", "--institution", "empty")["findings"] == []
    assert len(place.json("completeness", "--institution", "a")["findings"]) == 4


def test_what_could_not_be_judged_is_told(place: Installation) -> None:
    place.now = "2026-09-30T12:00:00+03:00"
    done = place.run("completeness")
    title = "«Урок (занятие) не записан до конца своего дня» (lesson.unrecorded)"
    assert f"a: {title}: не проверено 1 за 08.09.2026: прочитано слишком давно" in done.stderr
    assert "Должно быть  Заполнено  Доля \n" in done.stdout
    assert place.run("-q", "completeness").stderr == ""


def test_what_the_source_cannot_say_and_lessons_that_cannot_be_told_are_told(tmp_path: Path) -> None:
    day = "2026-09-11"
    write_folder(tmp_path / "drop", [*CLASS, lesson("l1", status="planned"), lesson("l2", day)])
    made = Installation(tmp_path, now=f"{day}T12:00:00+03:00").institution("a", rules="tex")
    made.source("f", "files", layout="canonical", path="drop")
    made.run("import")
    silent = "a: «Посещаемость не отмечена» (attendance.not_taken): не проверяется: источник не сообщает"
    assert f"{silent} lessons.attendance_taken" in made.run("completeness").stderr
    write_folder(tmp_path / "drop", [lesson("l1", status="planned"), lesson("l2", day, attendance_taken=True)])
    made.run("import")
    assert silent not in made.run("completeness").stderr
    made.now = "2026-09-12T12:00:00+03:00"
    table = [line.split() for line in made.run("completeness").stdout.splitlines()]
    assert ["Должно", "быть", "Заполнено", "Доля", "Неизвестно"] in table
    assert ["a", "1", "0", "0,0%", "1"] in table


class TestFindings:
    def test_list_and_its_filters(self, place: Installation) -> None:
        assert place.json("findings", "list") == {"findings": []}
        place.run("completeness")
        for options, number in (
            ([], 4), (["--rule", "mark.late"], 2), (["--severity", "error"], 1), (["--severity", "info"], 4),
            (["--state", "new"], 4), (["--state", "fixed"], 0), (["--group", "7а"], 4),
            (["--teacher", "образцова"], 4), (["--teacher", "макетов"], 0), (["--institution", "a"], 4),
        ):  # fmt: skip
            assert len(place.json("findings", "list", *options)["findings"]) == number, options
        assert "урок не записан" in place.run("findings", "list").stdout
        assert "did you mean 'mark.late'" in place.run("findings", "list", "--rule", "mark.lat", status=2).stderr
        there = place.run("findings", "list", "--group", "8а", status=2).stderr
        assert "--group '8а': no journal here has such a class or group; there are: «7А»" in there
        assert "nobody of this name" in place.run("findings", "list", "--teacher", "небывалова", status=2).stderr
        assert "is none of new" in place.run("findings", "list", "--state", "old", status=2).stderr

    def test_what_is_closed_is_listed_when_it_is_asked_for(self, place: Installation) -> None:
        place.run("completeness")
        write_folder(place.folder / "drop", [r if r.key != "l1" else lesson("l1") for r in RECORDS])
        place.now = "2026-09-11T13:00:00+03:00"
        place.run("import")
        assert place.json("completeness")["institutions"][0]["states"] == {"new": 0, "confirmed": 3, "back": 0, "excused": 0, "fixed": 1}  # fmt: skip
        assert len(place.json("findings", "list")["findings"]) == 3
        (closed,) = place.json("findings", "list", "--state", "fixed")["findings"]
        assert (closed["lesson"], closed["closed_why"], closed["overdue_hours"]) == ("l1", "in_order", 61.0)
        assert len(place.json("findings", "list", "--all")["findings"]) == 4

    def test_show(self, place: Installation) -> None:
        place.run("completeness")
        key = place.json("findings", "list", "--rule", "lesson.unrecorded")["findings"][0]["id"]
        assert place.json("findings", "show", key[:8])["lesson"] == "l1"
        assert place.run("findings", "show", key).stdout.splitlines() == [
            f"Номер: {key}",
            "Замечание: 08.09.2026, 7А, Алгебра, 1-й урок: урок не записан в журнал",
            "Правило: lesson.unrecorded — Урок (занятие) не записан до конца своего дня",
            "Пункт: KRU 3.2",
            "Важность: нарушение",
            "Отвечает: учитель Образцова Вера Тестовна",
            "Состояние: новое",
            "Учреждение: a",
            "Источник: a/f",
            "Группа: 7А",
            "Предмет: Алгебра",
            "Преподаватель: Образцова Вера Тестовна",
            "Урок (ключ): l1",
            "Срок: 08.09.2026",
            "Просрочено, ч: 60",
            "Найдено впервые: 11.09.2026 12:00",
            "Найдено в последний раз: 11.09.2026 12:00",
        ]
        assert "замечания «zz» нет" in place.run("findings", "show", "zz", status=1).stderr

    def test_waive_and_lift(self, place: Installation) -> None:
        place.run("completeness")
        key = place.json("findings", "list", "--rule", "lesson.unrecorded")["findings"][0]["id"]
        done = place.run("findings", "waive", key, "--until", "2026-09-30", "--why", "  болезнь   учителя ")
        assert "снято до 30.09.2026" in done.stdout
        shown = place.json("findings", "show", key)
        assert (shown["state"], shown["waived_until"], shown["waived_why"]) == (
            "excused",
            "2026-09-30",
            "болезнь учителя",
        )
        states = {f["id"]: f["state"] for f in place.json("completeness")["findings"]}
        assert states[key] == "excused"
        place.run("findings", "waive", key, "--lift")
        assert place.json("findings", "show", key)["state"] == "confirmed"

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ([], "give --until and --why, or --lift"),
            (["--until", "2026-09-30"], "both --until and --why are needed"),
            (["--why", "x"], "both --until and --why are needed"),
            (["--until", "2026-09-30", "--why", " "], "both --until and --why are needed"),
            (["--until", "2026-09-10", "--why", "x"], "--until 2026-09-10 is over already"),
            (["--lift", "--why", "x"], "give --until and --why, or --lift"),
        ],
    )
    def test_what_a_waiver_needs(self, place: Installation, options: list[str], reason: str) -> None:
        assert reason in place.run("findings", "waive", "0", *options, status=2).stderr

    def test_show_tells_how_it_was_closed_on_the_institution_s_clock(self, place: Installation) -> None:
        place.now = "2026-09-11T09:00:00+00:00"
        place.run("completeness")
        key = place.json("findings", "list", "--rule", "lesson.unrecorded")["findings"][0]["id"]
        write_folder(place.folder / "drop", [r if r.key != "l1" else lesson("l1") for r in RECORDS])
        place.now = "2026-09-11T10:00:00+00:00"
        place.run("import")
        place.run("completeness")
        shown = place.run("findings", "show", key).stdout
        for line in (
            "Состояние: закрыто, исправлено",
            "Найдено впервые: 11.09.2026 12:00",
            "Закрыто: 11.09.2026 13:00",
        ):
            assert f"{line}\n" in shown

    def test_waive_what_stands_on_one_line(self, place: Installation) -> None:
        place.run("completeness")
        first, second = place.json("findings", "list", "--rule", "mark.late")["findings"]
        assert f"{first['id'][:10]} × 2" in place.run("findings", "list").stdout
        until = ("--until", "2026-09-30", "--why", "учитель болел")
        done = place.json("findings", "waive", first["id"][:10], "--alike", *until)["findings"]
        assert {f["id"]: f["state"] for f in done} == {first["id"]: "excused", second["id"]: "excused"}
        place.run("findings", "waive", second["id"], "--alike", "--lift")
        states = {f["rule"]: f["state"] for f in place.json("findings", "list")["findings"]}
        assert states == {"lesson.unrecorded": "new", "lesson.topic_missing": "new", "mark.late": "confirmed"}
        place.run("findings", "waive", first["id"], *until)
        assert place.json("findings", "show", second["id"])["state"] == "confirmed"
        assert "замечания «zz» нет" in place.run("findings", "waive", "zz", "--alike", *until, status=1).stderr

    def test_one_that_is_not_there_does_not_stop_the_others(self, place: Installation) -> None:
        place.run("completeness")
        key = place.json("findings", "list")["findings"][0]["id"]
        done = place.run("findings", "waive", "zz", key, "--until", "2026-09-30", "--why", "x", status=1)
        assert "замечания «zz» нет" in done.stderr
        assert place.json("findings", "show", key)["state"] == "excused"


class TestRules:
    def test_the_catalogue(self, place: Installation) -> None:
        rules = place.json("rules", "list")["rules"]
        assert {"lesson.unrecorded", "homework.missing", "mark.late", "period_mark.missing"} <= {r["id"] for r in rules}
        late = next(r for r in rules if r["id"] == "homework.late")
        assert late["clauses"] == ["KOL 2.7"]
        assert late["profiles"]["kol"]["enabled"]
        assert not late["profiles"]["kru"]["enabled"]
        assert "KRU 3.2" in place.run("rules", "list", "--profile", "kru").stdout
        assert "KOL 2.7" in place.run("rules", "show", "homework.missing").stdout
        assert "Может быть, mark.late?" in place.run("rules", "show", "mark.lat", status=1).stderr
        assert "did you mean 'kru'" in place.run("rules", "list", "--profile", "krue", status=2).stderr

    def test_it_needs_no_configuration(self, tmp_path: Path) -> None:
        place = Installation(tmp_path / "x")
        (place.folder / "svod.toml").unlink()
        assert place.json("rules", "show", "lesson.unrecorded")["id"] == "lesson.unrecorded"

    def test_a_profile_of_one_s_own(self, place: Installation) -> None:
        folder = place.folder / "config" / "rules"
        folder.mkdir(parents=True)
        (folder / "own.toml").write_text('extends = "kru"\n[rule."mark.late"]\ndays = 5\n', encoding="utf-8")
        place.config = place.config.replace('rules = "kru"', 'rules = "own"')
        place._write()
        assert Counter(f["rule"] for f in place.json("completeness")["findings"]) == {"lesson.unrecorded": 1, "lesson.topic_missing": 1}  # fmt: skip
        (folder / "own.toml").write_text('extends = "kru"\n[rule."mark.late"]\nday = 5\n', encoding="utf-8")
        done = place.run("status", status=2)
        assert "own.toml: rule.\"mark.late\".day: unknown key; did you mean 'days'?" in done.stderr

    def test_a_profile_that_is_not_there(self, place: Installation) -> None:
        place.config = place.config.replace('rules = "kru"', 'rules = "kolomn"')
        place._write()
        done = place.run("completeness", status=2)
        assert (
            "svod.toml: institution a: rules = 'kolomn': there is no rules/kolomn.toml; did you mean 'kolomna'?"
            in done.stderr
        )

"""The command `report` on whole installations: imported journals, every report in every format, past states."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from canonical.entities import Record
from canonical.store import Store
from connectors.standins.region import make_institution
from pipelines.completeness.fill import day_is_over
from pipelines.reporting.formats import formats
from tests.region_records import put, records_of
from tests.sites import Installation, write_folder
from tests.small_class import CLASS, FIRST_QUARTER, absence, lesson, marks_of, period_mark
from tests.unit.reporting.books import sheets
from tests.unit.reporting.test_group_attendance import QUARTER
from tests.unit.reporting.test_journal_keeping import MONTH

REPORTS = ("group-progress", "group-attendance", "class-sheet", "journal-keeping")
NOW = "2026-11-20T18:00:00+03:00"
MOSCOW = ZoneInfo("Europe/Moscow")
GOLDEN = Path(__file__).parent / "golden" / "reports"

JOURNAL: list[Record] = [
    *CLASS,
    *FIRST_QUARTER,
    lesson("a1", "c", "2026-09-08"),
    absence("a1", "p1", "ill"),
    *marks_of("c", "2026-11-10", {"p1": "5", "p2": "4", "p3": "3"}),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Three institutions: a small school, a college, and one of which nothing was read."""
    folder = tmp_path_factory.mktemp("site")
    made = Installation(folder)
    made.institution("malaya").source("portal", "files", layout="canonical", path="malaya")
    made.institution("kolledzh", kind="college").source("portal", "files", layout="canonical", path="kolledzh")
    made.institution("pustaya").source("portal", "files", layout="canonical", path="pustaya")
    college = make_institution("kolledzh", "college", students=20, seed=5, now=datetime.fromisoformat(NOW))
    write_folder(folder / "malaya", JOURNAL)
    write_folder(folder / "kolledzh", records_of(college))
    (folder / "pustaya").mkdir()
    made.run("import", "--institution", "malaya", "--institution", "kolledzh")
    return made


def test_every_report_in_every_format(site: Installation) -> None:
    for name in REPORTS:
        for form in sorted(formats()):
            first = site.folder / f"first.{form}"
            again = site.folder / f"again.{form}"
            site.run("report", name, "-o", str(first))
            site.run("report", name, "--format", form, "-o", str(again))
            assert first.read_bytes() == again.read_bytes(), (name, form)
            assert len(first.read_bytes()) > 500


def test_for_one_institution_and_over_all(site: Installation) -> None:
    one = site.json(
        "report", "Успеваемость групп", "--institution", "malaya", "--period", "1 четверть", "--format", "json"
    )
    (table,) = one["tables"]
    assert one["title"] == "Успеваемость групп"
    assert [(r["kind"], r["cells"]["group"], r["cells"]["success"]) for r in table["rows"]] == [
        ("row", "7А", 75.0), ("subtotal", "Итого", 75.0),
    ]  # fmt: skip
    everyone = site.json("report", "Успеваемость групп", "--format", "json")
    groups = [r["group"] for r in everyone["tables"][0]["rows"]]
    assert list(dict.fromkeys(groups)) == ["Школа «malaya»", "Школа «kolledzh»", None]
    assert everyone["tables"][0]["rows"][-1]["cells"]["group"] == "Всего"
    assert {r["cells"]["period"] for r in everyone["tables"][0]["rows"]} == {"2 четверть", "1 семестр", None}
    assert {"name": "Нет журнала за этот год", "value": "Школа «pustaya»"} in everyone["parameters"]
    year = site.json("report", "group-progress", "--period", "год", "--format", "json")
    assert {r["cells"]["period"] for r in year["tables"][0]["rows"]} == {"год", None}


def test_where_it_is_written(site: Installation) -> None:
    said = site.run("report", "Успеваемость", "групп")
    assert "Успеваемость групп.xlsx" in said.stdout
    assert "Успеваемость групп" in sheets((site.folder / "Успеваемость групп.xlsx").read_bytes())
    assert site.json("report", "group-progress", "--format", "html") == {
        "report": "group-progress", "file": "Успеваемость групп.html",
    }  # fmt: skip
    assert (site.folder / "Успеваемость групп.html").is_file()
    assert not list(site.folder.glob(".*.part"))
    told = site.json("report", "group-progress", "--format", "json", "-o", "there.json")
    assert told == json.loads((site.folder / "there.json").read_bytes())


def test_what_is_no_file_is_written_into(site: Installation) -> None:
    site.run("report", "group-progress", "--format", "csv", "-o", "/dev/null")
    assert Path("/dev/null").is_char_device()
    (site.folder / "link.csv").symlink_to(site.folder / "behind.csv")
    site.run("report", "group-progress", "-o", "link.csv")
    assert (site.folder / "link.csv").is_symlink()
    assert (site.folder / "behind.csv").stat().st_size > 500
    assert not list(site.folder.glob(".*.part"))


def test_on_standard_output(site: Installation) -> None:
    done = subprocess.run(
        site.command("report", "group-progress", "--format", "csv", "-o", "-"),
        cwd=site.folder, env={**os.environ, **site.environment()}, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == _written(site, "x.csv")
    again = site.command("report", "group-progress", "--format", "csv", "-o", "/dev/stdout")
    assert subprocess.check_output(again, cwd=site.folder, env=site.environment()) == done.stdout


def _written(site: Installation, name: str) -> bytes:
    site.run("report", "group-progress", "-o", name)
    return (site.folder / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("Погода",), 2, "there is no report 'Погода'; there are: group-progress («Успеваемость групп»)"),
        (("group-progress", "--group", "9Ж"), 2, "there is no group '9Ж' in these journals; there are: «7А», «"),
        (("group-progress", "--period", "5 четверть"), 2, "there is no period '5 четверть' in these journals; there are: «1 семестр», «1 четверть», «2 семестр»"),
        (("group-progress", "--institution", "malay"), 2, "did you mean 'malaya'?"),
        (("group-progress", "--month", "ноябрь"), 2, "--month 'ноябрь' is not a month; write it as YYYY-MM"),
        (("group-progress", "--format", "doc"), 2, "there is no format 'doc'; there are: csv, html, json"),
        (("class-sheet", "--period", "год"), 2, "takes no --period"),
        (("group-progress", "--as-of", "вчера"), 2, "is not an instant"),
        (("group-progress", "--institution", "pustaya"), 1, "the store holds no lessons of 2026/2027 for pustaya; read the journals with `svod import`"),
        (("group-progress", "--month", "2024-10"), 1, "the store holds no lessons of 2024/2025 for malaya, kolledzh, pustaya"),
        (("group-progress", "-o", "none/x.csv"), 1, "none/x.csv: its folder is not there; make it, or name another place"),
        (("group-progress", "-o", "malaya"), 1, "malaya: is a folder; name a file in it"),
        (("group-progress", "-o", "/dev/full", "--format", "csv"), 1, "/dev/full: there is no space left; free some"),
        (("group-progress", "-o", "a.pdf"), 2, "a.pdf: there is no format 'pdf'; there are: csv, html, json"),
        (("group-progress", "-o", "noext"), 2, "noext ends with no format; there are: csv, html, json"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_said(site: Installation, arguments: tuple[str, ...], status: int, message: str) -> None:
    done = site.run("report", *arguments, status=status)
    assert message in done.stderr
    told = site.json("report", *arguments, status=status)
    assert message in told["error"]["message"] or status == 1


def test_json_and_another_format_do_not_share_standard_output(site: Installation) -> None:
    done = site.run("--json", "report", "group-progress", "--format", "csv", "-o", "-", status=2)
    assert "name a file with -o" in done.stderr


def test_the_list(site: Installation) -> None:
    listed = site.json("report", "list")["reports"]
    assert [r["id"] for r in listed if r["id"] in REPORTS] == list(REPORTS)
    assert listed[0]["also"] == ["Предварительные итоги успеваемости"]
    assert "Сводная ведомость учёта успеваемости учащихся класса" in site.run("report", "list").stdout


def test_as_it_stood(tmp_path: Path, store_url: str) -> None:
    site = Installation(tmp_path, url=store_url, now=None)
    site.institution("malaya").source("portal", "files", layout="canonical", path="malaya")

    def read(at: str, *changes: Record) -> None:
        keys = {(type(r), r.key) for r in changes}
        write_folder(tmp_path / "malaya", [*(r for r in JOURNAL if (type(r), r.key) not in keys), *changes])
        site.run("--now", at, "import")

    read("2026-11-01T12:00:00+03:00")
    read("2026-11-03T12:00:00+03:00", period_mark("p4", "c", "3"), period_mark("p4", "e2", "4"))

    def success(*more: str) -> object:
        given = ("--period", "1 четверть", "--format", "json", *more)
        return site.json("--now", NOW, "report", "group-progress", *given)["tables"][0]["rows"][0]["cells"]["success"]

    assert success() == 100.0
    assert success("--as-of", "2026-11-02T00:00:00+03:00") == 75.0
    assert success("--as-of", "2026-11-03T12:00:01+03:00") == 100.0
    before = site.run("--now", NOW, "report", "group-progress", "--as-of", "2026-10-01T00:00:00+03:00", status=1)
    assert before.stderr == (
        "the store held no lessons of 2026/2027 as of 2026-10-01T00:00:00+03:00 for malaya: "
        "these journals are known since 2026-11-01T12:00:00+03:00; name a later moment\n"
    )
    # the same past, told again later, is the same file
    files = []
    for now in (NOW, "2026-12-01T09:00:00+03:00"):
        site.run("--now", now, "report", "group-progress", "--as-of", "2026-11-02T00:00:00+03:00", "-o", "then.xlsx")
        files.append((tmp_path / "then.xlsx").read_bytes())
    assert files[0] == files[1]


def test_the_clock_counts_only_as_a_day(site: Installation) -> None:
    bodies = []
    for now in ("2026-11-20T18:00:00+03:00", "2026-11-20T18:30:12+03:00"):
        site.run("--now", now, "report", "journal-keeping", "-o", "x.xlsx")
        bodies.append((site.folder / "x.xlsx").read_bytes())
    assert bodies[0] == bodies[1]


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A school and a college of the synthetic region, at the end of the first quarter."""
    folder = tmp_path_factory.mktemp("region")
    made = Installation(folder, now="2026-11-20T18:00:00+03:00")
    now = datetime.fromisoformat("2026-11-20T18:00:00+03:00")
    store = Store(f"sqlite:///{folder / 'svod.db'}", lambda: now)
    for key, kind in (("shkola", "school"), ("kolledzh", "college")):
        made.institution(key, kind=kind).source("portal", "files", layout="canonical", path=key)
        put(store, make_institution(key, kind, students=16, seed=7, now=now))  # type: ignore[arg-type]
    store.close()
    return made


@pytest.fixture(scope="module")
def hand_made(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Two small schools whose every record is written by hand; one of them tells no more than rosters and marks."""
    folder = tmp_path_factory.mktemp("hand")
    made = Installation(folder)
    for key, records in (("malaya", [*CLASS, *FIRST_QUARTER, *QUARTER, *MONTH]), ("vtoraya", [*CLASS, *FIRST_QUARTER])):
        made.institution(key).source("portal", "files", layout="canonical", path=key)
        write_folder(folder / key, records)
    write_folder(folder / "vtoraya", [lesson("x", "c", "2026-11-10", "planned")])
    made.run("import")
    return made


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("group-progress", ("--period", "1 четверть", "--group", "7А")),
        ("group-attendance", ("--period", "1 четверть", "--group", "7А")),
        ("class-sheet", ()),
        ("journal-keeping", ()),
    ],
)
def test_golden(hand_made: Installation, name: str, arguments: tuple[str, ...]) -> None:
    """The JSON of each report on journals made by hand; `SVOD_WRITE_GOLDEN=1 pytest` writes it anew."""
    report = hand_made.json("report", name, *arguments, "--format", "json")
    text = _one_line_a_row(report)
    path = GOLDEN / f"{name}.json"
    if os.environ.get("SVOD_WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert json.loads(text) == report
    assert text == path.read_text(encoding="utf-8")


def _one_line_a_row(report: dict[str, object]) -> str:
    """JSON that a reader can compare: each row of a table on a line of its own."""
    tables = report["tables"]
    assert isinstance(tables, list)
    blocks = []
    for table in tables:
        head = json.dumps({k: v for k, v in table.items() if k != "rows"}, ensure_ascii=False)
        rows = ",\n".join(json.dumps(r, ensure_ascii=False) for r in table["rows"])
        blocks.append(f'{head[:-1]}, "rows": [\n{rows}\n]}}')
    head = json.dumps({k: v for k, v in report.items() if k != "tables"}, ensure_ascii=False, indent=1)
    return f'{head[:-2]},\n "tables": [\n' + ",\n".join(blocks) + "\n]}\n"


def test_a_region_adds_up(region: Installation) -> None:
    """Counted here from the truth of the region, by a way of its own, and compared with what the reports say."""
    now = datetime.fromisoformat("2026-11-20T18:00:00+03:00")
    school = make_institution("shkola", "school", students=16, seed=7, now=now)
    said = region.json("report", "group-progress", "--period", "1 четверть", "--format", "json")["tables"][0]
    found = {r["cells"]["group"]: r["cells"] for r in said["rows"] if r["kind"] == "row"}
    quarter = next(p for p in school.periods.values() if p.kind == "quarter" and p.number == 1)
    groups = [g for g in school.classes() if g.level in quarter.levels]
    assert {g.name for g in groups} == set(found)
    for group in groups:
        pupils = group.on(quarter.end)
        texts = [
            [m.text for m in school.period_marks.values() if (m.student, m.period, m.kind) == (p, quarter.id, "period")]
            for p in pupils
        ]
        counted = [[t[0] for t in ts if t[0] in "12345н"] for ts in texts]
        counted = [c for c in counted if c]
        failing = sum(any(t in "12н" for t in c) for c in counted)
        good = sum(set(c) <= {"4", "5"} for c in counted)
        row = found[group.name]
        assert (row["pupils"], row["uncounted"], row["failing"]) == (len(pupils), len(pupils) - len(counted), failing)
        if counted:
            assert row["success"] == round(100 * (len(counted) - failing) / len(counted), 4)
            assert row["quality"] == round(100 * good / len(counted), 4)
        else:
            assert row["success"] is None
    missed = region.json(
        "report", "group-attendance", "--month", "2026-10", "--institution", "shkola", "--format", "json"
    )
    total = sum(r["cells"]["missed"] for r in missed["tables"][0]["rows"] if r["kind"] == "row")
    month_end = datetime(2026, 10, 31, tzinfo=MOSCOW).date()
    there = {p for g in school.classes() for p in g.on(month_end)}
    truth = [
        a
        for a in school.absences.values()
        if a.status != "late" and school.lessons[a.lesson].date.month == 10 and a.student in there
        and school.class_of(a.student, school.lessons[a.lesson].date) == school.class_of(a.student, month_end)
    ]  # fmt: skip
    assert total == len(truth) > 0


def test_keeping_counts_every_lesson_of_the_month(region: Installation) -> None:
    now = datetime.fromisoformat("2026-11-20T18:00:00+03:00")
    college = make_institution("kolledzh", "college", students=16, seed=7, now=now)
    said = region.json(
        "report", "journal-keeping", "--month", "2026-10", "--institution", "kolledzh", "--format", "json"
    )
    total = said["tables"][0]["rows"][-1]["cells"]
    month = [x for x in college.lessons.values() if x.date.month == 10 and not x.cancelled]
    recorded = [x for x in month if x.recorded_at]
    assert (total["due"], total["recorded"], total["filled"]) == (
        len(month),
        len(recorded),
        sum(x.topic is not None for x in recorded),
    )
    late = [x for x in recorded if x.recorded_at and x.recorded_at >= day_is_over(x.date, college.zone)]
    assert (total["late"], total["in_time"]) == (len(late), len(recorded) - len(late))

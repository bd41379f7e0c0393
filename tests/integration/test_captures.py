"""Browser captures from end to end: what a person has paged to in the portal's own windows is in the store, and no more."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from canonical.cleaning import clean
from canonical.entities import ENTITIES, Attendance, Course, Group, entity_of
from connectors.archive import NoArchive
from connectors.asurso.school.signin import hashed
from connectors.captures import Capture
from connectors.conformance.bench import Bench, Trial
from connectors.conformance.capturing import Recorder, captured_in
from connectors.conformance.harness import differences
from connectors.contract import Product
from connectors.registry import manifest
from connectors.standins.region import Institution
from connectors.standins.server import StandIn
from tests.browsing import SECRET, Browser, signed_in_myschool
from tests.sites import Installation

SINCE, UNTIL = date(2026, 9, 28), date(2026, 11, 13)
CORE, PLAN = "/api/ej/core/teacher/v1", "/api/ej/plan/teacher/v1"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection can be made, nor any name be looked up."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a capture is read without the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def read_from(bench: Bench, *captures: list[dict[str, Any]]) -> Trial:
    """A reading of nothing but these captures."""
    with captured_in(bench.product, *captures) as capture:
        return bench.read(bench.standin(), capture=capture)


def dotted(day: date) -> str:
    return day.strftime("%d.%m.%Y")


# -- how people page -------------------------------------------------------------------------------------------------


def lists_of_myschool(browser: Browser, school: str) -> list[dict[str, Any]]:
    """The lists of the school as its pages ask for them; gives the groups."""
    noise = {"pid": "1", "_": "1760000000000", "access_token": SECRET}
    browser.ask("/core/api/academic_years", noise)
    browser.ask(f"{CORE}/teacher_profiles", {"school_id": school, "page": 1, "per_page": 300} | noise)
    classes = browser.ask(f"{CORE}/class_units", {"academic_year_id": 14, "page": 1, "per_page": 1000})
    groups: list[dict[str, Any]] = []
    while True:
        page = browser.ask(
            "/jersey/api/groups",
            {"academic_year_id": 14, "school_id": school, "page": len(groups) // 4 + 1, "per_page": 4} | noise,
        )
        groups += page
        if len(page) < 4:
            break
    browser.ask(f"{CORE}/attestation_periods_schedules", {"page": 1, "per_page": 50})
    browser.ask(
        f"{CORE}/control_forms",
        {"academic_year_id": 14, "school_id": school, "with_deleted": "true", "page": 1, "per_page": 500},
    )
    flags = {f"with_{f}": "true" for f in ("groups", "archived_groups", "final_marks", "deleted", "transferred")}
    for one in classes:
        browser.ask(
            f"{CORE}/student_profiles",
            {"academic_year_id": 14, "class_unit_ids": one["id"], "page": 1, "per_page": 200} | flags,
        )
    return groups


def week_of_myschool(browser: Browser, group: int, since: date, until: date) -> None:
    items = browser.ask(
        f"{PLAN}/schedule_items",
        {
            "academic_year_id": 14,
            "group_ids": group,
            "from": dotted(since),
            "to": dotted(until),
            "page": 1,
            "per_page": 100,
        },
    )
    ids = ",".join(str(h["id"]) for i in items for h in i.get("homeworks_to_give") or ())
    if ids:
        browser.ask(f"{CORE}/homeworks", {"ids": ids, "page": 1, "per_page": 300})
    browser.ask(
        f"{CORE}/attendances",
        {
            "group_ids": group,
            "academic_year_id": 14,
            "start_at": dotted(since),
            "stop_at": dotted(until),
            "page": 1,
            "per_page": 300,
        },
    )


def marks_of_myschool(browser: Browser, group: int, since: date, until: date) -> None:
    browser.ask(
        f"{CORE}/marks",
        {
            "group_ids": group,
            "created_at_from": dotted(since),
            "created_at_to": dotted(until),
            "with_non_numeric_entries": "true",
            "page": 1,
            "per_page": 300,
        },
    )


def page_through_myschool(standin: StandIn, browser: Browser) -> None:
    groups = lists_of_myschool(browser, standin.remote_id)
    browser.ask(f"{PLAN}/calendar_plans", {"academic_year_id": 14, "group_id": ",".join(str(g["id"]) for g in groups)})
    for group in groups:
        for since, until in browser.weeks(date(2026, 9, 1), date(2026, 11, 15)):
            week_of_myschool(browser, group["id"], since, until)
        for since, until in ((date(2026, 9, 1), date(2026, 9, 30)), (date(2026, 10, 1), date(2026, 11, 30))):
            marks_of_myschool(browser, group["id"], since, until)


def lists_of_dnevnik(browser: Browser, school: str) -> list[str]:
    """The lists of the school and of its classes as pages ask for them; gives the groups."""
    browser.ask("/v2.0/users/me/context", {"access_token": SECRET})
    for what in ("teachers", "subjects", "timetables"):
        browser.ask(f"/v2.0/schools/{school}/{what}")
    browser.ask(f"/v2/work-types/{school}", {"_": "1"})
    groups = [g["id_str"] for g in browser.ask(f"/v2/schools/{school}/edu-groups")]
    for teacher in browser.ask(f"/v2/schools/{school}/teachers"):
        browser.ask(f"/v2/persons/{teacher['Id']}/school-memberships")
    for group in groups:
        at = f"/v2.0/edu-groups/{group}"
        for what in ("students", "reporting-periods", "timetables", "classteacher", "final-marks"):
            browser.ask(f"{at}/{what}")
        users = [p["userId"] for p in browser.ask(f"{at}/persons", {"includeArchive": "true"})]
        browser.ask("/v2/users/many", method="POST", body=users)
    return groups


def lessons_of_dnevnik(browser: Browser, group: str, *, with_log: bool = True) -> None:
    at = f"/v2.0/edu-groups/{group}"
    for since, until in browser.weeks(SINCE, UNTIL):
        lessons = browser.ask(f"{at}/lessons/{since}T00:00:00/{until}T23:59:59") or []
        keys = [lesson["id_str"] for lesson in lessons]
        for some in (keys[:5], keys[5:]):
            if some and with_log:
                browser.ask("/v2/lesson-log-entries", {"lessons": some})


def marks_of_dnevnik(browser: Browser, group: str) -> None:
    for since, until in ((SINCE, date(2026, 10, 15)), (date(2026, 10, 16), UNTIL)):
        browser.ask(f"/v2.0/edu-groups/{group}/marks/{since}/{until}")


def journals_of_dnevnik(browser: Browser, groups: list[str], *, with_log: bool = True) -> None:
    for group in groups:
        lessons_of_dnevnik(browser, group, with_log=with_log)
        marks_of_dnevnik(browser, group)


def page_through_dnevnik(standin: StandIn, browser: Browser) -> None:
    journals_of_dnevnik(browser, lists_of_dnevnik(browser, standin.remote_id))


def subjects_of_dnevnik(browser: Browser, group: str) -> None:
    """The journal of a group subject by subject, as teachers page through it."""
    for subject in browser.ask(f"/v2/edu-groups/{group}/subjects"):
        at = f"/v2.0/edu-groups/{group}/subjects/{subject['id_str']}"
        for since, until in (
            (SINCE, date(2026, 10, 11)),
            (date(2026, 10, 5), date(2026, 10, 25)),
            (date(2026, 10, 26), UNTIL),
        ):
            browser.ask(f"{at}/lessons/{since}/{until}")
            browser.ask(f"{at}/marks/{since}/{until}T23:59:59")
            asked = {"subject": subject["id_str"], "from": f"{since}T00:00:00", "to": f"{until}T23:59:59"}
            browser.ask(f"/v2.0/lesson-log-entries/group/{group}", asked)


def page_through_dnevnik_by_subjects(standin: StandIn, browser: Browser) -> None:
    for group in lists_of_dnevnik(browser, standin.remote_id):
        subjects_of_dnevnik(browser, group)


def page_through_spo(standin: StandIn, browser: Browser) -> None:
    for what in ("departments/all", "student-groups/all", "employees/all"):
        browser.ask(f"/services/people/{what}", {"_": "17"})
    for what in ("subjects/flatten", "specialties", "calendars/all"):
        browser.ask(f"/services/plan/{what}")
    page, had = 0, 1
    while had:
        said = browser.ask(
            "/services/people/students",
            {"isActive": "true", "isEsia": "false", "orderBy": "+fullName", "pageIndex": page, "pageSize": 7},
        )
        had, page = len(said["students"]), page + 1
    for group in browser.ask("/services/journal/gradebook/student-groups"):
        browser.ask(f"/services/reports/curator/group-attestation/{group['id']}")
        for book in browser.ask(f"/services/journal/gradebook/{group['id']}/entries"):
            for subject in book["scheduleSubjects"]:
                browser.ask(f"/services/journal/gradebook/{book['id']}/subjects/{subject['id']}")


def signed_in_dnevnik(standin: StandIn) -> Browser:
    return Browser(standin, {"Access-Token": standin.auth["token"]["token"]})


def changing_dnevnik() -> tuple[Bench, Institution, StandIn, Browser]:
    """A school that is to change while a browser is signed in to its portal."""
    bench = Bench("dnevnik")
    school = bench.place()
    standin = bench.standin(school)
    return bench, school, standin, signed_in_dnevnik(standin)


def signed_in_spo(standin: StandIn) -> Browser:
    import base64
    import hashlib

    account = standin.auth["password"]
    browser = Browser(
        standin, {"X-Requested-With": "XMLHttpRequest", "Referer": "http://127.0.0.1/", "Origin": "http://127.0.0.1"}
    )
    hashed = base64.b64encode(hashlib.sha256(account["password"].encode()).digest()).decode()
    browser.ask(
        "/services/security/login",
        method="POST",
        body={"login": account["login"], "password": hashed, "isRemember": False},
    )
    return browser


PORTALS: list[tuple[str, str, Callable[[StandIn], Browser], Callable[[StandIn, Browser], None]]] = [
    ("mosreg", "myschool", signed_in_myschool, page_through_myschool),
    ("dnevnik", "api", signed_in_dnevnik, page_through_dnevnik),
    ("dnevnik", "api", signed_in_dnevnik, page_through_dnevnik_by_subjects),
    ("asurso", "spo", signed_in_spo, page_through_spo),
]


@pytest.mark.parametrize(
    ("connector", "product", "sign_in", "page_through"), PORTALS, ids=[p[3].__name__ for p in PORTALS]
)
def test_what_was_paged_to_in_other_windows_is_read_as_the_portal_would_be(
    connector: str, product: str, sign_in: Callable[..., Browser], page_through: Callable[..., None]
) -> None:
    bench = Bench(connector, product)
    standin = bench.standin()
    browser = sign_in(standin)
    page_through(standin, browser)
    browser.noise()
    trial = read_from(bench, browser.entries)
    assert trial.error is None
    assert not trial.visits.asked
    truth = list(standin.truth())
    wanted = {e for e in ENTITIES if bench.product.capabilities.get(e)}
    lines = [x for x in differences(truth, trial.got.records, standin.institution.zone) if x.split()[0] in wanted]
    assert not lines[:5], (len(lines), lines[:5])
    failed = {n: e for n, e in trial.got.failed.items() if e.code != "not_captured"}
    assert not failed


def test_weeks_of_diaries_of_the_school_module_are_read_with_the_reports_that_were_opened() -> None:
    bench = Bench("asurso", "school")
    standin = bench.standin()
    account = standin.auth["password"]
    recorder = Recorder(standin.app, standin.institution.now)
    standin.app = recorder
    bench.read(standin)  # the reports, as a browser would open them
    opened = [e for e in recorder.entries if "/student/diary?" not in e["request"]["url"]]
    pupils = {
        u.split("studentId=")[1].split("&")[0]
        for e in recorder.entries
        if "/student/diary?" in (u := e["request"]["url"])
    }
    year = next(
        u.split("yearId=")[1].split("&")[0] for e in recorder.entries if "yearId=" in (u := e["request"]["url"])
    )
    standin.app = recorder.app
    browser = Browser(
        standin, {"Referer": "http://127.0.0.1", "X-Requested-With": "XMLHttpRequest", "Origin": "http://127.0.0.1"}
    )
    browser.ask("/webapi/logindata")
    (school,) = [
        s for s in browser.ask("/webapi/schools/search", {"name": standin.remote_id}) if standin.remote_id in s.values()
    ]
    given = browser.ask("/webapi/auth/getdata", method="POST")
    pw, pw2 = hashed(account["password"], str(given["salt"]))
    form = {
        "loginType": "1",
        "scid": school["id"],
        "un": account["login"],
        "pw": pw,
        "pw2": pw2,
        "lt": given["lt"],
        "ver": given["ver"],
    }
    browser.headers["at"] = browser.ask("/webapi/login", method="POST", form=form)["at"]
    for pupil in sorted(pupils):
        for since, until in browser.weeks(date(2026, 9, 28), date(2026, 11, 15)):
            asked = {"studentId": pupil, "yearId": year, "vers": "17", "withLaAssigns": "true"}
            days = {"weekStart": f"{since}", "weekEnd": f"{until}"}
            assert browser.ask("/webapi/student/diary", asked | days)
    trial = read_from(bench, opened, browser.entries)
    assert trial.error is None
    truth = list(standin.truth())
    lines = differences(truth, trial.got.records, standin.institution.zone)
    assert not lines[:5], (len(lines), lines[:5])


# -- the command line ------------------------------------------------------------------------------------------------


@pytest.fixture
def myschool(tmp_path: Path) -> tuple[Installation, StandIn, Browser]:
    standin = Bench("mosreg").standin()
    place = Installation(tmp_path, now="2026-11-20T18:00:00+03:00").institution("kolomna")
    place.source("portal", "mosreg", remote_id=standin.remote_id)  # no auth: nobody can sign in but in a browser
    return place, standin, signed_in_myschool(standin)


def rows(place: Installation, entity: str) -> dict[str, dict[str, Any]]:
    return {r["key"]: r for r in place.export()[entity]}


@pytest.mark.usefixtures("offline")
def test_weeks_add_up_wait_for_what_they_point_at_and_hold_no_secret(
    myschool: tuple[Installation, StandIn, Browser], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, standin, browser = myschool
    groups = lists_of_myschool(browser, standin.remote_id)
    lists = len(browser.entries)
    group = groups[0]["id"]
    week_of_myschool(browser, group, date(2026, 10, 5), date(2026, 10, 11))
    marks_of_myschool(browser, group, date(2026, 10, 5), date(2026, 10, 11))
    first_week = len(browser.entries)
    week_of_myschool(browser, group, date(2026, 10, 12), date(2026, 10, 18))
    marks_of_myschool(browser, group, date(2026, 10, 12), date(2026, 10, 18))
    browser.noise()
    journal = browser.save(tmp_path / "week-1.har", entries=browser.entries[lists + 5 : first_week + 5])
    told = place.json("import", "--source", "portal", "--har", str(journal), status=3)
    assert told["status"] == "ok"
    assert told["sources"][0]["capture"]["not_captured"]
    assert not rows(place, "lessons")  # their course has not come yet
    place.run(
        "import",
        "--source",
        "portal",
        "--har",
        str(browser.save(tmp_path / "lists.har", entries=browser.entries[: lists + 5])),
    )
    first = rows(place, "lessons")
    truth = {r.key: r for r in standin.truth()}
    assert first
    assert all("2026-10-05" <= r["date"] <= "2026-10-11" and r["course"] == str(group) for r in first.values())
    assert len(first) == sum(
        getattr(r, "course", None) == str(group) and "2026-10-05" <= getattr(r, "date", "") <= "2026-10-11"
        for r in truth.values()
        if hasattr(r, "number") and hasattr(r, "date")
    )
    assert not place.json("quarantine", "list")["quarantine"]
    place.run("import", "--source", "portal", "--har", str(browser.save(tmp_path / "all.har")))
    both = rows(place, "lessons")
    assert first.keys() < both.keys()
    before = place.export()
    again = place.json("import", "--source", "portal", "--har", str(tmp_path / "*.har"))
    counts = [c for e in again["sources"][0]["entities"].values() for c in (e["inserted"], e["updated"], e["removed"])]
    assert not any(counts)
    assert place.export() == before
    checked = place.run("check", status=1)  # nobody can sign in
    assert "auth" in checked.stderr
    assert place.json("verify")["ok"]
    replayed = place.json("replay", status=None)
    assert place.json("verify")["ok"]
    assert not any(
        e["removed"] or e["updated"] or e["inserted"] for e in replayed["sources"][0]["entities"].values()
    ), replayed
    from zstandard import ZstdDecompressor

    kept = b"".join(ZstdDecompressor().decompress(f.read_bytes()) for f in (tmp_path / "raw").rglob("*.zst"))
    store = b"".join(f.read_bytes() for f in tmp_path.glob("svod.db*"))
    told_all = json.dumps([told, again, replayed]) + checked.stdout + checked.stderr
    for secret in (SECRET, standin.auth["token"]["token"]):
        assert secret.encode() not in kept + store
        assert secret not in told_all
    assert kept


@pytest.mark.usefixtures("offline")
def test_an_older_capture_changes_nothing_that_a_newer_one_has_told(
    myschool: tuple[Installation, StandIn, Browser], tmp_path: Path
) -> None:
    place, standin, browser = myschool
    groups = lists_of_myschool(browser, standin.remote_id)
    group = groups[0]["id"]
    week_of_myschool(browser, group, date(2026, 10, 5), date(2026, 10, 11))
    marks_of_myschool(browser, group, date(2026, 10, 5), date(2026, 10, 11))
    newer = browser.save(tmp_path / "newer.har")
    older_entries = json.loads(json.dumps(browser.entries))
    changed = 0
    for entry in older_entries:
        entry["startedDateTime"] = "2026-10-11T10:00:00+03:00"
        content = entry["response"]["content"]
        if "/marks" in entry["request"]["url"] and content.get("text"):
            items = json.loads(content["text"])
            for item in items:
                changed += item["name"] == "5"
                item["name"] = "2" if item["name"] == "5" else item["name"]
            if items:
                items.append({**items[0], "id": 999999, "schedule_lesson_id": items[0]["schedule_lesson_id"]})
            content["text"] = json.dumps(items)
    older = browser.save(tmp_path / "older.har", entries=older_entries)
    assert changed
    place.run("import", "--source", "portal", "--har", str(newer))
    before = place.export()
    place.run("import", "--source", "portal", "--har", str(older))
    assert place.json("verify")["ok"]
    assert place.export() == before
    other = Installation(tmp_path / "other", now=place.now).institution("kolomna")
    other.source("portal", "mosreg", remote_id=standin.remote_id, har="../*er.har")
    other.run("import")
    assert other.export() == before
    shown = other.run("check")
    assert "2026-10-05…2026-10-11" in shown.stdout
    assert "not in the capture" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--har", "a.har"), "name the source that was captured"),
        (("--source", "portal", "--source", "second", "--har", "a.har"), "a capture is of one source"),
        (("--source", "drop", "--har", "a.har"), "browser captures of kolomna/drop cannot be read"),
        (("--source", "portal", "--har", "nothing*.har"), "there is no such file"),
        (("--source", "portal", "--har", "a.har", "--since", "2026-09-01"), "leave out --since"),
        (("--source", "portal", "--har", "a.har", "--queue"), "leave out --queue"),
    ],
)
def test_wrong_usage_of_a_capture_is_told(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    place = Installation(tmp_path).institution("kolomna")
    place.source("portal", "mosreg", remote_id="11").source("second", "dnevnik")
    place.source("drop", "files", layout="canonical", path="drop")
    (tmp_path / "a.har").write_text('{"log": {"entries": []}}')
    assert words in " ".join(place.run("import", *arguments, status=2).stderr.split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"log": {"entries": [{"request": {}}, {"reque', "is cut off"),
        ("<html>", "is not a HAR file, or is damaged"),
        ('{"a": 1}', "this is no HAR file"),
        ('{"log": {"entries": []}}', "no answer of"),
        ("", "is"),
    ],
)
def test_a_file_that_is_no_capture_is_told_with_what_to_do(tmp_path: Path, text: str, words: str) -> None:
    place = Installation(tmp_path).institution("kolomna").source("portal", "mosreg", remote_id="11")
    (tmp_path / "a.har").write_text(text)
    done = place.run("import", "--source", "portal", "--har", "a.har", status=1)
    assert "a.har" in done.stderr
    assert words in done.stderr
    assert "save" in done.stderr


def test_packed_and_encoded_answers_are_read_and_writes_are_not(tmp_path: Path) -> None:
    import base64
    import gzip

    product: Product = manifest("mosreg").product(None)
    url = f"https://authedu.mosreg.ru{CORE}/academic_years"
    body = b'[{"id": 14, "name": "2026/2027", "begin_date": "2026-09-01"}]'

    def entry(content: dict[str, Any], method: str = "GET", at: str = "2026-10-01T10:00:00Z") -> dict[str, Any]:
        return {
            "startedDateTime": at,
            "request": {"method": method, "url": url},
            "response": {"status": 200, "content": content},
        }

    packed = {"text": base64.b64encode(gzip.compress(body)).decode(), "encoding": "base64", "mimeType": "text/plain"}
    written = {"text": '{"id": 1}', "mimeType": "application/json"}
    log = {
        "log": {
            "entries": [entry(packed), entry(written, "POST"), entry({"text": "[{", "mimeType": "application/json"})]
        }
    }
    (tmp_path / "a.har").write_bytes(b"\xef\xbb\xbf" + json.dumps(log).encode())
    capture = Capture.of_files(product, [tmp_path / "a.har"])
    assert [capture.body(k) for k in capture.kept] == [body]
    assert capture.passed == {"of other addresses": 1, "other than data": 1}
    capture.close()
    assert isinstance(NoArchive().put(body), str)


# -- what is a part, and whose it is ---------------------------------------------------------------------------------


def covered(trial: Any, entity: str) -> set[tuple[str | None, str | None, str | None]]:
    return {(s.selector_key, s.start, s.end) for _, b in trial.got.batches for s in b.scopes if s.entity == entity}


def test_only_what_was_answered_completely_is_covered(myschool: tuple[Installation, StandIn, Browser]) -> None:
    _, standin, browser = myschool
    groups = lists_of_myschool(browser, standin.remote_id)
    by_count = sorted(groups, key=lambda g: -g["student_count"])
    whole, paged, of_teacher, searched = (g["id"] for g in by_count[:4])
    days = (date(2026, 9, 28), date(2026, 10, 25))
    week_of_myschool(browser, whole, *days)
    marks_of_myschool(browser, whole, *days)
    asked = {
        "group_ids": paged,
        "created_at_from": dotted(days[0]),
        "created_at_to": dotted(days[1]),
        "with_non_numeric_entries": "true",
    }
    pages = [browser.ask(f"{CORE}/marks", {**asked, "page": n, "per_page": 5}) for n in (1, 2)]
    assert all(len(p) == 5 for p in pages)  # there are more
    items = browser.ask(
        f"{PLAN}/schedule_items",
        {
            "academic_year_id": 14,
            "group_ids": of_teacher,
            "from": days[0].isoformat(),
            "to": days[1].isoformat(),
            "page": 1,
            "per_page": 500,
        },
    )
    browser.entries[-1]["request"]["url"] = browser.entries[-1]["request"]["url"].replace(
        f"group_ids={of_teacher}", "teacher_id=6001"
    )
    week_of_myschool(browser, searched, *days)
    for entry in browser.entries:
        if f"group_ids={searched}" in entry["request"]["url"]:
            entry["request"]["url"] += "&search=abc"
    trial = read_from(Bench("mosreg"), browser.entries)
    got = trial.got.records
    assert {r["id"] for p in pages for r in p if r["name"] != "н"} <= {int(k) for k in got["marks"]}
    assert {str(i["id"]) for i in items} <= got["lessons"].keys()
    assert any(lesson.course == str(searched) for lesson in got["lessons"].values())
    span = (days[0].isoformat(), days[1].isoformat())
    assert {s[1:] for s in covered(trial, "lessons")} == {span}
    places = {k for k, *_ in covered(trial, "lessons")} | {k for k, *_ in covered(trial, "marks")}
    assert not places & {str(paged), str(of_teacher), str(searched)}
    assert covered(trial, "marks") == covered(trial, "lessons")
    assert not trial.got.rejects


def test_another_school_in_the_same_capture_is_left_alone(myschool: tuple[Installation, StandIn, Browser]) -> None:
    _, standin, browser = myschool
    groups = lists_of_myschool(browser, standin.remote_id)
    week_of_myschool(browser, groups[0]["id"], date(2026, 10, 5), date(2026, 10, 11))
    strange = []
    for entry in json.loads(json.dumps(browser.entries)):
        content = entry["response"]["content"]
        if "/groups" in entry["request"]["url"] or "schedule_items" in entry["request"]["url"]:
            said = json.loads(content["text"])
            items = said if isinstance(said, list) else next(iter(said.values()))
            for item in items:
                item["id"] += 5_000_000
                item.update({"school_id": 99} if "school_id" in item else {"group_id": item["group_id"] + 5_000_000})
            content["text"] = json.dumps(said)
            entry["request"]["url"] = (
                entry["request"]["url"]
                .replace(f"school_id={standin.remote_id}", "school_id=99")
                .replace(f"group_ids={groups[0]['id']}", f"group_ids={groups[0]['id'] + 5_000_000}")
            )
            strange.append(entry)
    bench = Bench("mosreg")
    alone = read_from(bench, browser.entries)
    both = read_from(bench, browser.entries, strange)
    assert alone.got.records["lessons"]
    assert both.got.records == alone.got.records
    assert covered(both, "lessons") == covered(alone, "lessons")


# -- one subject, one pupil ------------------------------------------------------------------------------------------


HALVES = ((SINCE, date(2026, 10, 20)), (date(2026, 10, 21), UNTIL))


def log_of_pupils(browser: Browser, pupils: list[str]) -> None:
    for person in pupils:
        for since, until in HALVES:
            asked = {"startDate": f"{since}", "endDate": f"{until}T23:59:59"}
            browser.ask(f"/v2/persons/{person}/lesson-log-entries", asked)


def pupils_of(standin: StandIn) -> list[str]:
    return sorted({r.student for r in standin.truth() if isinstance(r, Attendance)})


def attendance_of(standin: StandIn) -> dict[str, Any]:
    zone = standin.institution.zone
    return {r.key: clean(r, zone) for r in standin.truth() if isinstance(r, Attendance)}


@pytest.mark.parametrize("brand", [("dnevnik", "api"), ("mosreg", "portal")])
def test_the_log_of_pupils_is_complete_for_them_alone(brand: tuple[str, str]) -> None:
    bench = Bench(*brand)
    standin = bench.standin()
    browser = signed_in_dnevnik(standin)
    journals_of_dnevnik(browser, lists_of_dnevnik(browser, standin.remote_id), with_log=False)
    lists = len(browser.entries)
    pupils = pupils_of(standin)
    log_of_pupils(browser, pupils)
    trial = read_from(bench, browser.entries)
    assert trial.got.records["attendance"] == attendance_of(standin)
    of_pupils = {(p, f"{since}", f"{until}") for p in pupils for since, until in HALVES}
    of_groups = covered(trial, "attendance") - of_pupils
    assert covered(trial, "attendance") >= of_pupils
    got = trial.got.records
    held = {(got["courses"][x.course].group, x.date) for x in got["lessons"].values()}
    assert not [g for g, a, b in of_groups if any(g == group and a <= day <= b for group, day in held)], "without a log"
    assert not trial.got.rejects
    assert None in {x.status for x in trial.got.records["lessons"].values()}, "others may have been there"
    loose = read_from(bench, browser.entries[lists:])
    assert loose.got.records["attendance"] == attendance_of(standin), "the lessons they are of may come later"
    assert covered(loose, "attendance") == of_pupils


def test_of_answers_about_one_lesson_the_newest_holds() -> None:
    bench, place, standin, browser = changing_dnevnik()
    groups = lists_of_dnevnik(browser, standin.remote_id)
    journals_of_dnevnik(browser, groups)
    pupils = pupils_of(standin)
    one, other, *rest = place.absences.values()
    del place.absences[one.id]
    other.status = "late" if other.status != "late" else "ill"
    place.touched()
    log_of_pupils(browser, pupils)
    by_pupil = read_from(bench, browser.entries)
    assert by_pupil.got.records["attendance"] == attendance_of(standin)
    for absence in rest:
        del place.absences[absence.id]
    place.touched()
    for group in groups:
        subjects_of_dnevnik(browser, group)
    by_course = read_from(bench, browser.entries)
    assert by_course.got.records["attendance"] == attendance_of(standin)
    assert len(by_course.got.records["attendance"]) < len(by_pupil.got.records["attendance"])


def log_of_pupils_by_subjects(browser: Browser, standin: StandIn) -> None:
    """The log of every pupil in every subject, as the truth stands now."""
    subjects = {r.subject for r in standin.truth() if isinstance(r, Course)}
    for person in pupils_of(standin):
        for subject in subjects:
            for since, until in HALVES:
                asked = {"from": f"{since}", "to": f"{until}T23:59:59"}
                browser.ask(f"/v2/lesson-log-entries/person/{person}/subject/{subject}", asked)


def test_the_log_of_pupils_by_subjects_is_read_and_is_complete_for_nothing() -> None:
    bench = Bench("dnevnik")
    standin = bench.standin()
    browser = signed_in_dnevnik(standin)
    journals_of_dnevnik(browser, lists_of_dnevnik(browser, standin.remote_id), with_log=False)
    without = len(browser.entries)
    before = covered(read_from(bench, browser.entries), "attendance")
    log_of_pupils_by_subjects(browser, standin)
    trial = read_from(bench, browser.entries)
    assert trial.got.records["attendance"] == attendance_of(standin)
    assert covered(trial, "attendance") == before
    assert not trial.got.rejects
    loose = read_from(bench, browser.entries[without:])
    assert loose.got.records["attendance"] == attendance_of(standin), "the lessons they are of may come later"
    assert covered(loose, "attendance") == set()


def test_a_newer_log_of_a_pupil_in_a_subject_holds_against_that_of_the_lesson() -> None:
    bench, place, standin, browser = changing_dnevnik()
    journals_of_dnevnik(browser, lists_of_dnevnik(browser, standin.remote_id))
    one, other, third, *_ = place.absences.values()
    pupils = pupils_of(standin)
    del place.absences[one.id]
    other.status = "late" if other.status != "late" else "ill"
    place.touched()
    assert pupils_of(standin) == pupils
    log_of_pupils_by_subjects(browser, standin)
    newer = read_from(bench, browser.entries)
    assert newer.got.records["attendance"] == attendance_of(standin)
    del place.absences[third.id]
    place.touched()
    log_of_pupils(browser, pupils)
    newest = read_from(bench, browser.entries)
    assert newest.got.records["attendance"] == attendance_of(standin)
    assert len(newest.got.records["attendance"]) < len(newer.got.records["attendance"])


@pytest.mark.usefixtures("offline")
def test_what_one_subject_lacks_by_now_is_found_gone(tmp_path: Path) -> None:
    _, school, standin, browser = changing_dnevnik()
    place = Installation(tmp_path, now="2026-11-20T18:00:00+03:00").institution("kolomna")
    place.source("portal", "dnevnik", remote_id=standin.remote_id)
    groups = lists_of_dnevnik(browser, standin.remote_id)
    journals_of_dnevnik(browser, groups)
    first = len(browser.entries)
    place.run("import", "--source", "portal", "--har", str(browser.save(tmp_path / "whole.har")))
    before = {e: rows(place, e) for e in ("lessons", "works", "marks", "attendance")}
    course = max(school.courses.values(), key=lambda c: len(school.lessons_of([c.id])))
    gone, *_ = school.lessons_of([course.id])
    for table, number in ((school.marks, "work"), (school.absences, "lesson")):
        at = {w.id for w in school.works_of(gone.id)} if number == "work" else {gone.id}
        for key in [k for k, row in table.items() if getattr(row, number) in at]:
            del table[key]
    for work in school.works_of(gone.id):
        del school.works[work.id]
    del school.lessons[gone.id]
    school.touched()
    group = next(g for g in groups if int(g) % 10**6 == course.group % 10**6)
    subjects_of_dnevnik(browser, group)
    har = browser.save(tmp_path / "subjects.har", entries=browser.entries[first:])
    place.run("import", "--source", "portal", "--har", str(har))
    assert place.json("verify")["ok"]
    truth = {e: {r.key for r in standin.truth() if entity_of(r) == e} for e in before}
    left = {e: rows(place, e).keys() for e in before}
    assert left == truth
    assert {e for e in before if before[e].keys() > left[e]} >= {"lessons"}
    kept = place.export()
    (replayed,) = place.json("replay", status=None)["sources"]
    assert (replayed["status"], replayed["error"]) == ("ok", None)
    assert place.json("verify")["ok"]
    assert place.export() == kept, "what was captured can be read again from the archive"


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("damage", [b"x", None])
def test_an_answer_that_the_archive_has_lost_leaves_out_no_more_than_itself(
    tmp_path: Path, damage: bytes | None
) -> None:
    standin = Bench("dnevnik").standin()
    place = Installation(tmp_path, now="2026-11-20T18:00:00+03:00").institution("kolomna")
    place.source("portal", "dnevnik", remote_id=standin.remote_id)
    browser = signed_in_dnevnik(standin)
    page_through_dnevnik(standin, browser)
    place.run("import", "--source", "portal", "--har", str(browser.save(tmp_path / "a.har")))
    kept = place.export()
    for file in sorted((place.folder / "raw").rglob("*.zst"))[::40]:
        body = file.read_bytes()
        if damage is None:
            file.unlink()
        else:
            file.write_bytes(damage)
        (source,) = place.json("replay", status=None)["sources"]
        assert source["status"] == "partial"
        assert {lost["code"] for lost in source["lost"]} == {"raw_archive_damaged"}
        assert any(file.parent.name + file.stem in lost["message"].replace("/", "") for lost in source["lost"])
        assert place.export() == kept
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(body)


# -- subgroups, and answers that may be narrowed ---------------------------------------------------------------------


def classes_of(standin: StandIn, groups: list[str]) -> list[str]:
    kinds = {r.key: r.kind for r in standin.truth() if isinstance(r, Group)}
    return [g for g in groups if kinds[g] != "subgroup"]


@pytest.mark.parametrize("asked", ["in full", "narrowed", "without days"])
def test_the_log_of_a_class_tells_of_its_subgroups_lessons_too(asked: str) -> None:
    bench = Bench("dnevnik")
    standin = bench.standin()
    browser = signed_in_dnevnik(standin)
    for group in classes_of(standin, lists_of_dnevnik(browser, standin.remote_id)):
        lessons_of_dnevnik(browser, group, with_log=False)
        marks_of_dnevnik(browser, group)
        for subject in browser.ask(f"/v2/edu-groups/{group}/subjects"):
            for since, until in HALVES:
                days = {"from": f"{since}T00:00:00", "to": f"{until}T23:59:59"}
                more = {"limit": "1000"} if asked == "narrowed" else {}
                browser.ask(f"/v2/lesson-log-entries/group/{group}", {"subject": subject["id_str"], **days, **more})
                if asked == "without days":
                    url = browser.entries[-1]["request"]["url"]
                    browser.entries[-1]["request"]["url"] = url.partition("&from=")[0]
                    assert "from=" not in browser.entries[-1]["request"]["url"]
    trial = read_from(bench, browser.entries)
    truth, got = attendance_of(standin), trial.got.records
    groups = {k: got["groups"][got["courses"][lesson.course].group] for k, lesson in got["lessons"].items()}
    assert any(groups[a.lesson].kind == "subgroup" for a in truth.values())
    assert len(got["attendance"]) == len(truth) or asked == "without days"  # there the latest half hides the other
    assert got["attendance"].items() <= truth.items()
    assert any(groups[a.lesson].kind == "subgroup" for a in got["attendance"].values())
    status = {got["lessons"][a.lesson].status for a in got["attendance"].values()}
    assert status == ({"held", None} if asked == "narrowed" else {"held"})
    held = {(groups[k], got["lessons"][k].date) for k in got["lessons"]}
    complete = covered(trial, "attendance")
    of_subgroups = [(g.key, day) for g, day in held if g.kind == "subgroup"]
    assert not [g for g, a, b in complete if any(g == group and a <= day <= b for group, day in of_subgroups)]
    courses = {k for k, *_ in complete if k in got["courses"]}
    assert not [c for c in courses if got["groups"][got["courses"][c].group].kind == "subgroup"]
    assert bool(courses) == (asked == "in full")


@pytest.mark.usefixtures("offline")
def test_a_log_that_is_no_list_loses_only_what_it_was_asked_for(tmp_path: Path) -> None:
    standin = Bench("dnevnik").standin()
    place = Installation(tmp_path, now="2026-11-20T18:00:00+03:00").institution("kolomna")
    place.source("portal", "dnevnik", remote_id=standin.remote_id)
    browser = signed_in_dnevnik(standin)
    group, *_ = classes_of(standin, lists_of_dnevnik(browser, standin.remote_id))
    journals_of_dnevnik(browser, [group], with_log=False)
    for subject in browser.ask(f"/v2/edu-groups/{group}/subjects"):
        for since, until in HALVES:
            asked = {"subject": subject["id_str"], "from": f"{since}", "to": f"{until}"}
            browser.ask(f"/v2/lesson-log-entries/group/{group}", asked)
    browser.entries[-1]["response"]["content"]["text"] = '"nothing"'
    har = browser.save(tmp_path / "a.har")
    (source,) = place.json("import", "--source", "portal", "--har", str(har), status=None)["sources"]
    assert source["status"] == "partial"
    (lost,) = source["lost"]
    assert lost["unit"].startswith(f"capture attendance log {group} ")
    assert lost["code"] == "unexpected_answer"
    assert source["entities"]["lessons"]["inserted"]
    assert source["entities"]["attendance"]["inserted"]


def test_an_older_narrowed_log_brings_nothing_back() -> None:
    bench, school, standin, browser = changing_dnevnik()
    groups = lists_of_dnevnik(browser, standin.remote_id)
    for group in groups:
        lessons_of_dnevnik(browser, group, with_log=False)
        marks_of_dnevnik(browser, group)
        for subject in browser.ask(f"/v2/edu-groups/{group}/subjects"):
            asked = {"subject": subject["id_str"], "from": f"{SINCE}", "to": f"{UNTIL}", "limit": "1000"}
            browser.ask(f"/v2/lesson-log-entries/group/{group}", asked)
    first, *_ = school.absences
    del school.absences[first]
    school.touched()
    for group in groups:
        lessons_of_dnevnik(browser, group)
    trial = read_from(bench, browser.entries)
    assert trial.got.records["attendance"] == attendance_of(standin)


def test_newer_marks_of_one_subject_let_those_of_subgroups_stand() -> None:
    bench = Bench("dnevnik")
    standin = bench.standin()
    browser = signed_in_dnevnik(standin)
    classes = classes_of(standin, lists_of_dnevnik(browser, standin.remote_id))
    journals_of_dnevnik(browser, classes, with_log=False)
    records = {e: {r.key: r for r in standin.truth() if entity_of(r) == e} for e in ("works", "courses")}
    before = read_from(bench, browser.entries).got.records
    changed = set()
    for group in classes:
        for subject in browser.ask(f"/v2/edu-groups/{group}/subjects"):
            for since, until in HALVES:
                browser.ask(f"/v2/edu-groups/{group}/subjects/{subject['id_str']}/marks/{since}/{until}")
                content = browser.entries[-1]["response"]["content"]
                kept = []
                for mark in json.loads(content["text"] or "[]"):
                    work = records["works"].get(str(mark.get("work_str") or mark.get("work")))
                    if work is None or records["courses"][work.course].group == group:
                        kept.append(mark)
                    elif not changed:
                        mark["value"] = mark["textValue"] = "1"
                        changed.add(str(mark.get("id_str") or mark["id"]))
                        kept.append(mark)
                content["text"] = json.dumps(kept)
    trial = read_from(bench, browser.entries)
    after = trial.got.records
    assert after["marks"].keys() == before["marks"].keys()
    assert {k for k, mark in after["marks"].items() if mark != before["marks"][k]} == changed
    assert len(changed) == 1, "a newer mark of a subgroup is taken"
    assert after["lessons"].keys() == before["lessons"].keys()


def test_lessons_and_marks_of_one_subject_among_those_of_the_whole_are_not_all_of_the_group() -> None:
    bench = Bench("dnevnik")
    standin = bench.standin()
    browser = signed_in_dnevnik(standin)
    group, *_ = lists_of_dnevnik(browser, standin.remote_id)
    subject = None
    for what in ("lessons", "marks"):
        said = browser.ask(f"/v2/edu-groups/{group}/{what}/2026-10-05/2026-10-11")
        subject = subject or said[0]["subject"]["id_str"]
        browser.entries[-1]["request"]["url"] += f"?subject={subject}"
    trial = read_from(bench, browser.entries)
    assert trial.got.records["lessons"]
    assert trial.got.records["marks"]
    assert not {s.entity for _, b in trial.got.batches for s in b.scopes} & {"lessons", "works", "marks", "attendance"}


def test_a_whole_claims_nothing_of_a_subject_that_is_read_by_itself() -> None:
    bench = Bench("dnevnik")
    standin = bench.standin()
    browser = signed_in_dnevnik(standin)
    group, *_ = lists_of_dnevnik(browser, standin.remote_id)
    days = "2026-10-05/2026-10-11"
    said = browser.ask(f"/v2/edu-groups/{group}/lessons/{days}")
    browser.ask(f"/v2/edu-groups/{group}/marks/{days}")
    subject = next(x["subject"]["id_str"] for x in said if str(x.get("group_str") or x["group"]) == group)
    browser.ask(f"/v2/edu-groups/{group}/subjects/{subject}/lessons/{days}")
    trial = read_from(bench, browser.entries)
    claims = {
        name: {(s.selector.value, s.selector_key) for s in b.scopes if s.entity == "lessons"}
        for name, b in trial.got.batches
    }
    course = next(k for k, c in trial.got.records["courses"].items() if (c.group, c.subject) == (group, subject))
    (whole,) = [c for name, c in claims.items() if name == f"lessons {group} 2026-10-05 2026-10-11"]
    (alone,) = [c for name, c in claims.items() if name == f"lessons {group} {subject} 2026-10-05 2026-10-11"]
    assert alone == {("course", course)}
    assert not whole & {("course", course), ("group", group)}
    read = {lesson.course for lesson in trial.got.records["lessons"].values()}
    of_group = {c for c in read if trial.got.records["courses"][c].group == group}
    assert {("course", c) for c in of_group - {course}} <= whole


def test_an_older_narrowed_window_brings_back_nothing_that_a_newer_whole_lacks() -> None:
    bench, school, standin, browser = changing_dnevnik()
    groups = lists_of_dnevnik(browser, standin.remote_id)
    lists = len(browser.entries)
    journals_of_dnevnik(browser, groups, with_log=False)
    for entry in browser.entries[lists:]:
        entry["request"]["url"] += "?limit=1000"
    mark, *_ = school.marks
    del school.marks[mark]
    lesson = next(x for c in school.courses for x in school.lessons_of([c]) if not school.works_of(x.id))
    for key in [k for k, row in school.absences.items() if row.lesson == lesson.id]:
        del school.absences[key]
    del school.lessons[lesson.id]
    school.touched()
    journals_of_dnevnik(browser, groups)
    trial = read_from(bench, browser.entries)
    shown = {(e, k) for e in ("lessons", "marks") for k in trial.got.records[e]}
    truth = {(entity_of(r), r.key) for r in standin.truth()}
    assert {e for e, _ in shown} == {"lessons", "marks"}
    assert shown <= truth

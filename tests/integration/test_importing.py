"""`svod import` from files, as a user calls it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from canonical.entities import Mark, Person
from canonical.store import Store
from canonical.store.leases import Lease
from canonical.tables import SOURCES
from tests.sites import Installation, write_folder
from tests.stores import CLASS

TOKEN = {"kind": "token", "token": {"env": "NO_SUCH"}}
PASSWORD = {"kind": "password", "login": "someone", "password": {"env": "NO_SUCH"}}
MARKS = [Mark(key=f"m{n}", work="w1", student="p1", value="5", grade=5, meaning="grade") for n in range(3)]


@pytest.fixture
def place(tmp_path: Path, store_url: str) -> Installation:
    write_folder(tmp_path / "drop", [*CLASS, *MARKS])
    return Installation(tmp_path, url=store_url).institution("a").source("f", "files", layout="canonical", path="drop")


def test_an_import_gives_every_record_back(place: Installation) -> None:
    result = place.json("import")
    assert result["status"] == "ok"
    (source,) = result["sources"]
    assert source["entities"]["marks"] == {"received": 3, "inserted": 3, "updated": 0, "unchanged": 0, "quarantined": 0, "removed": 0, "revived": 0, "released": 0}  # fmt: skip
    journal = place.export()
    assert [m["key"] for m in journal["marks"]] == ["m0", "m1", "m2"]
    assert journal["marks"][0] == {"source": "a/f", "key": "m0", "work": "w1", "student": "p1", "value": "5", "grade": 5, "meaning": "grade", "recorded_at": None, "comment": None}  # fmt: skip
    assert list(journal["people"][0]) == ["source", "key", "role", "family_name", "given_name", "patronymic", "birth_date", "sex", "position", "snils"]  # fmt: skip


def test_the_second_import_changes_nothing(place: Installation) -> None:
    place.run("import")
    again = place.json("import")["sources"][0]["entities"]
    assert all(e["unchanged"] == e["received"] and not e["inserted"] and not e["updated"] for e in again.values())
    in_full = place.json("import", "--full")["sources"][0]["entities"]
    assert again == in_full


def test_a_second_import_beside_one_under_way_says_nothing_of_the_source(place: Installation) -> None:
    place.run("import")
    store = Store(place.url)
    with store.writing() as connection:
        lease = Lease.take(connection, "import a/f")
    (told,) = place.json("import", status=1)["sources"]
    assert told["error"]["code"] == "busy"
    (source,) = place.json("status")["sources"]
    assert (source["state"], source["message"]) == ("ok", None)
    with store.writing() as connection:
        lease.give_back(connection)
    store.close()


def test_a_file_that_is_missing_covers_nothing_and_one_that_is_there_everything(place: Installation) -> None:
    place.run("import")
    (place.folder / "drop" / "marks.ndjson").unlink()
    place.run("import")
    assert len(place.export()["marks"]) == 3
    write_folder(place.folder / "drop", MARKS[:1])
    assert place.json("import")["sources"][0]["entities"]["marks"]["removed"] == 2
    assert [m["key"] for m in place.export()["marks"]] == ["m0"]
    assert [m.get("removed") for m in place.export("--with-removed")["marks"]] == [None, True, True]


def test_partial_files_remove_nothing(tmp_path: Path) -> None:
    write_folder(tmp_path / "drop", [*CLASS, *MARKS])
    place = Installation(tmp_path).institution("a")
    place.source("f", "files", layout="canonical", path="drop", partial=True).run("import")
    write_folder(tmp_path / "drop", MARKS[:1])
    place.run("import")
    assert len(place.export()["marks"]) == 3


def test_the_store_as_it_stood(place: Installation) -> None:
    place.run("import")
    write_folder(place.folder / "drop", [Person(key="p1", role="student", family_name="Иначева")])
    place.now = "2026-11-21T18:00:00+03:00"
    place.run("import", status=0)
    assert {p["family_name"] for p in place.export()["people"]} == {"Иначева"}
    before = place.export("--as-of", "2026-11-20T20:00:00+03:00")["people"]
    assert {p["family_name"] for p in before} == {"Тестова", "Примеров"}


def test_too_many_removals_wait_for_a_person(tmp_path: Path) -> None:
    people = [Person(key=f"p{n:03}", role="student") for n in range(100)]
    write_folder(tmp_path / "drop", people)
    place = Installation(tmp_path).institution("a").source("f", "files", layout="canonical", path="drop")
    place.run("import")
    write_folder(tmp_path / "drop", people[:40])
    done = place.run("import", status=3)
    assert "60 records have vanished" in done.stderr
    assert len(place.export()["people"]) == 100
    assert place.json("status")["waiting_removals"] == [{"run": 2, "source": "a/f", "rows": 60}]
    place.run("import", "--accept-removals", "2")
    assert len(place.export()["people"]) == 40


def test_quarantine_from_first_sight_to_the_end(place: Installation) -> None:
    with (place.folder / "drop" / "marks.ndjson").open("a", encoding="utf-8") as file:
        file.write('{"key": "bad", "work": 7, "student": "p1"}\n')
        file.write('{"key": "early", "work": "w9", "student": "p1"}\n')
        file.write("no JSON at all\n")
    place.run("import", status=3)
    place.run("import", status=0)  # nothing new
    listed = place.json("quarantine", "list")["quarantine"]
    listed.sort(key=lambda q: (q["kind"], q["key"] or ""))
    assert [(q["key"], q["kind"]) for q in listed] == [(None, "malformed"), ("bad", "malformed"), ("early", "waiting")]
    shown = place.json("quarantine", "show", str(listed[2]["id"]))
    assert shown["raw"]["work"] == "w9"
    assert shown["reason"] == "work: works w9 has not come yet"
    work = {"key": "w9", "lesson": "l1", "course": "c"}
    with (place.folder / "drop" / "works.ndjson").open("a", encoding="utf-8") as file:
        file.write(json.dumps(work) + "\n")
    place.run("import")
    assert "early" in [m["key"] for m in place.export()["marks"]]
    place.run("quarantine", "drop", str(listed[0]["id"]), str(listed[1]["id"]))
    place.run("import")
    assert place.json("quarantine", "list") == {"quarantine": []}
    assert place.run("quarantine", "drop", "999", status=1).stderr == "999: there is no open entry of this number\n"


def test_retrying_leaves_what_a_source_says_as_it_was(place: Installation) -> None:
    """Files tell fields by holding them: a field of which none came is not one that is empty."""
    place.run("import")

    def said() -> tuple[str, bool]:
        store = Store(place.url if place.url.startswith("postgresql") else f"sqlite:///{place.folder / 'svod.db'}")
        with store.reading() as connection:
            (source,) = connection.execute(select(SOURCES.c.capabilities, SOURCES.c.says_what_comes)).all()
        store.close()
        return tuple(source)

    before = said()
    assert before[1]
    place.run("quarantine", "retry")
    assert said() == before


def test_one_failing_source_does_not_stop_the_others(place: Installation) -> None:
    place.institution("b").source("f", "files", layout="canonical", path="nowhere")
    result = place.json("import", status=1)
    assert result["status"] == "partial"
    good, bad = result["sources"]
    assert (good["status"], bad["status"]) == ("ok", "failed")
    assert "there is no such folder" in bad["error"]["message"]
    states = {s["source"]: s["state"] for s in place.json("status")["sources"]}
    assert states == {"a/f": "ok", "b/f": "failed"}


def test_csv_says_the_same_as_ndjson(place: Installation) -> None:
    place.run("import")
    before = place.export()
    (place.folder / "drop" / "marks.ndjson").unlink()
    (place.folder / "drop" / "courses.ndjson").unlink()
    rows = "".join(f"{m.key},{m.work},{m.student},{m.value},{m.grade},{m.meaning}\r\n" for m in MARKS)
    (place.folder / "drop" / "marks.csv").write_text("\ufeffkey,work,student,value,grade,meaning\r\n" + rows, encoding="utf-8")  # fmt: skip
    (place.folder / "drop" / "courses.csv").write_text(
        "source,key,group,subject,teachers\nx,c,g,s,\n", encoding="utf-8"
    )
    entities = place.json("import")["sources"][0]["entities"]
    assert entities["marks"]["unchanged"] == 3
    assert entities["courses"]["unchanged"] == 1
    assert place.export() == before


def test_replay_maps_the_archive_again(place: Installation) -> None:
    place.run("import")
    before = place.export()
    for file in (place.folder / "drop").iterdir():
        file.unlink()
    result = place.json("replay")
    assert result["status"] == "ok"
    assert all(e["unchanged"] == e["received"] for e in result["sources"][0]["entities"].values())
    assert place.export() == before


def test_a_damaged_answer_is_left_out_of_a_replay_alone(place: Installation) -> None:
    place.run("import")
    before = place.export()
    marks = hashlib.sha256((place.folder / "drop" / "marks.ndjson").read_bytes()).hexdigest()
    kept = place.folder / "raw" / marks[:2] / f"{marks[2:]}.zst"
    kept.write_bytes(kept.read_bytes()[:-7])
    result = place.json("replay", status=1)["sources"][0]
    assert (result["status"], result["error"]["code"]) == ("partial", "raw_archive_damaged")
    assert str(kept) in result["error"]["message"]
    assert "svod prune --lost" in result["error"]["message"]
    assert [lost["unit"] for lost in result["lost"]] == ["marks.ndjson 0"]
    assert place.export() == before


def test_a_replay_does_not_bring_back_what_newer_answers_changed(place: Installation) -> None:
    place.run("import")
    write_folder(place.folder / "drop", MARKS[:2])
    place.run("import")
    write_folder(place.folder / "drop", [MARKS[0].__class__(key="m0", work="w1", student="p1", value="2")])
    place.run("import")
    before = place.export()
    place.run("replay")
    assert place.export() == before


def test_runs_and_their_ledgers(place: Installation) -> None:
    place.run("import")
    assert [(r["id"], r["job"], r["status"]) for r in place.json("runs", "list")["runs"]] == [(1, "import", "ok")]
    assert place.json("runs", "show", "1")["ledger"]["a/f"]["lessons"]["inserted"] == 2
    assert "there is no run 7" in place.run("runs", "show", "7", status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["import", "--institution", "ab"], 2, "there is no institution 'ab'; did you mean 'a'?"),
        (["import", "--source", "g"], 2, "there is no source 'g' here; there are: a/f"),
        (["import", "--since", "yesterday"], 2, "write it as YYYY-MM-DD"),
        (["import", "--since", "2026-10-02", "--until", "2026-10-01"], 2, "--since is later than --until"),
        (["--now", "2026-11-20", "status"], 2, "has no offset"),
        (["imprt"], 2, "Did you mean 'import'"),
        (["--config", "nowhere.toml", "status"], 2, "nowhere.toml: No such file or directory"),
    ],
)
def test_wrong_usage_says_what_to_do(place: Installation, arguments: list[str], status: int, words: str) -> None:
    place.now = None
    done = place.run(*arguments, status=status)
    assert words in done.stderr
    assert json.loads(place.run(*arguments, "--json", status=status).stdout)["error"]["message"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("colour = 1", "colour: unknown key"),
        ("[store]\nurll = 'x'", "store.urll: unknown key; did you mean 'url'?"),
        ("[[institution]]\nkey = 'a'\nname = 'A'\nkind = 'kindergarten'", "institution[1].kind: input should be 'school' or 'college'"),
        ("[[institution]]\nkey = 'a'\nname = 'A'\nkind = 'school'\ntimezone = 'Mars'", "'Mars' is not a time zone"),
        ("[[institution]]\nkey = 'a'\nname = 'A'\nkind = 'school'\nscale = 'six'", "there is no scales/six.toml; there are five"),
        ("[[institution]]\nkey = 'a'\nname = 'A'\nkind = 'school'\n[[institution.source]]\nkey = 's'\nconnector = 'fils'", "there is no connector 'fils'"),
        ("[[institution]]\nkey = 'a'\nname = 'A'\nkind = 'school'\n[[institution.source]]\nkey = 's'\nconnector = 'files'\nauth = {kind = 'token', token = 'abc'}", "a secret must not stand in the file"),
        ("[store", "not TOML"),
        ("[store]\nurl = 'mysql://a:hush@x'", "store.url: mysql is not supported; write sqlite:///FILE or postgresql"),
        ("[store]\nurl = 'hush'", "store.url: cannot be read as a database address; write sqlite:///FILE"),
        ("[store]\nurl = 'postgresql://a:hush@x:y:z/b'", "store.url: cannot be read as a database address"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_names_file_key_and_reason(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "svod.toml").write_text(line, encoding="utf-8")
    place = Installation.__new__(Installation)
    place.folder, place.now = tmp_path, None
    done = place.run("status", status=2)
    assert words in done.stderr
    assert "svod.toml" in done.stderr
    assert "hush" not in done.stderr


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"connector": "mosreg", "auth": TOKEN}, "remote_id is missing; connector mosreg needs it"),
        ({"connector": "files", "layout": "canonical"}, "path is missing; connector files needs it"),
        ({"connector": "asurso", "auth": TOKEN}, "auth: one of password is needed, given is kind 'token'"),
        ({"connector": "dnevnik", "auth": PASSWORD}, "auth.client_id is missing; connector dnevnik needs it for kind"),
        (
            {"connector": "mosreg", "product": "portal", "auth": PASSWORD | {"client_id": "hub"}},
            "auth.client_secret is missing; connector mosreg needs it for kind 'password'",
        ),
        ({"connector": "dnevnik", "auth": TOKEN, "base_url": "http://x.ru"}, "base_url 'http://x.ru': only https is"),
        ({"connector": "dnevnik", "auth": TOKEN, "base_url": "https://u:hush@x.ru"}, "base_url must not hold a login"),
    ],
)
def test_a_source_that_cannot_work_is_found_at_once(tmp_path: Path, source: dict[str, Any], words: str) -> None:
    place = Installation(tmp_path).institution("kolomna").source("portal", **source)
    done = place.run("status", status=2)
    assert done.stderr.startswith(f"svod.toml: institution kolomna, source portal: {words}")
    assert "hush" not in done.stderr

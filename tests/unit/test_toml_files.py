"""What is wrong with a TOML file is said with file, key and reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from canonical.toml_files import ConfigError, checked, near, read_toml
from svod.settings import SettingsError, load


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    start: int
    finish: int = 0


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: tuple[Inner, ...] = ()
    name: str = ""


def test_every_problem_is_told_with_its_place_and_the_nearest_key(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    data = {"nam": "a", "inner": [{"start": 1}, {"finnish": 2, "start": "soon"}]}
    with pytest.raises(ConfigError) as caught:
        checked(file, Outer, data, place="table")
    lines = str(caught.value).splitlines()
    assert f"{file}: table.nam: unknown key; did you mean 'name'?" in lines
    assert f"{file}: table.inner[2].finnish: unknown key; did you mean 'finish'?" in lines
    assert any(line.startswith(f"{file}: table.inner[2].start: input should be a valid integer") for line in lines)
    assert len(lines) == 3


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("a = ", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.toml: not TOML"):
        read_toml(broken)
    with pytest.raises(ConfigError, match=r"nowhere\.toml: No such file"):
        read_toml(tmp_path / "nowhere.toml")


def test_nothing_is_suggested_where_nothing_is_near() -> None:
    assert near("topic", ["topik", "grade"]) == "; did you mean 'topik'?"
    assert near("xyz", ["topic", "grade"]) == ""


def test_the_name_of_a_variant_stands_in_no_message(tmp_path: Path) -> None:
    file = tmp_path / "svod.toml"
    file.write_text(
        '[[institution]]\nkey = "a"\nname = "A"\nkind = "school"\n[[institution.source]]\nkey = "p"\n'
        'connector = "files"\nauth = { kind = "token", tokn = { env = "A" } }\n',
        encoding="utf-8",
    )
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert str(caught.value).splitlines() == [
        f"{file}: institution[1].source[1].auth.tokn: unknown key; did you mean 'token'?",
        f"{file}: institution[1].source[1].auth.token: is missing",
    ], "what is misspelt before what is missing by it"


INSTITUTION = '[[institution]]\nkey = "a"\nname = "A"\nkind = "school"\n'
SCHEDULE = '[[schedule]]\ncron = "0 * * * *"\n'
SOURCE = '[[institution.source]]\nkey = "p"\nconnector = "files"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (INSTITUTION + SOURCE + 'auth = { kind = "tokn" }', "institution[1].source[1].auth.kind: 'tokn' is none of token, oauth, password; did you mean 'token'?"),
        (INSTITUTION + SOURCE + "auth = {}", "institution[1].source[1].auth.kind: is missing; it is one of token, oauth, password"),
        (INSTITUTION + SOURCE + "remote_id = 64", "institution[1].source[1].remote_id: must be text: write it in quotes"),
        (INSTITUTION + SOURCE + 'auth = { kind = "token", token = 64 }', 'institution[1].source[1].auth.token: a secret must not stand in the file: write { env = "NAME" }, { file = "path" } or { keyring = "service" }'),
        (SCHEDULE + 'job = "importt"', "schedule[1].job: input should be 'import', 'reconcile', 'completeness' or 'report'; did you mean 'import'?"),
        (SCHEDULE + 'job = "report"', 'schedule[1].report: is missing; write one of `svod report list`, like report = "group-progress"'),
        (SCHEDULE + 'job = "import"\nreport = "group-progress"', 'schedule[1].report: only job = "report" has one, and this is job = "import"; leave it out'),
        (SCHEDULE + 'job = "import"\nconsolidated = true', 'schedule[1].consolidated: only job = "report" can be, and this is job = "import"; leave it out'),
        (SCHEDULE + 'job = "report"\nreport = "group-progress"\nformat = "doc"', "schedule[1].format: there is no format 'doc'; there are: csv, html, json, xlsx"),
        (INSTITUTION * 3, "institution[2].key: 'a' stands twice: institution[1] has it already"),
        (INSTITUTION + SOURCE * 2, "institution[1].source[2].key: 'p' stands twice: source[1] has it already"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_key_is_told_at_the_key(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "svod.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert str(caught.value) == f"{file}: {message}"


def test_of_an_unknown_institution_the_known_ones_are_told(tmp_path: Path) -> None:
    file = tmp_path / "svod.toml"
    file.write_text(INSTITUTION + INSTITUTION.replace('"a"', '"school-7"'), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"there is no institution 'zzz'; there are: a, school-7$"):
        load(file).institutions(["zzz"])
    with pytest.raises(SettingsError, match=r"there is no institution 'school-8'; did you mean 'school-7'\?$"):
        load(file).institutions(["school-8"])

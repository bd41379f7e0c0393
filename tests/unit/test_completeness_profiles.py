"""Profiles of rules: those that come with svod, and what is said of those that cannot be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from canonical.toml_files import ConfigError
from pipelines.completeness.catalogue import CATALOGUE
from pipelines.completeness.profile import DEFAULT, Profile, load_profile
from svod.settings import shipped
from tests.judged import shipped_profile

FOLDER = shipped() / "rules"
NAMES = sorted(p.stem for p in FOLDER.glob("*.toml"))
ACTS = {"tex": "TEX", "kru": "KRU", "kol": "KOL", "kolomna": "KOL", "bto": "BTO", "uso": "USO"}


def own(folder: Path, **files: str) -> Profile:
    """The profile `own` of these files; it may extend those that come with svod."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")

    def find(name: str, asker: str) -> Path:
        place = folder / f"{name}.toml"
        return place if place.is_file() else FOLDER / f"{name}.toml"

    return load_profile("own", find)


def test_there_is_one_for_each_act_and_the_default() -> None:
    assert {*ACTS, DEFAULT} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_used_and_cites_its_own_act(name: str) -> None:
    profile = shipped_profile(name)
    assert set(profile.rules) == set(CATALOGUE)
    enabled = [s for s in profile.rules.values() if s.enabled]
    assert enabled
    for settings in enabled:
        codes = set(re.findall(r"[A-Z]{3}", settings.clause))
        assert codes == {ACTS[name]} if name in ACTS else codes <= set(ACTS.values())


def test_what_each_act_demands() -> None:
    on = {name: {r for r, s in shipped_profile(name).rules.items() if s.enabled} for name in NAMES}
    everywhere = {"lesson.unrecorded", "lesson.topic_missing", "attendance.not_taken"}
    assert on["kru"] == everywhere | {"mark.late", "mark.in_grade_one", "mark.exempt_entry", "period_mark.missing", "record.not_russian"}  # fmt: skip
    assert on["kol"] == everywhere | {"mark.late", "homework.missing", "homework.late", "period_mark.missing"}
    assert on["tex"] == everywhere | {"mark.late", "period_mark.missing", "record.not_russian"}
    assert on["uso"] == everywhere | {"mark.late", "period_mark.missing"}
    assert on["bto"] == everywhere | {"homework.missing"}
    assert on["base"] == everywhere | {"mark.late", "mark.in_grade_one", "period_mark.missing", "record.not_russian"}
    assert on["kolomna"] == on["kol"]


def test_the_files_say_what_the_code_would_do_without_them() -> None:
    """The parameters that `base.toml` shows to its readers are the defaults of the code."""
    exceptions = {"by_checking", "own_terms", "except_subjects", "terms"}
    for rule, settings in shipped_profile("base").rules.items():
        default = CATALOGUE[rule].settings()
        for name in set(type(settings).model_fields) - {"enabled", "clause", "severity", "answers"} - exceptions:
            assert getattr(settings, name) == getattr(default, name), f"{rule}.{name}"


def test_a_profile_says_only_what_differs(tmp_path: Path) -> None:
    made = own(
        tmp_path,
        own='extends = "middle"\n[rule."mark.late"]\ndays = 3\n',
        middle='extends = "kol"\ntitle = "Колледж"\nevidence_max_age_hours = 24\n[rule."homework.late"]\nenabled = false\n',
    )
    assert (made.name, made.title, made.evidence_max_age_hours) == ("own", "Колледж", 24)
    late = made.rules["mark.late"]
    assert (late.clause, late.enabled, late.days) == ("KOL 2.5", True, 3)  # type: ignore[attr-defined]
    assert not made.rules["homework.late"].enabled
    assert made.rules["homework.missing"].enabled


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[rule."mark.lat"]\n', r'own\.toml: rule\."mark\.lat": there is no such rule; did you mean \'mark\.late\''),
        ('[rule."mark.late"]\nseverty = "info"\n', r'own\.toml: rule\."mark\.late"\.severty: unknown key; did you mean \'severity\''),
        ('[rule."mark.late"]\nseverity = "fatal"\n', r'rule\."mark\.late"\.severity: input should be \'info\', \'warning\' or \'error\''),
        ('[rule."mark.late"]\ndays = -1\n', r'rule\."mark\.late"\.days: input should be greater than or equal to 0'),
        ('[rule."mark.late"]\nanswers = "nobody"\n', r'rule\."mark\.late"\.answers: input should be'),
        ('[rule."mark.late"]\nenabled = true\n', r'rule\."mark\.late"\.clause: is missing'),
        ('extend = "base"\n', r"own\.toml: extend: unknown key; did you mean 'extends'"),
        ("evidence_max_age_hours = 0\n", r"evidence_max_age_hours: input should be greater than 0"),
        ('extends = "own"\n', r"own\.toml: extends = 'own': the profiles extend each other in a circle"),
        ("[rule\n", r"own\.toml: not TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_key_and_reason(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        own(tmp_path, own=text)


def test_a_mistake_is_told_of_the_file_in_which_it_stands(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"middle\.toml: rule\.\"mark\.late\"\.day: unknown key"):
        own(tmp_path, own='extends = "middle"\n', middle='extends = "kru"\n[rule."mark.late"]\nday = 1\n')
    with pytest.raises(ConfigError, match=r"middle\.toml: extends = 'own': the profiles extend each other in a circle"):
        own(tmp_path, own='extends = "middle"\n', middle='extends = "own"\n')

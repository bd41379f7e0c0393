"""`svod connectors`, and the page of the documentation that is made of the manifests."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from connectors.conformance import CHECKS, Check, kit
from connectors.contract import Manifest, Product
from connectors.errors import ConnectorError
from connectors.matrix import markdown
from connectors.registry import manifests
from tests.sites import ROOT, Installation


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "connectors.md").read_text(encoding="utf-8")
    assert page == markdown(manifests().values()), "call `make docs`"


PAGE = (ROOT / "docs" / "ADDING_A_PORTAL.md").read_text(encoding="utf-8")


def test_what_the_page_for_strangers_says_is_so() -> None:
    for check in CHECKS:
        assert f"| {check.tier} | `{check.name}` | {check.says} |" in PAGE
    assert PAGE.count("| bronze | `") + PAGE.count("| silver | `") + PAGE.count("| gold | `") == len(CHECKS)
    for name in Product.model_fields:
        assert f"`{name}`" in PAGE, f"a key of the manifest: {name}"
    for error in ConnectorError.__subclasses__():
        assert f"`{error.__name__}" in PAGE


def test_the_test_file_on_the_page_is_the_one_that_runs() -> None:
    """Save that the toy portal must be installed first."""
    shown = PAGE.partition("## The test file\n\n```python\n")[2].partition("```")[0]
    here = (ROOT / "tests" / "toy_portal" / "test_kit.py").read_text(encoding="utf-8").partition('"""\n\n')[2]
    assert shown == here.replace("bench(installed: object)", "bench()")
    assert len(shown.splitlines()) < 20


def test_the_manifest_on_the_page_is_the_toys() -> None:
    shown = tomllib.loads(PAGE.partition("## manifest.toml\n\n```toml\n")[2].partition("```")[0])
    toy = tomllib.loads((ROOT / "tests/toy_portal/toy_portal/manifest.toml").read_text(encoding="utf-8"))
    product, whole = shown["products"]["api"], toy["products"]["api"]
    assert Manifest.model_validate(shown).product(None)
    for entity, fields in product.pop("capabilities").items():
        assert whole["capabilities"][entity] == fields
    assert product.items() <= whole.items()


def test_list(tmp_path: Path) -> None:
    place = Installation(tmp_path)
    listed = {c["name"]: c for c in place.json("connectors", "list")["connectors"]}
    assert set(listed) == set(manifests())
    product = listed["asurso"]["products"]["spo"]
    assert product["auth"] == ["password"]
    assert "attestations" in product["capabilities"]
    shown = place.run("connectors", "list")
    assert "Attestations have no dates" in shown.stdout or "attestations have no dates" in shown.stdout
    assert place.run("connectors", "list", "--markdown").stdout == markdown(manifests().values())


def _one(outcome: list[str]) -> Check:
    def hold(_: object) -> list[str]:
        """It does what the test wants."""
        return outcome

    return Check("one", "silver", "It does what the test wants.", (), hold)


@pytest.mark.parametrize(("complaints", "status", "reached"), [([], 0, "gold"), (["it does not"], 1, "bronze")])
def test_grade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complaints: list[str], status: int, reached: str
) -> None:
    known = manifests()["files"]
    monkeypatch.setitem(manifests(), "files", known.model_copy(update={"tier": "silver"}))
    monkeypatch.setattr(kit, "CHECKS", (_one(complaints),))
    place = Installation(tmp_path)
    done = place.run("--json", "connectors", "grade", "files", status=status)
    (grade,) = json.loads(done.stdout)["grades"]
    assert (grade["declared"], grade["reached"]) == ("silver", reached)
    assert grade["checks"][0]["complaints"] == complaints
    assert bool(complaints) == ("reaches bronze" in done.stderr)
    shown = place.run("connectors", "grade", "files/folder", status=status).stdout
    assert f"declared silver, reached {reached}" in shown


def test_grade_of_something_unknown(tmp_path: Path) -> None:
    place = Installation(tmp_path)
    assert "there is no connector 'nobody'" in place.run("connectors", "grade", "nobody", status=2).stderr
    assert "no product 'nothing'" in place.run("connectors", "grade", "files/nothing", status=2).stderr


def test_every_check_says_what_it_wants() -> None:
    names = [c.name for c in CHECKS]
    assert len(names) == len(set(names))
    assert all(c.says.endswith(".") for c in CHECKS)
    assert CHECKS[-1].name == "reads-only"

"""The reference of layouts names every key, field, kind and shipped layout."""

from __future__ import annotations

import pytest

from connectors.files.layouts.fields import KINDS
from connectors.files.layouts.model import ROLES, Across, Column, FileRules, Heading, Layout, Table
from tests.sites import ROOT

REFERENCE = (ROOT / "docs" / "layouts.md").read_text(encoding="utf-8")
FOR_STAFF = (ROOT / "docs" / "ru" / "файлы.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", [Layout, FileRules, Heading, Table, Column, Across])
def test_every_key_is_described(model: type[Layout]) -> None:
    assert [k for k in model.model_fields if f"`{k}`" not in REFERENCE and f"\n{k} = " not in REFERENCE and f"[{k}]" not in REFERENCE] == []  # fmt: skip


def test_every_kind_field_and_role_is_described() -> None:
    names = {*KINDS, *ROLES, *(f for kind in KINDS.values() for f in kind.fields)}
    assert sorted(n for n in names if f"`{n}`" not in REFERENCE) == []


def test_every_shipped_layout_is_described() -> None:
    shipped = sorted(p.stem for p in (ROOT / "config" / "layouts").glob("*.toml"))
    assert [n for n in shipped if f"`{n}`" not in REFERENCE or f"`{n}`" not in FOR_STAFF] == []

"""The reference of svod.toml names every key with its default, and its example is one that svod takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from connectors.contract import OAuth, PasswordAuth, Secret, SourceConfig, TokenAuth
from svod.settings import (
    InstitutionSettings,
    QueueSettings,
    ScheduleSettings,
    SecretsSettings,
    Settings,
    StoreSettings,
    load,
)
from tests.sites import ROOT

PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SECTIONS: dict[str, type[BaseModel]] = {
    "Secrets": Secret,
    "`[store]`": StoreSettings,
    "`[queue]`": QueueSettings,
    "`[secrets]`": SecretsSettings,
    "`[[institution]]`": InstitutionSettings,
    "`[[institution.source]]`": SourceConfig,
    "`auth` of kind `token`": TokenAuth,
    "`auth` of kind `oauth`": OAuth,
    "`auth` of kind `password`": PasswordAuth,
    "`[[schedule]]`": ScheduleSettings,
}


def rows(section: str) -> dict[str, str]:
    """The keys that a section describes, and their defaults."""
    _, _, rest = PAGE.partition(f"# {section}\n")
    own = re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]*?) ?\|", own, re.MULTILINE))


def default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    return "–" if field.default in (None, ()) else f"`{json.dumps(field.default)}`"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_described_with_its_default(section: str) -> None:
    known = {name: default(field) for name, field in SECTIONS[section].model_fields.items()}
    assert rows(section) == known


def test_every_table_has_its_section() -> None:
    tables = {"store", "queue", "secrets", "institution", "schedule"}
    assert set(Settings.model_fields) == tables
    assert all(re.search(rf"^## `\[+{table}\]+`$", PAGE, re.MULTILINE) for table in tables)


def test_the_example_is_taken(tmp_path: Path) -> None:
    example = re.findall(r"^```toml\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL)[-1]
    file = tmp_path / "svod.toml"
    file.write_text(example, encoding="utf-8")
    site = load(file)
    assert site.settings.passwords_in_addresses() == []
    given = site.settings.institution
    written = {key for i in given for s in i.source for key in s.model_fields_set}
    assert written == set(SourceConfig.model_fields)
    assert {s.auth.kind for i in given for s in i.source if s.auth} == {"token", "oauth", "password"}

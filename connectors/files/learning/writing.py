"""Writes a proposed layout as TOML with remarks for the person who corrects it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.files.identifying import Preview


def written(data: Mapping[str, Any], missing: Sequence[str], preview: Preview | None) -> str:
    """The TOML text of a layout; what is missing and what was not recognised stands in remarks."""
    lines = ["# Предложено `svod files learn`. Проверьте и поправьте; все ключи описаны в docs/layouts.md.", ""]
    lines.append(f"title = {_value(data['title'])}")
    lines += [
        f'# НЕ ХВАТАЕТ: {m}. Добавьте колонку или заголовок, например: group = {{ value = "7А" }}' for m in missing
    ]
    if data["heading"]:
        lines += ["", "[heading]", *(f"{name} = {_value(_short(how))}" for name, how in data["heading"].items())]
    for table in data["table"]:
        lines += ["", "[[table]]"]
        lines += [f"{key} = {_value(table[key])}" for key in table if key not in {"columns", "across"}]
        lines += ["", "[table.columns]", *(f"{name} = {_value(how)}" for name, how in table["columns"].items())]
        if "across" in table:
            lines += ["", "[table.across]", *(f"{name} = {_value(how)}" for name, how in table["across"].items())]
    if preview and preview.unknown:
        lines += ["", "# Эти колонки не читаются: " + "; ".join(" ".join(name.split()) for name in preview.unknown)]
    return "\n".join(lines) + "\n"


def _short(how: Mapping[str, Any]) -> Any:
    return how["label"] if set(how) == {"label"} else how


def _value(value: Any) -> str:
    """A value of TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)

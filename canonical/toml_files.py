"""TOML files checked against pydantic models: what is wrong is said with file, key and reason."""

from __future__ import annotations

import difflib
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

_QUOTED: Final = re.compile("'([^']*)'")


class ConfigError(ValueError):
    """The file cannot be used. The message names file, key and reason; several problems stand on a line each."""


def read_toml(file: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: it cannot be read, or is not TOML.

    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML: {error}") from None


def checked(
    file: Path,
    model: type[M],
    data: Mapping[str, Any],
    *,
    place: str = "",
    unions: Iterable[str] = (),
    context: Mapping[str, Any] | None = None,
) -> M:
    """The data of a file, or of the table `place` of it, as a model; `context` is for the model's validators.

    `unions` names the keys that hold one of several tables, told apart by a key of theirs: pydantic puts the name of the
    variant behind them into the place of a problem, where the file has none.

    Raises:
        ConfigError: it does not fit; an unknown key is told with the nearest known one.

    """
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        # a key that is misspelt before those that are missing: they may be the same
        problems = sorted(error.errors(include_url=False), key=lambda p: p["type"] != "extra_forbidden")
        raise ConfigError("\n".join(_explain(file, model, p, place, frozenset(unions)) for p in problems)) from None


def near(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the nearest known name, if one is near."""
    close = nearest(name, known)
    return f"; did you mean {close!r}?" if close else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one; null if none is near."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)


def _explain(file: Path, model: type[BaseModel], problem: Any, outer: str, unions: frozenset[str]) -> str:
    loc = _without_variants(problem["loc"], unions)
    said = problem.get("ctx", {})
    place = outer + "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in loc)
    place = f"{place}.{said['at']}" if "at" in said else place
    place = place.lstrip(".") or "the file"
    if problem["type"] == "extra_forbidden":
        *above, name = loc
        return f"{file}: {place}: unknown key{near(str(name), _keys_at(model, above))}"
    if problem["type"] == "missing":
        return f"{file}: {place}: is missing"
    if problem["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        key = said["discriminator"].strip("'")
        known = _tags(model, loc, key)
        if "tag" not in said:
            return f"{file}: {place}.{key}: is missing; it is one of {', '.join(known)}"
        return f"{file}: {place}.{key}: {said['tag']!r} is none of {', '.join(known)}{near(said['tag'], known)}"
    if problem["type"] == "string_type":
        return f"{file}: {place}: must be text: write it in quotes"
    message = problem["msg"].removeprefix("Value error, ")
    hint = near(str(problem["input"]), _QUOTED.findall(said["expected"])) if problem["type"] == "literal_error" else ""
    return f"{file}: {place}: {message[0].lower()}{message[1:]}{hint}"


def _without_variants(loc: Sequence[int | str], unions: frozenset[str]) -> list[int | str]:
    return [part for before, part in zip((None, *loc), loc, strict=False) if before not in unions]


def _keys_at(model: type[BaseModel], loc: Iterable[int | str]) -> list[str]:
    """The keys that a table at this place may have."""
    return [f.alias or name for table in _tables_at(model, loc) for name, f in table.model_fields.items()]


def _tags(model: type[BaseModel], loc: Iterable[int | str], key: str) -> list[str]:
    """The values of the key that tells the tables at this place apart."""
    fields = (table.model_fields[key] for table in _tables_at(model, loc))
    return [tag for field in fields for tag in typing.get_args(field.annotation)]


def _tables_at(model: type[BaseModel], loc: Iterable[int | str]) -> list[type[BaseModel]]:
    here: list[type[BaseModel]] = [model]
    for part in loc:
        if isinstance(part, str):
            here = [
                inner
                for table in here
                for inner in (_models(table.model_fields[part].annotation) if part in table.model_fields else [table])
            ]
    return here


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in {types.UnionType, typing.Union, tuple, typing.Annotated}:
        return [m for a in typing.get_args(annotation) for m in _models(a)]
    return []

"""Lines of `<entity>.ndjson` and rows of `<entity>.csv`, in the fields of canonical.md, as records."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

import msgspec

from canonical.batch import Batch, Drift, Origin, Read, Reject
from canonical.cleaning import MalformedError, clean, clean_all, decoder
from canonical.entities import ENTITIES, Entity, Field, Person, Record
from connectors.errors import UnexpectedAnswerError

Pseudonym = Callable[[str], str | None]

_SNILS: Final = re.compile(r"[\d\s-]{11,14}")
_WORDS: Final[Mapping[str, bool]] = {"true": True, "false": False, "1": True, "0": False}


def read_lines(
    entity: str, lines: Sequence[tuple[int, bytes]], origin: Origin, zone: tzinfo, pseudonym: Pseudonym
) -> Read:
    """The records of numbered lines, each with the position of its line; what is none is set aside with its number."""
    records: list[Record] = []
    places: list[int] = []
    rejects: list[Reject] = []

    def refuse(position: int, error: MalformedError) -> None:
        number, line = lines[position]
        raw = {"line": number, "text": line.decode("utf-8", errors="replace")}
        rejects.append(Reject(entity, _key_in(line), str(error), raw, origin))

    decode = decoder(entity)
    for position, (_, line) in enumerate(lines):
        try:
            records.append(decode(line))
        except MalformedError as error:
            refuse(position, error)
        else:
            places.append(position)
    if entity == "people":
        records = [_private(r, pseudonym) for r in records]
    for n in reversed(clean_all(ENTITIES[entity], records, zone)):
        try:
            records[n] = clean(records[n], zone)
        except MalformedError as error:
            refuse(places[n], error)
            del records[n], places[n]
    return Read(records, places, rejects)


def _key_in(line: bytes) -> str | None:
    """The key of a line that is JSON at least."""
    try:
        item = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    key = item.get("key") if isinstance(item, dict) else None
    return key.strip() or None if isinstance(key, str) else None


def csv_batch(entity: str, text: str, *, origin: Origin, pseudonym: Pseudonym) -> Batch:
    """The records of a CSV text with a header row; a row that is none is set aside with its number.

    Raises:
        UnexpectedAnswerError: the header names no key, or lacks a required field.

    """
    known = ENTITIES[entity]
    rows = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(rows, [])]
    batch = Batch()
    fields = _columns(known, header, batch)
    records = []
    for number, row in enumerate(rows, 2):
        if not any(cell.strip() for cell in row):
            continue
        said = dict(zip(header, row, strict=False))
        try:
            records.append(_private(_record(known, fields, said), pseudonym))
        except MalformedError as error:
            key = said.get("key", "").strip() or None
            batch.reject(entity, str(error), {"row": number, **said}, key=key, origin=origin)
    batch.add(records, origin)
    return batch


def _record(entity: Entity, fields: list[Field], said: Mapping[str, str]) -> Record:
    values = {f.name: v for f in fields if (v := _value(f, said.get(f.name, "").strip())) is not None}
    missing = next((f.name for f in entity.fields if f.required and f.name not in values), None)
    if missing:
        raise MalformedError(f"{missing}: required, but empty")
    return entity.record(**values)


def _columns(entity: Entity, header: list[str], batch: Batch) -> list[Field]:
    by_name = {f.name: f for f in entity.fields}
    lacking = [f.name for f in entity.fields if f.required and f.name not in header]
    if lacking:
        raise UnexpectedAnswerError(
            f"{entity.name}.csv: the header row lacks {', '.join(lacking)}; it must name the fields"
        )
    for name in header:
        if name not in by_name and name != "source":
            batch.drift[Drift("unknown_field", entity.name, name)] += 1
    return [by_name[name] for name in header if name in by_name]


def _value(field: Field, text: str) -> Any:
    """The value that a cell's text stands for.

    Raises:
        MalformedError: it stands for none.

    """
    if not text:
        return None
    kind = field.kind.__name__
    try:
        return _READ[kind](text)
    except (ValueError, KeyError, msgspec.MsgspecError):
        raise MalformedError(f"{field.name}: cannot be read as {_KIND[kind]}") from None


def _number(text: str) -> int | float:
    number = float(text.replace(",", "."))
    return int(number) if number.is_integer() else number


_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "str": str,
    "int": int,
    "float": _number,
    "bool": lambda text: _WORDS[text.casefold()],
    "tuple": lambda text: tuple(part.strip() for part in text.split("|") if part.strip()),
    "dict": lambda text: msgspec.json.decode(text, type=dict[str, Any]),
}
_KIND: Final = {"int": "a whole number", "float": "a number", "bool": "true or false", "dict": "a JSON object"}


def _private(record: Record, pseudonym: Pseudonym) -> Record:
    """A СНИЛС in the open becomes its keyed hash (canonical.md)."""
    if isinstance(record, Person) and record.snils and _SNILS.fullmatch(record.snils.strip()):
        return msgspec.structs.replace(record, snils=pseudonym(re.sub(r"\D", "", record.snils)))
    return record

"""Lines of `<entity>.ndjson` and rows of `<entity>.csv`, in the fields of canonical.md, as records."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

import msgspec

from canonical.batch import Batch, Drift, Lines, Origin, Read, Reject
from canonical.cleaning import MalformedError, clean, clean_all, decoder
from canonical.entities import ENTITIES, Entity, Field, Person, Record
from connectors.errors import UnexpectedAnswerError
from connectors.files.plain import is_plain

Pseudonym = Callable[[str], str | None]

_SNILS: Final = re.compile(r"[\d\s-]{11,14}")
_WORDS: Final[Mapping[str, bool]] = {"true": True, "false": False, "1": True, "0": False}


def ndjson_batch(
    entity: str, lines: Sequence[tuple[int, bytes]], *, origin: Origin, zone: tzinfo, pseudonym: Pseudonym
) -> Batch:
    """Numbered lines as a batch; a line that is no record is set aside with its number."""
    bodies = [line for _, line in lines]

    def read(positions: Sequence[int]) -> Read:
        return _read_lines(entity, [(p, *lines[p]) for p in positions], origin, zone, pseudonym)

    return Batch(lines=[Lines(entity, origin, bodies, read)])


def _read_lines(
    entity: str, lines: Sequence[tuple[int, int, bytes]], origin: Origin, zone: tzinfo, pseudonym: Pseudonym
) -> Read:
    """The records of lines, each with its position and its number in the file."""
    records: list[Record] = []
    places: list[tuple[int, int, bytes]] = []
    rejects: list[Reject] = []

    def refuse(line: tuple[int, int, bytes], error: MalformedError) -> None:
        text = line[2].decode("utf-8", errors="replace")
        rejects.append(Reject(entity, _key_in(line[2]), str(error), {"line": line[1], "text": text}, origin))

    decode = decoder(entity)
    for line in lines:
        try:
            records.append(decode(line[2]))
        except MalformedError as error:
            refuse(line, error)
        else:
            places.append(line)
    if entity == "people":
        records = [_private(r, pseudonym) for r in records]
    plain = is_plain(b"\n".join(line for *_, line in places))
    for n in reversed(clean_all(ENTITIES[entity], records, zone, plain=plain)):
        try:
            records[n] = clean(records[n], zone)
        except MalformedError as error:
            refuse(places[n], error)
            del records[n], places[n]
    return Read(records, [position for position, *_ in places], rejects)


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

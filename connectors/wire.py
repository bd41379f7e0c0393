"""Reading a portal's JSON record by record: what is broken is set aside alone, what is new is noted as drift."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from canonical.batch import Batch, Drift, Origin
from connectors.errors import UnexpectedAnswerError


class Wire(BaseModel):
    """An object of a portal's wire. Fields that the connector does not know are kept, and noted as drift.

    `known` names fields that the portal is known to send and that no mapper needs.
    """

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True, str_strip_whitespace=True)

    known: ClassVar[frozenset[str]] = frozenset()


W = TypeVar("W", bound=Wire)


def as_list(value: Any, *wrappers: str, where: str) -> list[Any]:
    """The items of an answer that is a list, or an object that wraps one; null is an empty list.

    Raises:
        UnexpectedAnswerError: it is neither.

    """
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for name in wrappers:
            if name in value and (value[name] is None or isinstance(value[name], list)):
                return value[name] or []
    raise UnexpectedAnswerError(f"{where}: a list was expected, not {type(value).__name__}")


def read_each(
    items: Sequence[Any],
    model: type[W],
    batch: Batch,
    *,
    entity: str,
    key: str | Sequence[str] | Callable[[Any], str | None],
    origin: Origin,
    hides: tuple[str, ...] = (),
) -> Iterator[W]:
    """The items that are what they should be; the others are set aside in the batch, each alone.

    `key` names the field (or several, the first that is there counts) that holds an item's own key, or is a function
    that makes it of the item; `hides` names the entities that stand inside an item and cannot be read when it is broken.
    """
    names = () if callable(key) else (key,) if isinstance(key, str) else tuple(key)
    for item in items:
        found = key(item) if callable(key) else plain_key(item, *names)
        if (made := read_one(item, model, batch, entity=entity, key=found, origin=origin, hides=hides)) is not None:
            yield made


def read_one(
    item: Any,
    model: type[W],
    batch: Batch,
    *,
    entity: str,
    key: str | None,
    origin: Origin,
    hides: tuple[str, ...] = (),
) -> W | None:
    """An item, as `read_each` gives it; null, and the item set aside under its `key`, where it is not what it should be."""
    try:
        made = model.model_validate(item)
    except ValidationError as error:
        for lacking in error.errors(include_input=False, include_url=False, include_context=False):
            if lacking["type"] == "missing":
                batch.drift[Drift("missing_field", model.__name__, str(lacking["loc"][-1]))] += 1
        batch.reject(entity, reason(error), item, key=key, origin=origin, hides=hides)
        return None
    note_drift(made, batch)
    return made


def reason(error: ValidationError) -> str:
    """Which field of a broken item is wrong, and how; never its value, which may be a child's name."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(p) for p in first["loc"]) or "record"
    return f"{place}: {first['msg'][0].lower()}{first['msg'][1:]}"


def note_drift(made: Wire, batch: Batch) -> None:
    """Notes which fields an object and those that it holds have, and counts those that the connector does not know."""
    kind = type(made)
    batch.shapes[kind.__name__, frozenset(made.model_fields_set)] += 1
    for name in made.model_extra or ():
        if name not in kind.known:
            batch.drift[Drift("unknown_field", kind.__name__, name)] += 1
    for value in made.__dict__.values():
        for inner in value if isinstance(value, list) else (value,):
            if isinstance(inner, Wire):
                note_drift(inner, batch)


def plain_key(item: Any, *names: str) -> str | None:
    """The first of these fields of an item that holds an identifier, as text; null if none does."""
    if not isinstance(item, Mapping):
        return None
    for name in names:
        value = item.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return None


class Words:
    """Translates a portal's code words, and keeps those it does not know for the record's `raw`."""

    def __init__(self, batch: Batch, where: str) -> None:
        self._batch = batch
        self._where = where
        self._raw: dict[str, Any] = {}

    def of(self, field: str, word: str | None, table: Mapping[str, str | None]) -> str | None:
        """The canonical word for a portal's word; an unknown one gives null, and stands in `raw` as it came."""
        if word is None or word in table:
            return table[word] if word is not None else None
        self._raw[field] = word
        self._batch.drift[Drift("unknown_value", self._where, f"{field}={word}")] += 1
        return None

    @property
    def raw(self) -> dict[str, Any] | None:
        """What no word was found for."""
        return self._raw or None

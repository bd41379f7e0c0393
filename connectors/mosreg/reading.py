"""A list of the portal, read item by item: what is good, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic

from pydantic import ValidationError

from canonical.batch import Batch, Origin, Reject
from connectors.mosreg.client import Listing
from connectors.wire import W, Wire, plain_key, read_each


@dataclass(frozen=True, slots=True)
class Read(Generic[W]):
    """Items that are what they should be, each with where it came from. `problems` holds what the others are."""

    items: tuple[tuple[W, Origin], ...] = ()
    problems: Batch = field(default_factory=Batch)

    @property
    def rejects(self) -> list[Reject]:
        return self.problems.rejects

    @property
    def is_whole(self) -> bool:
        """Whether everything could be read."""
        return not self.problems.rejects

    @property
    def has_keys(self) -> bool:
        """Whether everything that could not be read has its key at least."""
        return all(r.key is not None for r in self.problems.rejects)

    def report(self, batch: Batch) -> None:
        """Puts into a batch what could not be read, and what was new."""
        batch.rejects.extend(self.problems.rejects)
        batch.drift.update(self.problems.drift)


def read(
    listing: Listing,
    model: type[W],
    *,
    entity: str,
    key: str | Callable[[Any], str | None] = "id",
    hides: tuple[str, ...] = (),
) -> Read[W]:
    """Reads a list. `entity`, `key` and `hides` say what a broken item is set aside as."""
    problems = Batch()
    items = [
        (made, origin)
        for rows, origin in listing.parts()
        for made in read_each(rows, model, problems, entity=entity, key=key, origin=origin, hides=hides)
    ]
    return Read(tuple(items), problems)


def salvaged(item: Any, model: type[Wire], needed: Mapping[str, Any]) -> dict[str, Any]:
    """Those fields of a broken item that are good by themselves. `needed` stands in for fields the model must have."""
    found: dict[str, Any] = {}
    if isinstance(item, Mapping):
        for name in model.model_fields:
            if name in item:
                with suppress(ValidationError):  # the item is set aside already, with its reason
                    found[name] = getattr(model.model_validate({**needed, name: item[name]}), name)
    return found


def parts_key(*names: str) -> Callable[[Any], str | None]:
    """A key of several fields of an item, joined; null if one of them cannot be read."""

    def key(item: Any) -> str | None:
        parts = [plain_key(item, name) for name in names]
        return ":".join(p for p in parts if p) if all(parts) else None

    return key

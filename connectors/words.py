"""Russian words that portals have in common."""

from __future__ import annotations

from typing import Final

_PERIODS: Final = (
    ("quarter", "четверт"),
    ("trimester", "триместр"),
    ("half_year", "полугод"),
    ("semester", "семестр"),
    ("module", "модул"),
    ("year", "год"),
)
"""What the name of a period of a kind holds. «Полугодие» holds «год»: the order matters."""


def period_kind(*names: str | None) -> str | None:
    """The kind of a reporting period by the first of these names that tells it."""
    for name in names:
        for kind, word in _PERIODS:
            if word in (name or "").casefold():
                return kind
    return None

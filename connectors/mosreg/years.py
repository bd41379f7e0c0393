"""Which of the portal's academic years is meant (facts B4.1)."""

from __future__ import annotations

from canonical.years import AcademicYear
from connectors.mosreg.client import Listing
from connectors.mosreg.formats import to_moment
from connectors.wire import plain_key


def year_of(years: Listing, wanted: AcademicYear) -> str | None:
    """The portal's id of an academic year, by its name or by the day on which it begins; null if it has none."""
    for item in years.items():
        if isinstance(item, dict) and (
            str(item.get("name")).strip() == wanted.name or _begins_in(item) == wanted.first
        ):
            return plain_key(item, "id")
    return None


def _begins_in(item: dict[str, object]) -> int | None:
    try:
        return to_moment(item.get("begin_date")).year
    except ValueError:
        return None

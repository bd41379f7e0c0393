"""What a printed mark is: its grade and its meaning (canonical.md, the paragraph on marks). Pure."""

from __future__ import annotations

from canonical.scales import Scale
from connectors.mosreg.formats import plain


def grade_and_meaning(value: str | None, scale: Scale, highest: float | None = None) -> tuple[int | None, str | None]:
    """The grade that the institution's scale gives a value, and what the value means.

    `highest` is the top of the value's own grade system, where the portal says it. A scale that does not list the top of
    a system is not a scale of that system: a 5 of ten points is no 5 of five. Such a number is a mark without a grade.
    """
    foreign = highest is not None and scale.grade(plain(highest)) is None
    meaning = scale.meaning(value)
    if value and (foreign or meaning == "note") and _is_number(value):
        return None, "grade"
    return scale.grade(value), meaning


def _is_number(value: str) -> bool:
    return value.strip().replace(",", ".").replace(".", "", 1).isdigit()

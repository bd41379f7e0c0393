"""Text as the canonical journal keeps it, and the order in which people expect to see it."""

from __future__ import annotations

import unicodedata


def tidy(text: str | None) -> str | None:
    """NFC, trimmed, inner white space single; what is left empty is null (canonical.md)."""
    if text is None:
        return None
    return " ".join(unicodedata.normalize("NFC", text).split()) or None


def sort_key(text: str | None) -> tuple[tuple[str, str], ...]:
    """A key that sorts Russian text as a paper journal does: ё beside е, case aside, `10А` after `9А`.

    Made in Python so that the order is the same whatever the collation of a database.
    """
    folded = (text or "").casefold()
    parts: list[tuple[str, str]] = []
    digits = ""
    for char in [*folded, ""]:
        if char.isdigit():
            digits += char
            continue
        if digits:
            parts.append(("0", digits.zfill(12)))
            digits = ""
        if char:
            parts.append(("1е", "1") if char == "ё" else (f"1{char}", "0"))
    return tuple(parts)

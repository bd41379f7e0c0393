"""Whether a text is the one that a layout names: case, ё and е, spaces, and signs at the ends make no difference."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache


@lru_cache(maxsize=50_000)
def folded(text: str) -> str:
    """A text as it is compared."""
    plain = re.sub(r"\s+", " ", text.casefold().replace("ё", "е").replace("\xad", ""))
    return plain.strip(" \t\n:.;,*«»\"'()")


def fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether a text is one of those named; `*` stands for anything."""
    here = folded(text)
    return any(fnmatchcase(here, _pattern(p)) for p in patterns)


@lru_cache(maxsize=5_000)
def _pattern(pattern: str) -> str:
    """A pattern folded like a text, its stars kept."""
    starred = re.sub(r"\s+", " ", pattern.casefold().replace("ё", "е")).strip(" :.;,«»\"'()")
    return starred.replace("[", "[[]").replace("?", "[?]")

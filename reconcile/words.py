"""Words that two systems write differently and mean the same: letter shapes, names of groups, names of subjects."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_LATIN: Final = "aceopxykmthb"
_CYRILLIC: Final = "асеорхукмтнв"
_LOOKS_LIKE: Final = str.maketrans(_LATIN, _CYRILLIC)
_MARKS: Final = str.maketrans(
    {"ё": "е", "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "«": '"', "»": '"', "“": '"', "”": '"', "„": '"', "’": "'"}
)  # fmt: skip
_LATIN_WORD: Final = re.compile(r"[^\W\d_]*[a-z][^\W\d_]*")
_AROUND: Final = re.compile(r"\s*([-,.;:/()\"'§№])\s*")
_PIECES: Final = re.compile(r"\d+|[^\W\d_]+")
_BRACKETS: Final = re.compile(r"\([^)]*\)")

_GROUP_WORDS: Final = frozenset({"класс", "кл", "группа", "гр"})
_PART_WORDS: Final = frozenset({"подгруппа", "подгр", "пг", "п", "г", "группа", "гр", "я", "й", "ая"})
_SMALL_WORDS: Final = frozenset({"и", "в", "во", "на", "по", "с", "со", "к", "о", "об", "для"})
_CODE: Final = re.compile(r"(мдк|уп|пп|пм|оп|опд|опц|огсэ|ен|бд|пд|оуд|одб|одп|уд|сг|пдп)((?: \d+)+)(?: |$)")


def _like_cyrillic(word: re.Match[str]) -> str:
    """A word in which every Latin letter looks like a Cyrillic one is a Cyrillic word typed on the wrong layout."""
    text = word[0]
    return text.translate(_LOOKS_LIKE) if all(c in _LATIN for c in text if c < "{") else text


@lru_cache(maxsize=65_536)
def fold(text: str) -> str:
    """The text without what makes no difference to a reader: case, ё, the kind of dashes and quotes, spaces, look-alikes."""
    folded = unicodedata.normalize("NFC", text).casefold().translate(_MARKS)
    return " ".join(_LATIN_WORD.sub(_like_cyrillic, folded).split())


@lru_cache(maxsize=65_536)
def prose(text: str) -> str:
    """Running text (a topic, homework) for comparison: `fold`, without spaces around signs and a full stop at the end.

    Portals join the parts of a homework in their own ways: a semicolon is a comma.
    """
    return _AROUND.sub(r"\1", fold(text)).replace(";", ",").rstrip(".,")


def group_name(name: str, level: int | None = None) -> str:
    """The name of a class or study group in one spelling: `10 "А"`, `10-А` and `10а класс` are `10а`.

    A dash counts only between two numbers (`ИС-1-12` is not `ИС-11-2`). A bare letter gets the grade before it.
    """
    pieces = [p for p in _PIECES.findall(fold(name)) if p not in _GROUP_WORDS]
    made = "".join(
        f"-{piece}" if before.isdigit() and piece.isdigit() else piece
        for before, piece in zip(["", *pieces], pieces, strict=False)
    )
    return f"{level}{made}" if level is not None and made and not any(p.isdigit() for p in pieces) else made


def part_name(name: str) -> str:
    """The name of a subgroup in one spelling: `подгруппа 1`, `1 п/г` and `1` are `1`."""
    pieces = _PIECES.findall(fold(name.rpartition("/")[2] if "/" in name and "п/г" not in name.casefold() else name))
    return " ".join(p for p in pieces if p not in _PART_WORDS) or " ".join(pieces)


@lru_cache(maxsize=4_096)
def subject_words(name: str) -> tuple[str, ...]:
    """The words and numbers of a subject's name: `МДК.01.01 Разработка` is `мдк 1 1 разработка`."""
    return tuple(str(int(p)) if p.isdigit() else p for p in _PIECES.findall(fold(name)))


def subject_code(name: str) -> tuple[str, str]:
    """The curriculum code that a college's subject begins with (`мдк 1 1`, else empty), and the name without it."""
    text = " ".join(subject_words(name))
    found = _CODE.match(text)
    return (f"{found[1]}{found[2]}", text[found.end() :].strip()) if found else ("", text)


def abbreviates(short: str, full: str) -> bool:
    """Whether one subject's name may be short for another: `Ин.яз`, `ОБЖ`, `Физ-ра`, `Био`."""
    less, more = subject_words(short), subject_words(full)
    if not less or not more or less == more:
        return False
    if len(less) == len(more) and (len(less) > 1 or len(less[0]) <= 4) and all(map(_begins, less, more)):
        return True
    if len(less) == 1 and len(less[0]) >= 3:
        return less[0] in {_initials(more), _initials(tuple(w for w in more if w not in _SMALL_WORDS))}
    if len(less) == 2 and "-" in fold(short):
        return more[0].startswith(less[0]) and more[-1].endswith(less[1]) and len(more) <= 2
    return False


def _begins(short: str, long: str) -> bool:
    return long.startswith(short) and (short == long or not short.isdigit())


def _initials(words: tuple[str, ...]) -> str:
    return "".join(w[0] for w in words)


def without_brackets(name: str) -> str:
    """`7А (кадетский)` is `7А`."""
    return _BRACKETS.sub(" ", name)

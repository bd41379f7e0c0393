"""Sees at a glance that the texts in lines of JSON are tidy already."""

from __future__ import annotations

from typing import Final

_ASCII: Final = bytes(b for b in range(0x20, 0x7F) if b != 0x5C)
_CYRILLIC: Final = bytes((0xD0, 0xD1))
_FOLLOWING: Final = bytes(range(0x80, 0xC0))
_PLAIN: Final = _ASCII + _CYRILLIC + _FOLLOWING + b"\n"
"""Printable ASCII without the backslash, and the bytes of Cyrillic letters: always in NFC, never white space."""


def is_plain(lines: bytes) -> bool:
    """Whether every string in these lines of JSON is surely tidy (canonical.md): NFC, trimmed, inner spaces single.

    It may say no of lines that are tidy, never yes of ones that are not.
    """
    return not (lines.translate(None, _PLAIN) or b"  " in lines or b'""' in lines or _has_padding(lines))


def _has_padding(lines: bytes) -> bool:
    """Whether some string may begin or end with a space: quotes stand beside spaces elsewhere than JSON puts them."""
    before = sum(lines.count(sign + b' "') for sign in (b":", b",", b"{", b"["))
    after = sum(lines.count(b'" ' + sign) for sign in (b":", b",", b"}", b"]"))
    return lines.count(b' "') != before or lines.count(b'" ') != after

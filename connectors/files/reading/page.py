"""HTML pages, which portals like to name `.xls`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from connectors.files.reading.sheets import MOST_COLUMNS, Sheet, Value, trimmed
from connectors.files.trouble import UnreadableFileError

_BLOCKS: Final = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "title", "caption"})
_SILENT: Final = frozenset({"script", "style", "head"})


def read_html(text: str) -> tuple[Sheet, ...]:
    """A page as one sheet: the rows of its tables and, between them, its other text a row a line.

    A cell over several columns or rows stands in the first of them, the others are empty. A table that holds tables is
    only a frame for them.

    Raises:
        UnreadableFileError: there is no table in it.

    """
    parser = etree.HTMLParser(no_network=True, huge_tree=False, encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError) as error:
        raise UnreadableFileError(f"the page cannot be read: {error}; export it again") from None
    if root is None or root.find(".//table") is None:
        raise UnreadableFileError("there is no table in the page")
    name = " ".join((root.findtext(".//title") or "").split()) or "page"
    return (Sheet(name, 1, trimmed(_flow(root))),)


def _flow(element: etree._Element) -> Iterator[list[Value]]:
    """The rows of an element in the order of the document."""
    words = [element.text or ""]
    for child in element.iterchildren():
        if child.tag == "table" and child.find(".//table") is None:
            yield from _lines(words)
            yield from _rows(child)
        elif child.find(".//table") is not None:
            yield from _lines(words)
            yield from _flow(child)
        elif child.tag not in _SILENT:
            words.extend(_words(child))
            words.append(child.tail or "")
            continue
        words = [child.tail or ""]
    yield from _lines(words)


def _lines(words: list[str]) -> Iterator[list[Value]]:
    for line in _text(words).split("\n"):
        if line:
            yield [line]


def _words(element: etree._Element) -> Iterator[str]:
    """The pieces of an element's text; a line feed where the page breaks a line."""
    if element.tag in _BLOCKS:
        yield "\n"
    yield element.text or ""
    for child in element.iterchildren():
        yield from _words(child)
        yield child.tail or ""
    if element.tag in _BLOCKS:
        yield "\n"


def _text(words: list[str]) -> str:
    """Pieces put together: white space of the source is one space, and empty lines are none."""
    said = "".join(word if word == "\n" else re.sub(r"\s+", " ", word) for word in words)
    return "\n".join(line for part in said.split("\n") if (line := part.strip()))


def _rows(table: etree._Element) -> Iterator[list[Value]]:
    reaching: dict[int, int] = {}
    for element in table.iter("tr"):
        row = _row(element, reaching)
        filled = [cell for cell in row if cell]
        if len(filled) == 1 and isinstance(filled[0], str) and "\n" in filled[0]:
            for line in filled[0].split("\n"):  # a heading of several lines
                yield [line]
        else:
            yield row


def _row(element: etree._Element, reaching: dict[int, int]) -> list[Value]:
    """The cells of a row; `reaching` says of columns for how many rows more a cell above reaches down."""
    row: list[Value] = []
    down: dict[int, int] = {}

    def pass_over() -> None:
        while reaching.get(len(row), 0) > 0:
            row.append(None)

    for cell in element.iterchildren("td", "th"):
        pass_over()
        wide, high = _span(cell, "colspan"), _span(cell, "rowspan")
        down.update((len(row) + n, high - 1) for n in range(wide))
        row.append(_text(list(_words(cell))))
        row.extend([None] * (wide - 1))
    pass_over()
    for column in reaching:
        reaching[column] -= 1
    reaching.update(down)
    return row


def _span(cell: etree._Element, name: str) -> int:
    said = (cell.get(name) or "").strip()
    return min(max(int(said), 1), MOST_COLUMNS) if said.isdecimal() and len(said) < 9 else 1

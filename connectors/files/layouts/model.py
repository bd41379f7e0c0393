"""A layout as its TOML file says it, checked; docs/layouts.md describes every key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from canonical.entities import ENTITIES
from canonical.toml_files import checked, near, read_toml
from connectors.files.layouts.fields import KINDS

CANONICAL: Final = "canonical"
"""The name in the place of a layout's of folders that hold the canonical journal itself."""

ROLES: Final = ("date", "month", "day", "number", "work", "weight", "period", "subject", "group", "kind", "ignore")
"""What a header row above columns across may hold."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _compiles(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression that a whole text must fit; its named groups are fields."""

Patterns = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""One text, or a list of them; `*` stands for anything."""


def _are_dates(value: tuple[str, ...]) -> tuple[str, ...]:
    for form in value:
        if not re.fullmatch(r"(?:DD?|MM?M?|YYYY|YY|[ ./,:-])+", form):
            raise ValueError(f"{form!r}: a form of dates is made of DD, MM (05), MMM (сен), YYYY, YY and signs between")
    return value


DateForms = Annotated[tuple[str, ...], BeforeValidator(_listed), AfterValidator(_are_dates)]
"""Forms of dates: `DD.MM.YYYY`."""

SKIP: Final = ("итого", "итого:*", "итого *часов*", "всего", "всего:*", "всего *часов*")
"""Rows of sums, which are no records; in tables of pupils also what follows."""

SKIP_PUPILS: Final = (*SKIP, "итого *", "всего *", "средний балл*", "средняя *", "качество *", "успеваемость *", "соу", "соу *", "кол-во *", "количество *")  # fmt: skip
END_PUPILS: Final = ("классный руководитель*", "кл. рук*", "куратор", "куратор *", "куратор:*", "директор", "директор *",
                     "заместитель *", "зам. директора*", "преподаватель*", "учитель", "учитель *", "учитель:*", "подпись*",
                     "исполнитель*", "дата составления*", "условные обозначения*")  # fmt: skip
"""What begins the lines under a table of pupils."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Said(_Table):
    """How a value is taken from a text."""

    pattern: Pattern | None = None
    words: dict[str, str] = {}
    dates: DateForms = ()
    separator: str | None = None
    value: str | None = None

    def fields(self, name: str) -> tuple[str, ...]:
        """The fields that it gives: those that the pattern names, else the one under whose name it stands."""
        named = tuple(re.compile(self.pattern).groupindex) if self.pattern else ()
        return tuple(n for n in named if n != "value") or (name,)


class Column(_Said):
    """A column, found by its header or by its letter. `carry`: an empty cell repeats the one above."""

    header: Patterns = ()
    at: str | None = Field(default=None, pattern=r"^[A-Za-z]{1,3}$")
    required: bool | None = None
    carry: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> Column:
        if sum((bool(self.header), self.at is not None, self.value is not None)) != 1:
            raise ValueError("give one of header, at, value")
        return self


class Heading(_Said):
    """A value that stands above a table, in the name of its sheet or of the file; or is always the same."""

    label: Patterns = ()
    where: Literal["cells", "sheet_name", "file_name"] = "cells"
    required: bool = False

    @model_validator(mode="after")
    def _can_be_found(self) -> Heading:
        if not self.label and self.pattern is None and self.value is None and self.where == "cells":
            raise ValueError("give label, pattern, value, or where")
        return self


class Across(_Table):
    """Columns beside each other that are lessons, periods, subjects or groups; what they are stands in header rows."""

    rows: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ("date",)
    holds: str = "marks"
    pattern: Pattern | None = None
    skip: Patterns = ()
    at: str | None = Field(default=None, pattern=r"^[A-Za-z]{1,3}:([A-Za-z]{1,3})?$")
    dates: DateForms = ()
    words: dict[str, str] = {}

    @field_validator("rows")
    @classmethod
    def _are_roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for role in value:
            if role not in ROLES:
                raise ValueError(f"{role!r} is nothing that a header row holds{near(role, ROLES)}")
        if "month" in value and "day" not in value:
            raise ValueError("month and day go together")
        return value

    def fields(self) -> tuple[str, ...]:
        """The fields that a column and its cells give."""
        named = tuple(re.compile(self.pattern).groupindex) if self.pattern else (self.holds,)
        days = ("date",) if "day" in self.rows else ()
        return (*days, *(r for r in self.rows if r not in {"month", "day", "ignore"}), *named)


def _column(value: Any) -> Any:
    return {"header": value} if isinstance(value, (str, list)) else value


def _heading(value: Any) -> Any:
    return {"label": value} if isinstance(value, (str, list)) else value


class Table(_Table):
    """One table of a sheet, or one that comes again and again on it."""

    kind: str
    sheet: str | int | None = None
    header: int | None = Field(default=None, ge=0)
    header_rows: int | None = Field(default=None, ge=1, le=6)
    columns: dict[str, Annotated[Column, BeforeValidator(_column)]] = {}
    across: Across | None = None
    skip: Patterns | None = None
    end: Patterns | None = None
    repeat: bool = False
    optional: bool = False
    covers: bool | None = None
    off: tuple[date | tuple[date, date], ...] | None = None

    @field_validator("kind")
    @classmethod
    def _is_kind(cls, value: str) -> str:
        if value not in KINDS:
            raise ValueError(f"there is no kind {value!r}{near(value, KINDS)}; there are {', '.join(KINDS)}")
        return value

    @model_validator(mode="after")
    def _columns_fit(self) -> Table:
        known = KINDS[self.kind].fields
        for name, column in self.columns.items():
            for field in column.fields(name):
                if field not in known:
                    raise ValueError(f"columns.{name}: {self.kind} has no field {field!r}{near(field, known)}")
            if column.words and all(w not in column.words.values() for w in _allowed(self.kind, name)):
                allowed = ", ".join(sorted(map(str, _allowed(self.kind, name))))
                if allowed:
                    raise ValueError(f"columns.{name}.words: none of them is one of {allowed}")
            if self.header == 0 and column.header:
                raise ValueError(f"columns.{name}: without a header row (header = 0) a column is named by `at`")
        if self.off is not None and "weekday" not in known:
            raise ValueError(f"off: {self.kind} has no days of the week")
        for field in self.across.fields() if self.across else ():
            if field not in known:
                raise ValueError(f"across: {self.kind} has no field {field!r}{near(field, known)}")
        return self

    @property
    def days_off(self) -> Iterator[date]:
        """The days on which a timetable of weekdays has no lessons."""
        for one in self.off or ():
            first, last = one if isinstance(one, tuple) else (one, one)
            yield from (first + timedelta(days=n) for n in range((last - first).days + 1))

    @property
    def needs_month(self) -> bool:
        """Whether a heading must say in which month the days across lie."""
        rows = self.across.rows if self.across else ()
        return "day" in rows and "month" not in rows

    @property
    def skips(self) -> tuple[str, ...]:
        """What the rows begin with that are no records."""
        if self.skip is not None:
            return self.skip
        return SKIP_PUPILS if self._holds_pupils else SKIP

    @property
    def ends(self) -> tuple[str, ...]:
        """What the row after the last one begins with."""
        if self.end is not None:
            return self.end
        return END_PUPILS if self._holds_pupils else ()

    @property
    def _holds_pupils(self) -> bool:
        return any(name in {"student", "family_name"} for name in self.columns)

    @property
    def head(self) -> int:
        """How many header rows there are."""
        rows = self.header_rows or max(1, len(self.across.rows) if self.across else 1)
        return 0 if self.header == 0 else rows

    def is_required(self, name: str) -> bool:
        """Whether a table without this column is another one: by default what no row can do without is."""
        column = self.columns[name]
        if column.required is not None:
            return column.required
        return any(name in needed for needed in KINDS[self.kind].needs)


def _allowed(kind: str, field: str) -> frozenset[str | int]:
    """The canonical words of a field, if it has such."""
    how = KINDS[kind].fields.get(field, "")
    entity, _, name = {
        "sex": "people.sex",
        "status": "enrolments.status",
        "lesson_status": "lessons.status",
        "lesson_kind": "lessons.kind",
        "subject_kind": "subjects.kind",
        "attestation_kind": "attestations.kind",
    }.get(how, "").partition(".")
    words = ENTITIES[entity].field(name).words if entity else None
    return words.allowed if words else frozenset()


class FileRules(_Table):
    """What the file itself must be."""

    formats: tuple[Literal["xlsx", "xls", "ods", "csv", "html", "xml"], ...] = ()
    encoding: Literal["auto", "utf-8", "cp1251"] = "auto"
    separator: Literal["auto", ";", ",", "\t"] = "auto"


class Layout(_Table):
    """One file of `config/layouts/`."""

    _name: str = PrivateAttr("")
    title: str
    about: str = ""
    academic_year: str | None = Field(default=None, pattern=r"^\d{4}/\d{4}$")
    dates: DateForms = ()
    file: FileRules = FileRules()
    absence: dict[str, Literal["present", "absent", "excused", "ill", "late", "exempt"]] = {}
    heading: dict[str, Annotated[Heading, BeforeValidator(_heading)]] = {}
    table: tuple[Table, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        """The name of its file."""
        return self._name

    @property
    def digest(self) -> str:
        """A text that changes when anything in it does."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    @model_validator(mode="after")
    def _everything_needed(self) -> Layout:
        known = {name for table in self.table for name in KINDS[table.kind].fields}
        given = set()
        for name, heading in self.heading.items():
            for field in heading.fields(name):
                if field not in known:
                    raise ValueError(
                        f"heading.{name}: no table of the layout has a field {field!r}{near(field, known)}"
                    )
                given.add(field)
        for number, table in enumerate(self.table, 1):
            if table.needs_month and "month" not in given:
                raise ValueError(
                    f"table[{number}]: days across need their month: a header row above them, or a heading"
                )
            here = given | {f for n, c in table.columns.items() for f in c.fields(n)}
            here |= set(table.across.fields()) if table.across else set()
            for needed in KINDS[table.kind].needs:
                if not here & set(needed):
                    wanted = " or ".join(needed)
                    raise ValueError(f"table[{number}] ({table.kind}) lacks {wanted}: give it a column or a heading")
        return self


def load_layout(path: Path) -> Layout:
    """A layout from its TOML file.

    Raises:
        canonical.toml_files.ConfigError: it is none; says file, key and reason.

    """
    return layout_of(read_toml(path), path)


def layout_of(data: Mapping[str, Any], path: Path) -> Layout:
    """A layout from the tables of a TOML file; `path` is for messages, and gives the name.

    Raises:
        canonical.toml_files.ConfigError: it is none; says file, key and reason.

    """
    made = checked(path, Layout, data)
    made._name = path.stem  # noqa: SLF001 - it is no key of the file
    return made

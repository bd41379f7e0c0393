"""Instants and days as options."""

from __future__ import annotations

from datetime import date, datetime

import typer


def parse_moment(text: str) -> datetime:
    """An instant with an offset.

    Raises:
        typer.BadParameter: it is none.

    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an instant; write one like 2026-11-20T18:00:00+03:00") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no offset; write it with one, like 2026-11-20T18:00:00+03:00")
    return moment


def parse_day(text: str | None, option: str) -> date | None:
    """A day, or null where none is given.

    Raises:
        typer.BadParameter: it is none.

    """
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option} {text!r} is not a day; write it as YYYY-MM-DD") from None

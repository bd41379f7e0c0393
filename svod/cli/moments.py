"""Instants and days, as people write and read them."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

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


def written(instant: str | None, zone: tzinfo | None) -> str:
    """An instant (ISO 8601) for a table: `2026-11-20 18:00:00+03:00`; of null, nothing. Without a zone it is the machine's."""
    return datetime.fromisoformat(instant).astimezone(zone).isoformat(" ", "seconds") if instant else ""


def written_in_russian(instant: str | None, zone: tzinfo | None) -> str:
    """An instant (ISO 8601) for staff, who know where they are: `20.11.2026 18:00`; of null, nothing."""
    return f"{datetime.fromisoformat(instant).astimezone(zone):%d.%m.%Y %H:%M}" if instant else ""

"""When a schedule falls due: cron, by the clock on the institution's own wall."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_STEPS = {0: 60, 1: 24}
"""How many minutes and hours there are, by the place of their field."""


class CronError(ValueError):
    """Not a cron expression, or one that never falls due. The message says so."""


def check_cron(cron: str) -> str:
    """The expression itself.

    Raises:
        CronError: it cannot be used.

    """
    next(after(cron, datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo("UTC")))
    return cron


def after(cron: str, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The instants (UTC) after a moment at which the wall clock shows what the expression says.

    An hour that the clock skips in spring runs when it would have been; one that it shows twice in autumn runs once. What
    runs every hour runs every hour.

    Raises:
        CronError: it cannot be used.

    """
    if len(cron.split()) != 5:
        raise CronError(
            f"{cron!r} is not a cron expression: write five fields, minute hour day month weekday, like '15 */2 * * 1-6'"
        )
    local = moment.astimezone(zone)
    try:
        # a day earlier: where the wall clock is turned back, what has been is not what it shows
        simulated = CronSim(_fixed(cron), local - timedelta(days=1))
        last = moment
        for due in islice(simulated, 100_000):
            instant = due.astimezone(UTC)
            if instant > last:
                last = instant
                yield instant
    except CronSimError as error:
        raise CronError(f"{cron!r} is not a cron expression ({str(error).lower()})") from None
    raise CronError(f"{cron!r} never falls due")


def _fixed(cron: str) -> str:
    """The expression with steps (`*/2`) written out where hours are named: then it is known which of them are shown twice."""
    fields = cron.split()
    if fields[1] != "*":
        for place, number in _STEPS.items():
            star, slash, step = fields[place].partition("/")
            if star == "*" and (not slash or (step.isdigit() and int(step))):
                fields[place] = ",".join(map(str, range(0, number, int(step or 1))))
    return " ".join(fields)

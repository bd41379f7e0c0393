"""What a browser has asked, as far as it chooses what is answered: a product's manifest says what does."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from canonical.years import Stretch
from connectors.contract import Captures

CAPTURED: Final = "HAR "
"""Begins the signatures of captured answers: what a person has asked is not what a connector asks."""

_NOISE: Final = re.compile(
    r"_.*|pid|t|ts|time|timestamp|rnd|rand|random|nocache|cb|v|vers?|version|lang|locale|at|access_token|token|auth.*|"
    r"api_?key|session.*|sid",
    re.IGNORECASE,
)
"""Parameters that never choose what is answered: those that only defeat caches, and those that sign a request."""

_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?!\d)")

ALWAYS: Final = Stretch(date.min, date.max)
"""The days of an answer that no days were asked for."""

Chosen = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A request, as far as it chooses what is answered.

    `place` is the same for all requests of a kind: the path, with `{since}` and `{until}` in the place of days. `page`
    counts from 0. `others` names parameters of which nobody knows whether they choose.
    """

    place: str
    request: str
    chosen: Chosen
    days: Stretch = ALWAYS
    page: int = 0
    size: int | None = None
    is_paged: bool = False
    others: frozenset[str] = frozenset()
    sent: Any = None


class Matcher:
    """Reads requests the way a product's manifest tells."""

    def __init__(self, captures: Captures) -> None:
        self._captures = captures
        self._gets = [re.compile(p, re.IGNORECASE) for p in captures.reads]
        self._posts = [re.compile(p, re.IGNORECASE) for p in captures.posts]
        self._select = {name.casefold(): name for name in captures.select}
        self._plain = [re.compile(p, re.IGNORECASE) for p in captures.noise]
        self._days = {name: side for pair in captures.days for side, name in enumerate(pair)}

    def read(self, method: str, path: str, params: Iterable[tuple[str, str]], sent: Any = None) -> Asked | None:
        """A request; null for what is none of the journal's reads, all that writes among it."""
        if method not in {"GET", "POST"}:
            return None
        found = self._placed(path, self._gets if method == "GET" else self._posts)
        if found is None:
            return None
        own, place, in_path = found
        chosen: dict[str, set[str]] = defaultdict(set)
        days: dict[int, date] = dict(enumerate(in_path)) if in_path else {}
        numbers: dict[str, int] = {}
        others: set[str] = set()
        for name, value in (*params, *_flat(sent)):
            self._take(name.removesuffix("[]"), value, chosen, days, numbers, others)
        pages = self._captures.pages
        number = numbers.get(pages.number) if pages else None
        page = 0 if number is None or pages is None else number - pages.first
        return Asked(
            place=f"{method} {place}".casefold(),
            request=_signature(method, own, chosen, days, numbers, self._captures),
            chosen={n: frozenset(v) for n, v in chosen.items()},
            days=Stretch(days.get(0, date.min), days.get(1, date.max)),
            page=page,
            size=numbers.get(pages.size) if pages else None,
            is_paged=number is not None,
            others=frozenset(others),
            sent=sent,
        )

    def _take(
        self,
        name: str,
        value: str,
        chosen: dict[str, set[str]],
        days: dict[int, date],
        numbers: dict[str, int],
        others: set[str],
    ) -> None:
        pages = self._captures.pages
        if not value.strip():
            return
        if name in self._days and (day := day_of(value)):
            days[self._days[name]] = day
        elif pages and name in {pages.number, pages.size} and value.strip().isdecimal():
            numbers[name] = int(value)
        elif name.casefold() in self._select:
            chosen[self._select[name.casefold()]].update(v.strip() for v in value.split(",") if v.strip())
        elif not _NOISE.fullmatch(name) and not any(p.fullmatch(name) for p in self._plain):
            others.add(name)

    def _placed(
        self, path: str, patterns: Sequence[re.Pattern[str]]
    ) -> tuple[str, str, tuple[date, date] | None] | None:
        """A path in our own spelling, whatever stands before it; its place; the days in it."""
        for start in (m.start() for m in re.finditer("/", path)):
            tail = path[start:]
            for theirs, ours in self._captures.same.items():
                tail = re.sub(f"^{theirs}", ours, tail, count=1, flags=re.IGNORECASE)
            for pattern in patterns:
                if (match := pattern.fullmatch(tail)) is None:
                    continue
                if "since" not in pattern.groupindex:
                    return tail, tail, None
                since, until = day_of(match["since"]), day_of(match["until"])
                if since is None or until is None:
                    return None
                place = f"{tail[: match.start('since')]}{{since}}/{{until}}{tail[match.end('until') :]}"
                own = place.replace("{since}", since.isoformat()).replace("{until}", until.isoformat())
                return own, place, (since, until)
        return None


def day_of(text: Any) -> date | None:
    """The day that a text begins with, in either of the forms that portals use; null if it does with none."""
    if not isinstance(text, str):
        return None
    iso, dotted = _ISO.match(text.strip()), _DOTTED.match(text.strip())
    parts = iso.groups() if iso else dotted.groups()[::-1] if dotted else None
    try:
        return date(*map(int, parts)) if parts else None
    except ValueError:
        return None


def _flat(sent: Any) -> Iterator[tuple[str, str]]:
    """The fields of a body as parameters; a bare list is the parameter without a name."""
    if isinstance(sent, list):
        sent = {"": sent}
    for name, value in sent.items() if isinstance(sent, Mapping) else ():
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, (str, int, float)):
                yield str(name), str(one)


def _signature(
    method: str,
    path: str,
    chosen: Mapping[str, set[str]],
    days: Mapping[int, date],
    numbers: Mapping[str, int],
    captures: Captures,
) -> str:
    """What was asked, of what chooses alone; from this it can be read again."""
    said = [(name, ",".join(sorted(values))) for name, values in chosen.items()]
    if captures.days and "{" not in path:
        said += [(captures.days[0][side], day.isoformat()) for side, day in days.items() if day.isoformat() not in path]
    said += [(name, str(value)) for name, value in numbers.items()]
    return f"{CAPTURED}{method} {path}{f'?{urlencode(sorted(said))}' if said else ''}"


def asked_again(matcher: Matcher, signature: str) -> Asked | None:
    """A request out of the signature that it was archived with; null for what no capture has brought."""
    if not signature.startswith(CAPTURED):
        return None
    method, _, rest = signature.removeprefix(CAPTURED).partition(" ")
    path, _, query = rest.partition("?")
    params = parse_qsl(query)
    return matcher.read(method, path, params) or _made(method, path, params)


def _made(method: str, path: str, params: Sequence[tuple[str, str]]) -> Asked | None:
    """What `made_of` has put together: it stands for itself."""
    if method in {"GET", "POST"}:
        return None
    chosen = {n: frozenset(v.split(",")) for n, v in params if n not in {"since", "until"}}
    ends = dict(params)
    days = Stretch(day_of(ends.get("since")) or date.min, day_of(ends.get("until")) or date.max)
    return Asked(f"{method} {path}".casefold(), made_signature(method, path, chosen, days), chosen, days)


def made_signature(method: str, path: str, chosen: Chosen, days: Stretch) -> str:
    said = [(n, ",".join(sorted(v))) for n, v in chosen.items()]
    said += [
        (n, d.isoformat()) for n, d in (("since", days.start), ("until", days.end)) if d not in {date.min, date.max}
    ]
    return f"{CAPTURED}{method} {path}?{urlencode(sorted(said))}"

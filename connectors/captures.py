"""What browsers have captured of a portal, in place of the network (docs/ru/браузер.md).

A person pages in other windows than we would ask in: by the month or week, one group at a time, in pages of another size,
with parameters of their own. So a capture does not only answer: a connector asks it which windows, groups and pages
there are (`Captured.runs`), and reads just these. A product's manifest says which requests are reads of its journal, and
which of their parameters choose what is answered (`contract.Captures`); nothing else of a file is looked at, and only
what chooses goes into signatures, so that no token ever does.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from canonical.batch import Batch, Origin
from canonical.years import AcademicYear, Stretch
from connectors import har
from connectors.archive import Archive, body_of, digest
from connectors.captured_requests import CAPTURED, Asked, Chosen, Matcher, asked_again, made_signature
from connectors.contract import Captures, Product, Unit, failed
from connectors.errors import CaptureError, ConnectorError, DamagedAnswerError, NotCapturedError
from connectors.http import Answer, Exchange, Manner, Request, Session

_SOME: Final = timedelta(days=8)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A captured answer, not yet in memory. `order` is its place in the capture."""

    asked: Asked
    at: datetime
    status: int
    content_type: str
    sha256: str
    size: int
    order: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The pages of one list, as they were captured; an answer without pages is the only one of its run.

    `complete`: the list has nothing besides.
    """

    pages: tuple[Kept, ...]
    complete: bool

    @property
    def days(self) -> Stretch:
        return self.pages[0].asked.days

    @property
    def chosen(self) -> Chosen:
        return self.pages[0].asked.chosen

    @property
    def at(self) -> datetime:
        """When the oldest of its pages was answered."""
        return min(p.at for p in self.pages)


# -- a capture -------------------------------------------------------------------------------------------------------


@dataclass
class Capture:
    """The answers of a source's files, on disk till they are wanted. `passed` counts what could not be used, by why;
    `usable` by file what could. `narrowed` are answers that were taken though nobody knows what else they were asked by;
    `damaged` are those that the raw archive has lost, with what is to be said of each: they count as never captured.
    """

    captures: Captures
    title: str
    files: list[Path] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)
    used: set[str] = field(default_factory=set)
    usable: dict[Path, int] = field(default_factory=dict)
    narrowed: set[tuple[str, str, str]] = field(default_factory=set)
    damaged: dict[str, str] = field(default_factory=dict)
    _bodies: IO[bytes] | None = None
    _places: dict[str, tuple[int, int]] = field(default_factory=dict)
    _archive: Archive | None = None

    @classmethod
    def of_files(cls, product: Product, files: Sequence[Path], institution: str | None = None) -> Capture:
        """What files hold of a product's journal. Blocking; needs disk, and the memory of one answer at a time.

        `institution` is the portal's own name of it: answers that are known to be of another one are passed over.

        Raises:
            CaptureError: a file is none, the product reads no captures, or nothing of it was captured.

        """
        if product.captures is None:
            raise CaptureError(f"{product.title}: browser captures of this portal cannot be read")
        made = cls(product.captures, product.title, list(files))
        made._bodies = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`; its owner's alone, and gone with it
        matcher = Matcher(product.captures)
        try:
            for file in files:
                before = len(made.kept)
                whose = _Whose(product.captures, institution)
                for entry in har.entries(file):
                    whose.look_at(entry)
                    made._take(matcher, entry, is_other=whose.is_other)
                made.usable[file] = len(made.kept) - before
        except BaseException:
            made.close()
            raise
        if not made.kept:
            made.close()
            names = ", ".join(str(f) for f in files)
            why = ", ".join(f"{n} {what}" for what, n in sorted(made.passed.items()))
            raise CaptureError(
                f"{names}: no answer of «{product.title}» that could be read ({why or 'nothing was asked'}); open the "
                "journal while the browser records, and save the file with the content of answers"
            )
        made.kept.sort(key=lambda k: (k.at, k.order))
        return made

    @classmethod
    def of_archive(cls, product: Product, archive: Archive, origins: Iterable[Origin]) -> Capture:
        """Captured answers that are in the raw archive, by what was noted of them."""
        assert product.captures is not None  # noqa: S101 - they were captured of this product
        made = cls(product.captures, product.title, _archive=archive)
        matcher = Matcher(product.captures)
        for order, origin in enumerate(origins):
            if asked := asked_again(matcher, origin.request):
                at = datetime.fromisoformat(origin.at)
                made.kept.append(Kept(asked, at, 200, "", origin.sha256, origin.size, order))
        made.kept.sort(key=lambda k: (k.at, k.order))
        return made

    def _take(self, matcher: Matcher, entry: har.Entry, *, is_other: bool) -> None:
        asked = matcher.read(
            entry.asked.method, entry.asked.path, entry.asked.params, entry.asked.body() if entry.asked.sent else None
        )
        if asked is None:
            self.passed["of other addresses"] += 1
            return
        why = _useless(entry, is_page=any(re.search(p, asked.place, re.IGNORECASE) for p in self.captures.html))
        if why or is_other:
            self.passed[why or "of another institution"] += 1
            return
        body = entry.body if entry.body is not None else "\n".join(entry.said).encode()
        sha256 = digest(body)
        if sha256 not in self._places:
            assert self._bodies is not None  # noqa: S101 - it is open while files are read
            self._places[sha256] = (self._bodies.seek(0, 2), len(body))
            self._bodies.write(body)
        kind = entry.content_type
        if entry.body is not None and not kind.isascii():
            kind = ""
        self.kept.append(Kept(asked, entry.at, entry.status, kind, sha256, len(body), len(self.kept)))

    @property
    def newest(self) -> datetime:
        """When the last answer came: the clock of a reading."""
        return self.kept[-1].at if self.kept else datetime.now(UTC)

    @property
    def oldest(self) -> datetime:
        """When the first answer came."""
        return self.kept[0].at if self.kept else datetime.now(UTC)

    def body(self, kept: Kept) -> bytes:
        """The body of an answer.

        Raises:
            DamagedAnswerError: it comes out of the raw archive, and is not there as it was put.

        """
        if self._archive is not None:
            return body_of(self._archive, Origin(kept.asked.request, kept.sha256, kept.size, kept.at.isoformat()))
        assert self._bodies is not None  # noqa: S101 - not asked for after `close`
        start, length = self._places[kept.sha256]
        self._bodies.seek(start)
        return self._bodies.read(length)

    def years(self, today: date) -> list[AcademicYear]:
        """The academic years that answers speak of, and that of their last day; a week over the border is of one only."""
        found = {AcademicYear.of(today)}
        for days in {(k.asked.days.start, k.asked.days.end) for k in self.kept}:
            start, end = days
            if date.min < start <= end < date.max:
                within = {start + (end - start) / 2, min(start + _SOME, end), max(end - _SOME, start)}
                found |= {
                    AcademicYear.of(d) for d in within if (end - start) > 2 * _SOME or d == start + (end - start) / 2
                }
        return sorted(found)

    def limit(self, answers: Sequence[Answer | Origin], batch: Batch) -> None:
        """Nothing is covered by answers that may have been narrowed."""
        origins = (a.origin if isinstance(a, Answer) else a for a in answers)
        if self.narrowed and any(_name(o) in self.narrowed for o in origins):
            batch.scopes = []

    def close(self) -> None:
        """Lets the bodies go."""
        if self._bodies is not None:
            self._bodies.close()
            self._bodies = None


class _Whose:
    """Keeps track of the institution that a browser is signed in to, where its answers do not name it."""

    def __init__(self, captures: Captures, institution: str | None) -> None:
        self._ways = [(re.compile(w.path, re.IGNORECASE), w) for w in captures.whose]
        self._wanted = (institution or "").strip().casefold()
        self.is_other = False

    def look_at(self, entry: har.Entry) -> None:
        """Takes note of an exchange that tells it. Nothing of it is kept."""
        if not self._wanted or entry.status not in {200, 204}:
            return
        for path, way in self._ways:
            if path.search(entry.asked.path):
                held = entry.asked.body() if way.sent else _data(entry.body)
                for name in (way.sent or way.said or "").split("."):
                    held = held.get(name) if isinstance(held, Mapping) else None
                named = str(held).strip().casefold() if isinstance(held, (str, int)) else ""
                if named and named.isdecimal() == self._wanted.isdecimal():
                    self.is_other = named != self._wanted


def _name(origin: Origin) -> tuple[str, str, str]:
    return origin.request, origin.sha256, origin.at


def _data(body: bytes | None) -> Any:
    try:
        return msgspec.json.decode(body or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _useless(entry: har.Entry, *, is_page: bool) -> str | None:
    """Why an answer says nothing, if it does not."""
    if entry.status == 204:
        return None
    if entry.said and entry.status == 101:
        return None
    if entry.status != 200:
        return f"answered with {entry.status}"
    if not entry.body:
        return "without their content"
    if not is_page and not har.looks_like_json(entry.content_type, entry.body):
        return "other than data"
    return None


def made_of(kept: Kept, method: str, path: str, chosen: Chosen, days: Stretch) -> Kept:
    """An answer that several exchanges have brought together, under a name of its own (a report, by way of its queue)."""
    asked = Asked(f"{method} {path}".casefold(), made_signature(method, path, chosen, days), chosen, days)
    return replace(kept, asked=asked)


# -- reading from it -------------------------------------------------------------------------------------------------


class Captured:
    """Answers from a capture, as a `Sender`; and what there is, for a connector's planning."""

    offline = True

    def __init__(self, capture: Capture, fault: Callable[[Answer], ConnectorError | None], archive: Archive) -> None:
        self.capture = capture
        self._fault = fault
        self._archive = archive
        self._matcher = Matcher(capture.captures)
        self._good: dict[int, bool] = {}
        self._by_place: dict[str, list[Kept]] = defaultdict(list)
        for kept in reversed(capture.kept):
            self._by_place[kept.asked.place].append(kept)

    def ready(self, request: Request, headers: Mapping[str, str]) -> Exchange:
        return partial(self._find, request)

    async def _find(self, request: Request) -> Answer:
        """The newest good answer to a request, or to one that says the same and more.

        Raises:
            NotCapturedError: there is none.

        """
        body = request.json if request.json is not None else request.form
        asked = self._matcher.read(request.method, request.path, request.params, body)
        some = self._by_place.get(asked.place, []) if asked else []
        fitting = [k for k in some if asked and _answers(k.asked, asked, self.capture.captures.widen)]
        for kept in sorted(fitting, key=lambda k: bool(k.asked.others)):
            if self.is_good(kept):
                return self.take(kept)
        raise NotCapturedError(f"not in the capture: {request.method} {request.path}")

    async def close(self) -> None:
        """The capture is closed by whoever has opened it."""

    def every(self, pattern: str) -> list[Kept]:
        """All good answers whose place a regular expression fits, the oldest first."""
        found = re.compile(pattern, re.IGNORECASE)
        return [k for k in self.capture.kept if found.fullmatch(k.asked.place) and self.is_good(k)]

    def runs(self, path: str, chosen: Mapping[str, str] | None = None) -> list[Run]:
        """The lists that were captured of a path (any days in it stand for all), the newest first.

        `chosen`: what they must have chosen, where they have chosen by it at all. A path's method is GET, if none stands before it.
        """
        method, _, rest = path.rpartition(" ")
        asked = self._matcher.read(method or "GET", rest, ())
        if asked is None:
            raise ValueError(f"{path} is not among the reads that the manifest says captures have")
        groups: dict[Any, dict[int, Kept]] = defaultdict(dict)
        for kept in self._by_place.get(asked.place, []):
            one = kept.asked
            fits = all(v in one.chosen.get(n, {v}) for n, v in (chosen or {}).items())
            if fits and self.is_good(kept):
                key = (frozenset(one.chosen.items()), one.days, one.size, one.is_paged, one.others)
                groups[key].setdefault(one.page, kept)  # the newest
        for pages in groups.values():
            self._end(pages)
        runs = [Run(tuple(pages[n] for n in sorted(pages)), self._is_complete(pages)) for pages in groups.values()]
        return sorted(runs, key=lambda r: r.at, reverse=True)

    def _end(self, pages: dict[int, Kept]) -> None:
        """Leaves out pages of an older list that was longer than the newer one is."""
        for number in sorted(pages):
            kept = pages.get(number)
            if kept is not None and kept.asked.size is not None and self._count(kept) < kept.asked.size:
                for later in [n for n, k in pages.items() if n > number and k.at <= kept.at]:
                    del pages[later]

    def answers(self, run: Run) -> list[Answer]:
        """The answers of a run, page by page."""
        return [self.take(k) for k in run.pages]

    def take(self, kept: Kept) -> Answer:
        """An answer, which is archived with that."""
        answer = self._answer(kept)
        self._archive.put(answer.body)
        self.capture.used.add(kept.asked.request)
        if kept.asked.others:
            self.capture.narrowed.add(_name(answer.origin))
        return answer

    def is_good(self, kept: Kept) -> bool:
        """Whether the portal has answered what was asked, by the connector's own judgement."""
        if not kept.asked.place.startswith(("get ", "post ")):
            return True  # put together of answers that were good
        if kept.order not in self._good:
            try:
                answer = self._answer(kept)
            except DamagedAnswerError as error:
                self.capture.damaged[kept.asked.request] = str(error)
                self._good[kept.order] = False
                return False
            answer.origin = replace(answer.origin, request=answer.origin.request.removeprefix(CAPTURED))
            self._good[kept.order] = self._fault(answer) is None
        return self._good[kept.order]

    def _answer(self, kept: Kept) -> Answer:
        body = self.capture.body(kept)
        origin = Origin(kept.asked.request, kept.sha256, len(body), kept.at.isoformat())
        return Answer(kept.status, {"content-type": kept.content_type}, body, origin)

    def _is_complete(self, pages: Mapping[int, Kept]) -> bool:
        first = next(iter(pages.values())).asked
        if first.others:
            return False
        if not first.is_paged:
            return first.size is None or self._count(pages[0]) < first.size
        last = max(pages)
        if set(pages) != set(range(last + 1)):
            return False
        had = self._count(pages[last])
        return had == 0 or (first.size is not None and had < first.size)

    def _count(self, kept: Kept) -> int:
        """How many items a page of a list has."""
        said = self._answer(kept).json()
        lists = [said] if isinstance(said, list) else [v for v in (said or {}).values() if isinstance(v, list)]
        return max(map(len, lists), default=0)


def _answers(kept: Asked, wanted: Asked, widen: Sequence[str]) -> bool:
    """Whether the answer to one request holds that to another, and is not narrowed by anything besides."""
    if not {n for n in widen if n in wanted.chosen} <= kept.chosen.keys():
        return False
    if not kept.chosen.keys() <= wanted.chosen.keys() or kept.page != wanted.page:
        return False
    if not all(values <= kept.chosen.get(name, values) for name, values in wanted.chosen.items()):
        return False
    return kept.days.start <= wanted.days.start and wanted.days.end <= kept.days.end


def capture_session(product: Product, manner: Manner, *, archive: Archive, capture: Capture) -> Session:
    """A session whose answers come from a capture."""
    return Session(
        Captured(capture, manner.fault, archive), manner, archive=archive, reads_by_post=product.reads_by_post
    )


def captured(session: Session) -> Captured | None:
    """The capture that a session answers from; null where it answers from elsewhere."""
    return session.sender if isinstance(session.sender, Captured) else None


def missing(name: str) -> Unit:
    """A unit of which nothing was captured."""
    return failed(name, NotCapturedError(f"not in the capture: {name}"))


def paths_of(patterns: Sequence[str], root: Path) -> list[Path]:
    """The files that glob patterns name; relative ones begin at `root`.

    Raises:
        CaptureError: a pattern names none.

    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        whole = (root / pattern).absolute()
        some = [whole] if whole.is_file() else sorted(Path(whole.anchor).glob(str(whole.relative_to(whole.anchor))))
        files = [f for f in some if f.is_file()]
        if not files:
            raise CaptureError(f"{pattern}: there is no such file; save the capture there, or name another one")
        found.update(dict.fromkeys(files))
    return list(found)

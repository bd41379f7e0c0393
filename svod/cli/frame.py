"""What every command has: configuration, clock, store, and one way to speak.

What takes long to load is loaded when a command needs it.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from canonical.writing import explained

if TYPE_CHECKING:
    from canonical.store import Store
    from pipelines.completeness.running import Ward
    from pipelines.jobs.common_limit import SharedLimits
    from pipelines.jobs.wakeups import Client, Wakeups
    from pipelines.workplace import SourceJob, Workplace
    from svod.settings import InstitutionSettings, Site

DONE, FAILED, WRONG, WAITING = 0, 1, 2, 3
"""Exit statuses (contract.md)."""

STOPPED = 130
"""The exit status of what a person or a service manager has stopped."""


@dataclass
class Frame:
    """The frame of one call. `now` is null for the machine's clock."""

    config: Path | None = None
    json: bool = False
    now: datetime | None = None
    verbose: bool = False
    quiet: bool = False
    status: int = DONE
    spoken: bool = field(default=False, init=False)

    # -- what commands work with ---------------------------------------------------------------------------------

    @cached_property
    def site(self) -> Site:
        from svod.settings import load  # noqa: PLC0415 - see above

        return load(self.config)

    @cached_property
    def store(self) -> Store:
        from canonical.store import Store  # noqa: PLC0415 - see above

        return Store(self.site.store_url, self.clock)

    def clock(self) -> datetime:
        """The moment: `--now`, else the machine's, always with an offset."""
        return self.now or datetime.now(UTC).astimezone()

    @property
    def zone(self) -> tzinfo | None:
        """Where the clock stands, for times that are of no institution; null: where the machine does."""
        return self.now.tzinfo if self.now else None

    @cached_property
    def work(self) -> Workplace:
        from canonical.store import Brake  # noqa: PLC0415 - see above
        from connectors.archive import FolderArchive, NoArchive  # noqa: PLC0415 - see above
        from connectors.errors import SourceConfigError  # noqa: PLC0415 - see above
        from connectors.limits import limit_for  # noqa: PLC0415 - see above
        from connectors.vault import open_vault, pseudonyms  # noqa: PLC0415 - see above
        from pipelines.workplace import Workplace  # noqa: PLC0415 - see above
        from svod.settings import SettingsError  # noqa: PLC0415 - see above

        settings = self.site.settings
        try:
            key = settings.secrets.key.reveal() if settings.secrets.key else None
        except SourceConfigError as error:
            raise SettingsError(f"{self.site.file}: {error}") from None
        folder = self.site.archive_folder
        return Workplace(
            store=self.store,
            archive=FolderArchive(folder) if folder else NoArchive(),
            vault=open_vault(self.store, key, self.site.root),
            pseudonym=pseudonyms(key),
            brake=Brake(settings.store.removal_share, settings.store.removal_rows),
            root=self.site.root,
            limit_of=self.limits.limit_of if settings.queue.url else limit_for,
        )

    @cached_property
    def redis(self) -> Client:
        """The Redis of the queue, which may be away."""
        from connectors.errors import SourceConfigError  # noqa: PLC0415 - see above
        from pipelines.jobs.wakeups import connect  # noqa: PLC0415 - see above
        from svod.settings import SettingsError  # noqa: PLC0415 - see above

        queue = self.site.settings.queue
        try:
            return connect(queue.url, queue.password.reveal() if queue.password else None)
        except SourceConfigError as error:
            raise SettingsError(f"{self.site.file}: {error}") from None
        except ValueError as error:
            raise SettingsError(f"{self.site.file}: queue.url: it {error}") from None

    @cached_property
    def limits(self) -> SharedLimits:
        """The limits of portals, as all processes on the queue share them."""
        from pipelines.jobs.common_limit import SharedLimits  # noqa: PLC0415 - see above

        return SharedLimits(self.redis)

    @cached_property
    def wakeups(self) -> Wakeups | None:
        """The way to the workers; null if no queue is configured."""
        from pipelines.jobs.wakeups import Wakeups  # noqa: PLC0415 - see above

        return Wakeups(self.redis) if self.site.settings.queue.url else None

    def close(self) -> None:
        """Gives back what the call has opened."""
        if "limits" in self.__dict__:
            self.limits.close()
        if "redis" in self.__dict__:
            self.redis.close()
        if "store" in self.__dict__:
            self.store.close()

    def wards(self, institutions: Iterable[str] = ()) -> list[Ward]:
        """The institutions with all that they are judged by."""
        from pipelines.completeness.running import Ward  # noqa: PLC0415 - see above

        site = self.site
        return [
            Ward(i.place, self.jobs([i.key]), site.rules(i), site.calendar(i)) for i in site.institutions(institutions)
        ]

    def jobs(self, institutions: Iterable[str] = (), sources: Iterable[str] = ()) -> list[SourceJob]:
        """The sources of these institutions; `sources` are keys like `kolomna/portal`, or only `portal`.

        Raises:
            SettingsError: nothing of that name is configured.

        """
        from svod.settings import SettingsError  # noqa: PLC0415 - see above

        chosen = self.site.institutions(institutions)
        jobs = [self._job(i, n) for i in chosen for n in range(len(i.source))]
        names = list(sources)
        for name in names:
            if not any(name in {j.key, j.config.key} for j in jobs):
                known = ", ".join(j.key for j in jobs) or "none"
                raise SettingsError(f"{self.site.file}: there is no source {name!r} here; there are: {known}")
        return [j for j in jobs if not names or j.key in names or j.config.key in names]

    def nothing_configured(self, institutions: Iterable[str] = ()) -> str:
        """What to say where there is nothing to work with."""
        whose = ", ".join(institutions)
        return f"no source is configured{f' for {whose}' if whose else ''}: describe one in {self.site.file}"

    def _job(self, institution: InstitutionSettings, number: int) -> SourceJob:
        from pipelines.workplace import SourceJob  # noqa: PLC0415 - see above

        source = institution.source[number]
        return SourceJob(
            institution.place,
            source,
            self.site.scale(institution),
            self.site.layouts(institution, source),
            self.site.calendar(institution),
        )

    # -- speaking ------------------------------------------------------------------------------------------------

    @cached_property
    def console(self) -> Console:
        return _Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 200)

    @cached_property
    def errors(self) -> Console:
        return _Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

    @contextmanager
    def aloud(self) -> Iterator[None]:
        """Something is written to standard output, and all of it has left when this ends.

        A reader who has gone (`| head`) has got what they wanted: the command goes on, and says no more.

        Raises:
            WriteError: it cannot be written.

        """
        with explained("standard output"):
            try:
                yield
                sys.stdout.flush()
            except BrokenPipeError:
                mute(sys.stdout)
            except OSError:
                mute(sys.stdout)
                raise

    def give(self, document: Any) -> None:
        """The one JSON document of a call with `--json`."""
        self.spoken = True
        with self.aloud():
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")

    def say(self, text: str) -> None:
        """A line for people; not with `--json` or `-q`."""
        if not self.json and not self.quiet:
            self.show(text, soft_wrap=True)

    def show(self, what: RenderableType, *, end: str = "\n", soft_wrap: bool = False) -> None:
        """What a person has asked to see: `-q` does not take it away."""
        with self.aloud():
            self.console.print(what, markup=False, end=end, soft_wrap=soft_wrap)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "nothing") -> None:
        """A table for people; not with `--json`."""
        if self.json:
            return
        made = Table(*head, header_style="bold", box=None, pad_edge=False)
        for row in rows:
            made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
        if made.row_count:
            self.show(made)
        else:
            self.say(empty)

    def complain(self, message: str) -> None:
        """What went wrong, on standard error."""
        self.errors.print(message, markup=False)

    def fail(self, message: str, code: str, status: int = FAILED) -> None:
        """Ends the call with an error: one clear message, and with `--json` the same as the document.

        With `-v` a trace goes before it: of the exception that is being handled, else of how the call came here.
        """
        if self.verbose and code != "usage":
            self.complain(_trace())
        self.complain(message)
        self.status = status
        if self.json and not self.spoken:
            self.give({"error": {"code": code, "message": message}})


def _trace() -> str:
    if sys.exc_info()[0] is not None:
        return traceback.format_exc().rstrip()
    return "Traceback (most recent call last):\n" + "".join(traceback.format_stack()[:-2]).rstrip()


class _Console(Console):
    def on_broken_pipe(self) -> None:
        mute(self.file)


def mute(stream: IO[str]) -> None:
    """Lets a stream lead nowhere, so that what it still holds does not fail once more when the program ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def without_source(message: str, source: str) -> str:
    """A message of a source, to stand behind the source's name: it need not begin with it once more."""
    institution, _, key = source.partition("/")
    for beginning in (
        f"source {source}: ",
        f"source {key}: ",
        f"institution {institution}, source {key}: ",
        f"import {source}: ",
        f"{source}: ",
    ):
        message = message.removeprefix(beginning)
    return message

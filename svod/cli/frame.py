"""What every command has: configuration, clock, store, and one way to speak."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from canonical.store import Brake, Store
from connectors.archive import FolderArchive, NoArchive
from connectors.errors import SourceConfigError
from connectors.vault import open_vault, pseudonyms
from pipelines.workplace import SourceJob, Workplace
from svod.settings import InstitutionSettings, SettingsError, Site, load

DONE, FAILED, WRONG, WAITING = 0, 1, 2, 3
"""Exit statuses (contract.md)."""


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
        return load(self.config)

    @cached_property
    def store(self) -> Store:
        return Store(self.site.store_url, self.clock)

    def clock(self) -> datetime:
        """The moment: `--now`, else the machine's, always with an offset."""
        return self.now or datetime.now(UTC).astimezone()

    @cached_property
    def work(self) -> Workplace:
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
        )

    def close(self) -> None:
        """Gives back what the call has opened."""
        if "store" in self.__dict__:
            self.store.close()

    def jobs(self, institutions: Iterable[str] = (), sources: Iterable[str] = ()) -> list[SourceJob]:
        """The sources of these institutions; `sources` are keys like `kolomna/portal`, or only `portal`.

        Raises:
            SettingsError: nothing of that name is configured.

        """
        chosen = self.site.institutions(institutions)
        jobs = [self._job(i, n) for i in chosen for n in range(len(i.source))]
        names = list(sources)
        for name in names:
            if not any(name in {j.key, j.config.key} for j in jobs):
                known = ", ".join(j.key for j in jobs) or "none"
                raise SettingsError(f"{self.site.file}: there is no source {name!r} here; there are: {known}")
        return [j for j in jobs if not names or j.key in names or j.config.key in names]

    def _job(self, institution: InstitutionSettings, number: int) -> SourceJob:
        source = institution.source[number]
        return SourceJob(
            institution.place, source, self.site.scale(institution), self.site.layouts(institution, source)
        )

    # -- speaking ------------------------------------------------------------------------------------------------

    @cached_property
    def console(self) -> Console:
        return Console(highlight=False, width=None if sys.stdout.isatty() else 200)

    @cached_property
    def errors(self) -> Console:
        return Console(stderr=True, highlight=False, soft_wrap=True)

    def give(self, document: Any) -> None:
        """The one JSON document of a call with `--json`."""
        self.spoken = True
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")

    def say(self, text: str) -> None:
        """A line for people; not with `--json` or `-q`."""
        if not self.json and not self.quiet:
            self.console.print(text, markup=False)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "nothing") -> None:
        """A table for people; not with `--json`."""
        if self.json:
            return
        made = Table(*head, header_style="bold", box=None, pad_edge=False)
        for row in rows:
            made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
        if made.row_count:
            self.console.print(made)
        else:
            self.say(empty)

    def complain(self, message: str) -> None:
        """What went wrong, on standard error."""
        self.errors.print(message, markup=False)

    def fail(self, message: str, code: str, status: int = FAILED) -> None:
        """Ends the call with an error: one clear message, and with `--json` the same as the document."""
        self.complain(message)
        self.status = status
        if self.json and not self.spoken:
            self.give({"error": {"code": code, "message": message}})

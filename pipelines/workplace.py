"""What a job works with: the store, the archive, the vault, and one source at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from canonical.batch import Origin
from canonical.calendar import SchoolCalendar
from canonical.scales import Scale
from canonical.store import Brake, Store
from canonical.store.leases import Lease
from connectors.archive import Archive, NoArchive
from connectors.captures import Capture, capture_session, paths_of
from connectors.contract import Context, Institution, Manifest, MemoryVault, SourceConfig, Vault
from connectors.http import Manner, Patience, Session
from connectors.limits import HostLimit, limit_for
from connectors.registry import manifest
from connectors.sessions import archive_session, network_session


@dataclass(frozen=True, slots=True)
class SourceJob:
    """One source of one institution, as it is configured."""

    institution: Institution
    config: SourceConfig
    scale: Scale
    layouts: tuple[Path, ...] = ()
    calendar: SchoolCalendar | None = None

    @property
    def key(self) -> str:
        """`institution/source`"""
        return f"{self.institution.key}/{self.config.key}"

    @property
    def manifest(self) -> Manifest:
        return manifest(self.config.connector)

    def captures(self, root: Path) -> list[Path]:
        """The files of browser captures that are read in place of the portal; none where the portal itself is.

        Raises:
            CaptureError: the configuration names files that are not there.

        """
        har = self.config.har
        return paths_of((har,) if isinstance(har, str) else har, root) if har else []

    def lookback_days(self) -> int:
        """How far back a routine import reads again."""
        days = self.config.lookback_days
        return self.manifest.product(self.config.product).lookback_days if days is None else days

    def fingerprint(self) -> str:
        """Changes with everything but the answers that decides what records are made of them."""
        parts = (
            self.manifest.name,
            self.manifest.version,
            self.config.product,
            self.config.layout,
            self.config.partial,
            self.institution,
            self.scale,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Workplace:
    """Everything that is the same for all sources of an installation. Relative paths begin at `root`.

    `limit_of` gives the limit of a portal's host; where several processes work it is one that they share.
    """

    store: Store
    archive: Archive = field(default_factory=NoArchive)
    vault: Vault = field(default_factory=MemoryVault)
    pseudonym: Callable[[str], str | None] = lambda _: None
    patience: Patience = field(default_factory=Patience)
    brake: Brake = field(default_factory=Brake)
    root: Path = field(default_factory=Path)
    limit_of: Callable[[str], HostLimit] = limit_for

    @property
    def keeps_bodies(self) -> bool:
        """Whether the bodies of answers are kept."""
        return type(self.archive) is not NoArchive

    def register(self, job: SourceJob, held: Lease | None = None) -> int:
        """The number of a source in the store, which then knows it as it is configured; of a job under the lease that it `held`.

        Raises:
            LeaseLostError: another has the job's lease now.

        """
        product = job.manifest.product(job.config.product)
        return self.store.source(
            job.key,
            institution=job.institution.key,
            connector=job.config.connector,
            capabilities=product.says(job.config),
            says_what_comes=product.says_what_comes,
            held=held,
        )

    def context(
        self,
        job: SourceJob,
        *,
        find: Callable[[str], Origin | None] | None = None,
        clock: Callable[[], datetime] | None = None,
        capture: Capture | None = None,
        remembered: Mapping[str, Origin] | None = None,
    ) -> Context:
        """What a connector is given for a source; with `find` it reads the raw archive in place of the portal, with
        `capture` what a browser has captured.

        `remembered` holds answers, by what was asked, that an earlier attempt of the same run has had.
        """
        product = job.manifest.product(job.config.product)
        sessions: list[Session] = []

        def open_session(manner: Manner) -> Session:
            if capture is not None:
                made = capture_session(product, manner, archive=self.archive, capture=capture)
            elif find is not None:
                made = archive_session(product, manner, archive=self.archive, find=find)
            else:
                made = network_session(
                    job.config,
                    product,
                    manner,
                    archive=self.archive,
                    patience=self.patience,
                    clock=self.store.clock,
                    name=job.key,
                    limit_of=self.limit_of,
                    remembered=remembered,
                )
            sessions.append(made)
            return made

        return Context(
            source=job.key,
            config=job.config,
            manifest=job.manifest,
            institution=job.institution,
            scale=job.scale,
            open_session=open_session,
            layouts=job.layouts,
            calendar=job.calendar,
            vault=self.vault,
            clock=clock or self.store.clock,
            pseudonym=self.pseudonym,
            archive=self.archive,
            root=self.root,
            find=find,
            from_capture=capture is not None,
            sessions=sessions,
        )

"""The `files` connector: a folder of exported files in the place of a portal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from canonical.batch import Batch, Lines, Origin, Read, Ready
from canonical.coverage import Scope
from canonical.entities import ENTITIES
from connectors.archive import body_of
from connectors.contract import (
    CheckLine,
    Connector,
    Context,
    Reading,
    RemoteInstitution,
    Unit,
    Window,
    failed,
    ready,
)
from connectors.errors import DamagedAnswerError, SourceConfigError
from connectors.files.beside import WORTH_IT, Beside
from connectors.files.blocks import Block, blocks
from connectors.files.canonical_layout import csv_batch, read_lines
from connectors.files.layouts.model import CANONICAL


def open_connector(context: Context) -> Connector:
    """The connector for the layout that the source names.

    Raises:
        SourceConfigError: there is no such layout.

    """
    if context.config.layout == CANONICAL:
        return CanonicalFolder(context)
    from connectors.files.folder import LayoutFolder  # noqa: PLC0415 - what reads workbooks takes long to import

    return LayoutFolder(context)


class CanonicalFolder:
    """A folder of `<entity>.ndjson` or `<entity>.csv`.

    A file that is there covers its entity completely, unless the source says `partial = true`; a file that is missing
    covers nothing (contract.md).
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._folder = context.root / (context.config.path or "")
        self._beside = Beside()
        self._size = 0

    async def check(self) -> list[CheckLine]:
        """Which files are there."""
        files = self._files()
        lines = [CheckLine("folder", ok=True, detail=str(self._folder))]
        for name in ENTITIES:
            path = files.get(name)
            lines.append(
                CheckLine(name, ok=path is not None or None, detail=path.name if path else "no file: covers nothing")
            )
        return lines

    async def discover(self) -> list[RemoteInstitution]:
        """A folder is of one institution."""
        return [RemoteInstitution(self._context.institution.key, self._context.institution.name)]

    async def read(self, window: Window) -> AsyncIterator[Unit]:
        """Every file, an entity after the other; dates do not cut a file."""
        if self._context.find is not None:
            names = [f"{entity}.{ending}" for entity in ENTITIES for ending in ("ndjson", "csv")]
        else:
            files = self._files().values()
            names = [path.name for path in files]
            self._size = sum(path.stat().st_size for path in files)
        for name in names:
            for unit in self._units(name):
                yield unit

    async def close(self) -> None:
        """Ends the process that read lines, if there was one."""
        self._beside.close()

    def _files(self) -> dict[str, Path]:
        """The file of each entity that has one.

        Raises:
            SourceConfigError: there is no such folder, no file in it that could be read, or two for one entity.

        """
        where = f"source {self._context.source}: path {self._folder}"
        if not self._folder.is_dir():
            raise SourceConfigError(f"{where}: there is no such folder")
        found: dict[str, Path] = {}
        for name in ENTITIES:
            paths = [p for ending in ("ndjson", "csv") if (p := self._folder / f"{name}.{ending}").is_file()]
            if len(paths) > 1:
                raise SourceConfigError(f"{where}: both {paths[0].name} and {paths[1].name} are there; keep one")
            if paths:
                found[name] = paths[0]
        if not found:
            raise SourceConfigError(f"{where}: no file named like people.ndjson or marks.csv is there")
        return found

    def _units(self, name: str) -> Iterator[Unit]:
        entity, _, ending = name.partition(".")
        origins = []
        try:
            for block, origin in self._blocks(name, whole=ending == "csv"):
                origins.append(origin)
                yield ready(f"{name} {block.number}", self._reading(entity, ending, block, origin))
        except DamagedAnswerError as error:  # a replay: the rest of the file is left out
            yield failed(f"{name} {len(origins)}", error)
            return
        if origins and not self._context.config.partial:
            done = Batch()
            done.covers(Scope(entity))
            yield ready(f"{name} whole", Reading(origins, lambda: done))

    def _blocks(self, name: str, *, whole: bool) -> Iterator[tuple[Block, Origin]]:
        context = self._context
        if context.find is not None:
            number = 0
            while origin := context.find(f"FILE {name} {number}"):
                yield Block(number, 1, body_of(context.archive, origin)), origin
                number += 1
            return
        path = self._folder / name
        if whole:
            parts: Iterator[Block] = iter([Block(0, 1, path.read_bytes())])
        else:
            parts = blocks(path)
        for block in parts:
            sha256 = context.archive.put(block.body)
            at = context.clock().isoformat()
            yield block, Origin(f"FILE {name} {block.number}", sha256, len(block.body), at)

    def _reading(self, entity: str, ending: str, block: Block, origin: Origin) -> Reading:
        pseudonym = self._context.pseudonym

        def make() -> Batch:
            if ending == "csv":
                text = block.body.decode("utf-8-sig", errors="replace")
                return csv_batch(entity, text, origin=origin, pseudonym=pseudonym)
            return Batch(lines=[self._lines(entity, block, origin)])

        return Reading([origin], make)

    def _lines(self, entity: str, block: Block, origin: Origin) -> Lines:
        pseudonym, zone = self._context.pseudonym, self._context.zone

        def read(positions: Sequence[int]) -> Read:
            made = read_lines(entity, block.numbered(positions), origin, zone, pseudonym)
            return Read(made.records, [positions[p] for p in made.positions], made.rejects)

        def ahead(salt: int) -> Ready | None:
            return self._beside.read(entity, block.body, zone.key, salt)

        is_large = self._size > WORTH_IT and entity != "people"  # whose СНИЛС are hidden here
        return Lines(entity, origin, lambda: block.lines, read, ahead if is_large else None)

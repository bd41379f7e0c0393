"""Exported files with layouts in the place of a portal: each file is read by the layout that fits it best."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from canonical.batch import Batch, Origin
from canonical.toml_files import ConfigError
from canonical.years import AcademicYear
from connectors.archive import body_of, digest
from connectors.contract import CheckLine, Context, Reading, RemoteInstitution, Unit, Window, ready
from connectors.errors import ConnectorError, DamagedAnswerError, SourceConfigError
from connectors.files.choosing import choose
from connectors.files.layouts.model import Layout, load_layout
from connectors.files.layouts.pages import read_pages
from connectors.files.mapping.records import Account, ReadFile
from connectors.files.trouble import UnreadableFileError

_ENDINGS: Final = frozenset({".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".txt", ".html", ".htm", ".xml"})
_LIST: Final = "FILES"


class LayoutFolder:
    """Files of a folder, or those that a pattern names.

    Together the files are one account of the institution: what several of them say of one thing becomes one record.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._layouts = _load(context)

    async def check(self) -> list[CheckLine]:
        """Which files are there, and by which layout each is read."""
        year = AcademicYear.of(self._context.today())
        lines = []
        for name, path in self._paths().items():
            try:
                chosen = choose(self._layouts, path.read_bytes(), name, self._context.scale, year)
            except UnreadableFileError as error:
                lines.append(CheckLine(name, ok=False, detail=str(error)))
            else:
                lines.append(CheckLine(name, ok=True, detail=f"layout {chosen.fit.layout.name}"))
        return lines

    async def discover(self) -> list[RemoteInstitution]:
        """The files are of one institution."""
        return [RemoteInstitution(self._context.institution.key, self._context.institution.name)]

    async def read(self, window: Window) -> AsyncIterator[Unit]:
        """A unit for each file; dates do not cut a file."""
        listed, files = self._archived() if self._context.find is not None else self._standing()
        content = _Content(self._context, self._layouts, window.year, files)
        if listed is not None:
            batch = Batch()
            batch.add([], listed)  # a replay learns from it which files there were
            yield ready("list of files", Reading([listed], lambda: batch))
        for name, (origin, _) in files.items():
            yield ready(f"file {name}", Reading([origin], content.making(name), content.digest))

    async def close(self) -> None:
        """There is nothing to close."""

    def _standing(self) -> tuple[Origin, _Files]:
        """The list of the files, and each with the way to its content."""
        files: _Files = {}
        for name, path in self._paths().items():
            origin = self._origin(f"FILE {name}", path.read_bytes())
            files[name] = origin, _reader(path, origin)
        return self._origin(_LIST, json.dumps(list(files), ensure_ascii=False).encode()), files

    def _archived(self) -> tuple[Origin | None, _Files]:
        """The same, as the archive has it."""
        context = self._context
        files: _Files = {}
        listed = context.find(_LIST) if context.find else None
        for name in json.loads(body_of(context.archive, listed)) if listed else ():
            origin = context.find(f"FILE {name}") if context.find else None
            if origin:
                files[name] = origin, lambda origin=origin: body_of(context.archive, origin)  # type: ignore[misc]
        return listed, files

    def _origin(self, request: str, body: bytes) -> Origin:
        context = self._context
        return Origin(request, context.archive.put(body), len(body), context.clock().isoformat())

    def _paths(self) -> dict[str, Path]:
        """The files by name, in the order of their names. Files that a program has open leave `~$…` beside them.

        Raises:
            SourceConfigError: there are none.

        """
        root, said = self._context.root, self._context.config.path or ""
        folder = root / said
        if folder.is_dir():
            base, paths = folder, [p for p in folder.iterdir() if p.suffix.casefold() in _ENDINGS]
        else:
            base = _base(root, said)
            paths = [folder] if folder.is_file() else list(base.glob(str(folder.relative_to(base))))
        found = {p.relative_to(base).as_posix(): p for p in paths if p.is_file() and not p.name.startswith(("~$", "."))}
        if not found:
            raise SourceConfigError(f"source {self._context.source}: path {said}: there is no such file")
        return dict(sorted(found.items()))


_Files = dict[str, tuple[Origin, Callable[[], bytes]]]


def _base(root: Path, said: str) -> Path:
    """The folder above the first part of a path that holds a `*`."""
    base = root
    for part in Path(said).parts[:-1]:
        if any(sign in part for sign in "*?["):
            break
        base /= part
    return base


def _reader(path: Path, origin: Origin) -> Callable[[], bytes]:
    """Reads a file once more, if it still is what it was."""

    def read() -> bytes:
        body = path.read_bytes()
        if digest(body) != origin.sha256:
            raise UnreadableFileError("the file was changed while it was being read; import again")
        return body

    return read


def _load(context: Context) -> Sequence[Layout]:
    if not context.layouts:
        raise SourceConfigError(f"source {context.source}: layout {context.config.layout!r} is not known")
    try:
        return [load_layout(path) for path in context.layouts]
    except ConfigError as error:
        raise SourceConfigError(str(error)) from None


class _Content:
    """What the files come to, worked out when the first of them is asked for."""

    def __init__(self, context: Context, layouts: Sequence[Layout], year: AcademicYear, files: _Files) -> None:
        self._context = context
        self._layouts = layouts
        self._year = year
        self._files = files

    @property
    def digest(self) -> str:
        """All that a file's batch depends on beside its own content."""
        known = [layout.digest for layout in self._layouts]
        return json.dumps(
            [self._year.name, repr(self._context.calendar), known, [[n, o.sha256] for n, (o, _) in self._files.items()]]
        )

    def making(self, name: str) -> Callable[[], Batch]:
        """Makes the batch of a file.

        Raises (when it is called):
            UnreadableFileError: the file cannot be read, or no layout fits it.
            DamagedAnswerError: a replay does not find it whole.

        """

        def make() -> Batch:
            account, broken = self._account
            if name in broken:
                raise broken[name]
            return account.batch(name, partial=self._context.config.partial)

        return make

    @cached_property
    def _account(self) -> tuple[Account, Mapping[str, ConnectorError]]:
        context = self._context
        account = Account(context.institution.kind, context.scale, context.pseudonym, context.calendar)
        broken: dict[str, ConnectorError] = {}
        for name, (origin, body) in self._files.items():
            try:
                chosen = choose(self._layouts, body(), name, context.scale, self._year)
            except (UnreadableFileError, DamagedAnswerError) as error:
                broken[name] = error
            else:
                account.take(ReadFile(name, origin, read_pages(chosen.fit, chosen.book, name, chosen.setting)))
        account.finish()
        return account, broken

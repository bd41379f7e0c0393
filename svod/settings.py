"""The configuration: one TOML file, checked whole before anything is done."""

from __future__ import annotations

import os
import typing
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from canonical.calendar import SchoolCalendar
from canonical.scales import Scale
from canonical.store.engine import address, holds_password
from canonical.store.schedules import EVERY
from canonical.toml_files import ConfigError, checked, near, read_toml
from connectors.contract import Institution, Secret, SourceConfig, name_secrets
from connectors.errors import ConnectorError
from connectors.files.layouts.model import CANONICAL, load_layout
from connectors.registry import check_source, manifest
from pipelines.completeness.profile import DEFAULT, Profile, load_profile
from pipelines.jobs.cron import check_cron

PLACES: Final = (Path("svod.toml"), Path("config/svod.toml"))
"""Where a configuration is looked for when neither `--config` nor `$SVOD_CONFIG` names one."""


class SettingsError(Exception):
    """The configuration cannot be used. The message names file, key and reason."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreSettings(_Table):
    """`[store]`. Removals beyond both `removal_share` of a scope and `removal_rows` wait for a person.

    The `…_keep_days` say what `svod prune` leaves; history without a number of days is kept for ever.
    """

    url: str = "sqlite:///svod.db"
    raw_archive: str = "raw/"
    raw_keep_days: int = Field(default=400, ge=1)
    history_keep_days: int | None = Field(default=None, ge=1)
    runs_keep_days: int = Field(default=400, ge=1)
    removal_share: float = Field(default=0.2, ge=0, le=1)
    removal_rows: int = Field(default=50, ge=0)

    @field_validator("url")
    @classmethod
    def _is_of_a_known_kind(cls, value: str) -> str:
        address(value)
        return value


class QueueSettings(_Table):
    """`[queue]`. Without an address jobs run in the process that is asked for them.

    A job is tried `attempts` times before it is parked: first `retry_seconds` after it failed, then after twice as long each
    time. What was lost (a worker, a message) is noticed within `sweep_seconds`.
    """

    url: str = ""
    password: Secret | None = None
    attempts: int = Field(default=5, ge=1, le=100)
    retry_seconds: float = Field(default=30.0, ge=0)
    sweep_seconds: float = Field(default=15.0, gt=0, le=60)

    @field_validator("url")
    @classmethod
    def _is_of_redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://")):
            raise ValueError("it is no address of Redis; write redis://host:6379/1 or rediss://…")
        return value

    @model_validator(mode="after")
    def _know_their_keys(self) -> QueueSettings:
        name_secrets(self, "queue")
        return self


class SecretsSettings(_Table):
    """`[secrets]`. `key` encrypts refreshed tokens and hashes СНИЛС."""

    key: Secret | None = None

    @model_validator(mode="after")
    def _know_their_keys(self) -> SecretsSettings:
        name_secrets(self, "secrets")
        return self


class InstitutionSettings(_Table):
    """One `[[institution]]` with its `[[institution.source]]`."""

    key: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    name: str
    kind: Literal["school", "college"]
    timezone: str = "Europe/Moscow"
    scale: str = "five"
    rules: str | None = None
    calendar: str | None = None
    source: tuple[SourceConfig, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{value!r} is not a time zone; write one like Europe/Moscow") from None
        return value

    @model_validator(mode="after")
    def _unique(self) -> InstitutionSettings:
        _no_twins("source", [s.key for s in self.source])
        return self

    @model_validator(mode="after")
    def _secrets_know_their_keys(self) -> InstitutionSettings:
        for source in self.source:
            if source.auth is not None:
                name_secrets(source.auth, f"institution {self.key}, source {source.key}: auth")
        return self

    @property
    def place(self) -> Institution:
        return Institution(self.key, self.name, self.kind, ZoneInfo(self.timezone))


class ScheduleSettings(_Table):
    """One `[[schedule]]`: what is run when, for which institutions (`*`: all). The hour is the institution's own.

    A `report` is written as `format` into `folder`, in a folder of each institution; one that is `consolidated` over all of
    them into `folder` itself, and the hour is that of the first.
    """

    job: Literal["import", "reconcile", "completeness", "report"]
    cron: str
    institutions: tuple[str, ...] = (EVERY,)
    report: str | None = None
    consolidated: bool = False
    format: str = "xlsx"
    folder: str = "reports"

    @field_validator("cron")
    @classmethod
    def _falls_due(cls, value: str) -> str:
        return check_cron(value)

    @model_validator(mode="after")
    def _names_its_report(self) -> ScheduleSettings:
        if self.job == "report" and self.report is None:
            raise _wrong("report", 'is missing; write one of `svod report list`, like report = "group-progress"')
        if self.job != "report" and self.report is not None:
            raise _wrong("report", f'only job = "report" has one, and this is job = "{self.job}"; leave it out')
        if self.consolidated and self.report is None:
            raise _wrong("consolidated", f'only job = "report" can be, and this is job = "{self.job}"; leave it out')
        if self.report is not None:
            # most configurations name no report, and reports take long to load
            from pipelines.reporting.asking import NothingSuchError  # noqa: PLC0415
            from pipelines.reporting.catalogue import find  # noqa: PLC0415
            from pipelines.reporting.formats import formats  # noqa: PLC0415

            try:
                find(self.report)
            except NothingSuchError as error:
                raise _wrong("report", str(error)) from None
            if self.format not in formats():
                known = f"there are: {', '.join(sorted(formats()))}"
                raise _wrong("format", f"there is no format {self.format!r}; {known}")
        return self

    @property
    def of_all(self) -> bool:
        """Whether it is for all institutions."""
        return EVERY in self.institutions

    def files(self, institutions: list[str]) -> list[tuple[Path, set[str]]]:
        """The files that it writes for these institutions, each with those that are in it."""
        if self.report is None or not institutions:
            return []
        from pipelines.reporting.catalogue import find  # noqa: PLC0415 - as above

        name = f"{find(self.report).title}.{self.format}"
        if self.consolidated:
            return [(Path(self.folder, name), set(institutions))]
        return [(Path(self.folder, key, name), {key}) for key in institutions]

    @property
    def arguments(self) -> dict[str, str | bool]:
        """What the job is told besides the institution."""
        if self.report is None:
            return {}
        return {
            "report": self.report,
            "format": self.format,
            "folder": self.folder,
            "consolidated": self.consolidated,
        }


class Settings(_Table):
    """The whole file."""

    store: StoreSettings = StoreSettings()
    queue: QueueSettings = QueueSettings()
    secrets: SecretsSettings = SecretsSettings()
    institution: tuple[InstitutionSettings, ...] = ()
    schedule: tuple[ScheduleSettings, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> Settings:
        _no_twins("institution", [i.key for i in self.institution])
        return self

    def passwords_in_addresses(self) -> list[str]:
        """What to say of passwords that stand in the file, where no secret should; never the password."""
        told = []
        if holds_password(self.store.url):
            told.append(
                "store.url holds a password, and a secret must not stand in the file: put it where PostgreSQL's own clients "
                "look for it (PGPASSFILE, ~/.pgpass or PGPASSWORD; see docs/deploy.md)"
            )
        if (place := urlsplit(self.queue.url)).password or "password" in parse_qs(place.query):
            told.append(
                "queue.url holds a password, and a secret must not stand in the file: "
                'write password = { env = "NAME" } or { file = "path" } below [queue]'
            )
        return told


class Site:
    """The configuration of one installation, with the files that it names. Relative paths begin at `root`."""

    def __init__(self, settings: Settings, file: Path, root: Path) -> None:
        self.settings = settings
        self.file = file
        self.root = root
        for institution in settings.institution:
            self.scale(institution)
            self.calendar(institution)
            self.rules(institution)
            for source in institution.source:
                self._check_source(institution, source)
        for number, schedule in enumerate(settings.schedule, 1):
            try:
                self.institutions(k for k in schedule.institutions if k != EVERY)
            except SettingsError as error:
                raise SettingsError(f"{error} (schedule[{number}].institutions)") from None
        self._check_files_of_reports()

    def institutions(self, keys: typing.Iterable[str] = ()) -> list[InstitutionSettings]:
        """The institutions of these keys, or all.

        Raises:
            SettingsError: there is no institution of some key.

        """
        known = {i.key: i for i in self.settings.institution}
        wanted = list(keys)
        for key in wanted:
            if key not in known:
                hint = near(key, known) or f"; there are: {', '.join(known) or 'none'}"
                raise SettingsError(f"{self.file}: there is no institution {key!r}{hint}")
        return [i for i in self.settings.institution if not wanted or i.key in wanted]

    def scheduled(self, schedule: ScheduleSettings) -> list[InstitutionSettings]:
        """The institutions of a schedule."""
        return self.institutions(k for k in schedule.institutions if not schedule.of_all)

    def scale(self, institution: InstitutionSettings) -> Scale:
        """The mark scale of an institution."""
        path = self.data("scales", institution.scale, f"institution {institution.key}: scale")
        try:
            return Scale.load(path)
        except (ValueError, AttributeError) as error:
            raise SettingsError(str(error)) from None

    def calendar(self, institution: InstitutionSettings) -> SchoolCalendar | None:
        """The school calendar of an institution; null if it names none."""
        if institution.calendar is None:
            return None
        path = self.data("calendars", institution.calendar, f"institution {institution.key}: calendar")
        try:
            return SchoolCalendar.load(path)
        except ConfigError as error:
            raise SettingsError(str(error)) from None

    def layouts(self, institution: InstitutionSettings, source: SourceConfig) -> tuple[Path, ...]:
        """The files of the layouts that a source names; none if it has none, or reads canonical files."""
        names = (source.layout,) if isinstance(source.layout, str) else source.layout or ()
        what = f"institution {institution.key}, source {source.key}: layout"
        return tuple(self.data("layouts", name, what) for name in names if names != (CANONICAL,))

    def rules(self, institution: InstitutionSettings) -> Profile:
        """The profile of rules by which an institution lives; the default one if it names none."""
        return self.profile(institution.rules or DEFAULT, f"institution {institution.key}: rules")

    def profile(self, name: str, what: str = "rules") -> Profile:
        """The profile of rules of this name; `what` says who asks for it.

        Raises:
            SettingsError: there is none, or it cannot be used.

        """
        try:
            return load_profile(name, lambda wanted, asker: self.data("rules", wanted, asker), what)
        except ConfigError as error:
            raise SettingsError(str(error)) from None

    def names(self, kind: str) -> list[str]:
        """The names of the files of `config/<kind>/`, the installation's own and those that come with svod."""
        return sorted({p.stem for f in self._folders(kind) for p in f.glob("*.toml")})

    def _folders(self, kind: str) -> list[Path]:
        return [self.root / "config" / kind, shipped() / kind]

    def data(self, kind: str, name: str, what: str) -> Path:
        """A file of `config/<kind>/`: the installation's own, else the one that comes with svod.

        Raises:
            SettingsError: there is none of this name.

        """
        for folder in self._folders(kind):
            if (folder / f"{name}.toml").is_file():
                return folder / f"{name}.toml"
        known = self.names(kind)
        raise SettingsError(
            f"{self.file}: {what} = {name!r}: there is no {kind}/{name}.toml{near(name, known)}; there are {', '.join(known)}"
        )

    @property
    def store_url(self) -> str:
        """The store's address; a relative SQLite file begins at `root`."""
        url = address(self.settings.store.url)
        if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
            url = url.set(database=str(self.root / url.database))
        return url.render_as_string(hide_password=False)

    @property
    def archive_folder(self) -> Path | None:
        """Where answers are kept as they were received; null if they are not."""
        return self.root / self.settings.store.raw_archive if self.settings.store.raw_archive else None

    def _check_files_of_reports(self) -> None:
        """No report may be written over one of other institutions."""
        written: dict[str, tuple[int, set[str]]] = {}
        for number, schedule in enumerate(self.settings.schedule, 1):
            for file, keys in schedule.files([i.key for i in self.scheduled(schedule)]):
                first, others = written.setdefault(os.path.normpath(self.root / file), (number, keys))
                if keys != others:
                    raise SettingsError(
                        f"{self.file}: schedule[{number}].folder: {file} is written by schedule[{first}] too, for other "
                        "institutions, and one report would replace the other; name another folder for one of them"
                    )

    def _check_source(self, institution: InstitutionSettings, source: SourceConfig) -> None:
        try:
            check_source(source, manifest(source.connector), unasked=True)
        except ConnectorError as error:
            raise SettingsError(f"{self.file}: institution {institution.key}, source {source.key}: {error}") from None
        try:
            for path in self.layouts(institution, source):
                load_layout(path)
        except ConfigError as error:
            raise SettingsError(str(error)) from None


def load(path: Path | None = None) -> Site:
    """The configuration from `path`, else `$SVOD_CONFIG`, else the first of `PLACES` that is there.

    Raises:
        SettingsError: there is none, or it cannot be used; says file, key and reason.

    """
    named, file = _configuration(path)
    if file is None:
        raise SettingsError("there is no configuration: call `svod init` here, or name one with --config")
    root = (Path() if named is None else file.parent).resolve()
    try:
        settings = checked(file, Settings, read_toml(file), unions=("auth",), context={"root": root})
    except ConfigError as error:
        raise SettingsError(str(error)) from None
    return Site(settings, file, root)


def load_or_empty(path: Path | None = None) -> Site:
    """The configuration as `load` gives it; where there is none at all, one without institutions.

    Raises:
        SettingsError: there is one, and it cannot be used.

    """
    _, file = _configuration(path)
    return load(path) if file else Site(Settings(), PLACES[0], Path.cwd())


def _configuration(path: Path | None) -> tuple[Path | None, Path | None]:
    """The configuration that was named, and the one that is used."""
    named = path or (Path(os.environ["SVOD_CONFIG"]) if os.environ.get("SVOD_CONFIG") else None)
    return named, named or next((p for p in PLACES if p.is_file()), None)


def shipped() -> Path:
    """The `config/` that comes with svod."""
    inside = Path(__file__).parent / "_config"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "config"


def _wrong(key: str, why: str) -> PydanticCustomError:
    """What is wrong with one key of a table, seen by the others."""
    return PydanticCustomError("wrong", "{why}", {"at": key, "why": why})


def _no_twins(table: str, keys: list[str]) -> None:
    """Keys of the tables `[[institution]]`, or `[[institution.source]]`, must differ."""
    for number, key in enumerate(keys):
        first = keys.index(key)
        if first != number:
            said = {"at": f"{table}[{number + 1}].key", "key": repr(key), "first": f"{table}[{first + 1}]"}
            raise PydanticCustomError("twin", "{key} stands twice: {first} has it already", said)

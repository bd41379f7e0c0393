"""What a connector is: how it is set up, what it says of itself, and what it gives.

A connector describes itself in its `manifest.toml` (describe), says what a credential can see (check, discover), and reads
a window of days as a sequence of units (read). A unit names a piece of reading that is the same in every import; reading
it gives the answers and the way to make records of them, so that answers which are the same as last time need not be
mapped again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Final, Literal, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, model_validator

from canonical.batch import Batch, Origin
from canonical.calendar import SchoolCalendar
from canonical.scales import Scale
from canonical.years import AcademicYear, Stretch, grid
from connectors.archive import Archive, NoArchive
from connectors.errors import ConnectorError, SourceConfigError
from connectors.http import Answer, Manner, Session, may_be_sent

log = logging.getLogger("svod.secrets")

# -- how a source is set up ------------------------------------------------------------------------------------------


_NOT_HERE = 'a secret must not stand in the file: write { env = "NAME" }, { file = "path" } or { keyring = "service" }'


def _beside_the_configuration(path: str, info: ValidationInfo) -> str:
    root = (info.context or {}).get("root")
    return str(root / path) if root else path


FilePath = Annotated[str, AfterValidator(_beside_the_configuration)]
"""A file that a configuration names; a relative path begins at the configuration's folder."""


_WARNED_OF: Final[set[Path]] = set()
"""Secret files that others may read, of which this process has told."""


class Secret(BaseModel):
    """Where a secret is kept: `{ env = "NAME" }`, `{ file = "path" }` or `{ keyring = "service" }`; never the secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = None
    file: FilePath | None = None
    keyring: str | None = None
    _key: str = PrivateAttr(default="")

    @model_validator(mode="before")
    @classmethod
    def _not_in_the_file(cls, value: Any) -> Any:
        if not isinstance(value, dict | Secret):
            raise ValueError(_NOT_HERE)  # noqa: TRY004 - pydantic reports ValueErrors
        return value

    @model_validator(mode="after")
    def _one(self) -> Secret:
        if sum(v is not None for v in (self.env, self.file, self.keyring)) != 1:
            raise ValueError("give one of env, file, keyring")
        return self

    def reveal(self) -> str:
        """The secret itself, without blanks and line ends around it.

        Raises:
            SourceConfigError: it is not where it should be, or cannot be one. Says at which key, and where it is kept.

        """
        value = self._kept().strip()
        if not value:
            raise self._wrong("is empty; put the secret there")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._wrong("is not text in UTF-8; write the secret there anew") from None
        return value

    def stands_at(self, key: str) -> None:
        """Tells the secret the key of the configuration that it belongs to, for its messages."""
        self._key = key

    def _kept(self) -> str:
        if self.env is not None:
            if self.env not in os.environ:
                raise self._wrong("is not set; put the secret there")
            return os.environ[self.env]
        if self.file is not None:
            try:
                _warn_of_others(Path(self.file))
                return Path(self.file).read_text(encoding="utf-8-sig")
            except OSError as error:
                raise self._wrong(f"cannot be read: {error.strerror}") from None
            except UnicodeDecodeError:
                raise self._wrong("is not text in UTF-8; write the secret there anew") from None
        return self._from_keyring(self.keyring or "")

    def _from_keyring(self, service: str) -> str:
        try:
            import keyring  # noqa: PLC0415 - an optional package, asked for only where the configuration names it
        except ImportError:
            raise self._wrong('needs the package "keyring": pip install keyring') from None
        try:
            value: str | None = keyring.get_password(service, "svod")
        except keyring.errors.KeyringError as error:
            raise self._wrong(f"cannot be opened ({type(error).__name__}); unlock it, or use env or file") from None
        if not value:
            raise self._wrong(f"holds no password of user svod for the service {service!r}")
        return value

    def _wrong(self, what: str) -> SourceConfigError:
        kept = (
            f"the environment variable {self.env}"
            if self.env is not None
            else f"the secret file {self.file}"
            if self.file is not None
            else "the keyring"
        )
        return SourceConfigError(f"{self._key}{': ' if self._key else ''}{kept} {what}")


def _warn_of_others(file: Path) -> None:
    """Tells once of a secret that others than its owner may read."""
    if os.name == "posix" and file.stat().st_mode & 0o077 and file not in _WARNED_OF:
        _WARNED_OF.add(file)
        log.warning("%s: others than its owner may read this secret; call: chmod 600 %s", file, quote(str(file)))


class Token(Secret):
    """A secret that is sent as a header, which not every character may stand in."""

    def reveal(self) -> str:
        """As `Secret.reveal`; a secret with a character that no header may hold is refused too."""
        value = super().reveal()
        if not may_be_sent(value):
            raise self._wrong("holds a character that no token has (a line end, or other than ASCII); copy it anew")
        return value


def name_secrets(table: BaseModel, key: str) -> None:
    """Tells the secrets of a table of the configuration where they stand; `key` is the table's own."""
    for name, value in table:
        if isinstance(value, Secret):
            value.stands_at(f"{key}.{name}")


class TokenAuth(BaseModel):
    """A token that a person has got from the portal."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["token"]
    token: Token


class OAuth(BaseModel):
    """A partner application's registration; the token comes by `svod login`, or from `refresh_token`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["oauth"]
    client_id: str
    client_secret: Secret
    scopes: tuple[str, ...] = ()
    refresh_token: Secret | None = None
    redirect_uri: str | None = None


class PasswordAuth(BaseModel):
    """A login and password of a person (and, for some portals, a partner application's registration)."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    kind: Literal["password"]
    login: str = Field(alias="login")
    password: Secret
    client_id: str | None = None
    client_secret: Secret | None = None
    scopes: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _username(cls, value: Any) -> Any:
        if isinstance(value, dict) and "username" in value and "login" not in value:
            value = {**value, "login": value["username"]}
            del value["username"]
        return value


Auth = Annotated[TokenAuth | OAuth | PasswordAuth, Field(discriminator="kind")]


class SourceConfig(BaseModel):
    """One `[[institution.source]]`. What is null takes the manifest's default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    connector: str
    product: str | None = None
    base_url: str | None = None
    remote_id: str | None = None
    authority: int = 0
    lookback_days: int | None = Field(default=None, ge=0)
    requests_per_second: float | None = Field(default=None, gt=0)
    concurrency: int | None = Field(default=None, ge=1)
    auth: Auth | None = None
    ca_bundle: FilePath | None = None
    path: str | None = None
    layout: str | tuple[str, ...] | None = None
    partial: bool = False
    history: bool = False
    har: str | tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _secrets_know_their_keys(self) -> SourceConfig:
        if self.auth is not None:
            name_secrets(self.auth, "auth")
        return self


# -- what a connector says of itself ---------------------------------------------------------------------------------


class Pages(BaseModel):
    """The parameters that number the pages of lists and say how long they are; the first page has the number `first`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: str
    size: str
    first: int = 1


class Whose(BaseModel):
    """A request that says of which institution the answers after it are, for portals whose answers do not say it.

    It is a regular expression of its path, and the place of the name in what was `sent`, or in what was `said` (fields, parted
    by dots).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    sent: str | None = None
    said: str | None = None


class Captures(BaseModel):
    """How a browser's capture of a portal is read (`connectors.captures`).

    `reads` are regular expressions of the paths that are asked by GET, `posts` of those whose POST only reads; whatever
    stands before them in an address is let be. Groups named `since` and `until` are days in a path. `html` are those of
    them that are answered with a page. `same` are other spellings, as regular expression -> ours. `select` names the parameters that choose
    what is answered (`widen` those among them without which less is), `days` pairs of those that name the first and the last day, `noise` regular expressions of those
    that choose nothing. An answer to a request with any other parameter is read, but is not taken to be complete.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reads: tuple[str, ...]
    posts: tuple[str, ...] = ()
    html: tuple[str, ...] = ()
    same: dict[str, str] = {}
    select: tuple[str, ...] = ()
    widen: tuple[str, ...] = ()
    days: tuple[tuple[str, str], ...] = ()
    noise: tuple[str, ...] = ()
    pages: Pages | None = None
    whose: tuple[Whose, ...] = ()


class Product(BaseModel):
    """One product that a connector reads, as its manifest describes it.

    `factory` is `module:function`; the function takes a `Context` and gives a `Connector`. `standin` likewise names the
    function that makes a stand-in of an `Institution`. `capabilities` is entity -> fields that the portal can say, or,
    where it `says_what_comes`, may say if its files hold them; `history` is what it says besides where a source asks for
    `history`, and empty where there is nothing of the kind; `auth_needs` names what a kind of `auth` must hold here
    though elsewhere it need not;
    `sign_in_paths` and `reads_by_post` are regular expressions of paths; `pages` is the parameter that numbers the pages
    of a list, where lists come in pages; `captures` is there where browser captures can be read; `timezone` and `kind` are
    those of the institutions that keep it, where all have the same; `ended` is the last day of a portal that is history.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    factory: str
    title: str
    standin: str | None = None
    base_url: str | None = None
    auth: tuple[Literal["token", "oauth", "password"], ...] = ()
    auth_needs: dict[str, tuple[str, ...]] = {}
    needs: tuple[str, ...] = ()
    lookback_days: int = 21
    requests_per_second: float = 5
    concurrency: int = 4
    sign_in_paths: tuple[str, ...] = ()
    reads_by_post: tuple[str, ...] = ()
    pages: str | None = None
    captures: Captures | None = None
    timezone: str | None = None
    ended: date | None = None
    kind: Literal["school", "college"] = "school"
    capabilities: dict[str, tuple[str, ...]]
    history: dict[str, tuple[str, ...]] = {}
    says_what_comes: bool = False
    limits: tuple[str, ...] = ()

    def says(self, config: SourceConfig) -> dict[str, tuple[str, ...]]:
        """What a source of it says: entity -> fields, `key` among them; with `history` what that adds."""
        more = self.history if config.history else {}
        return {e: ("key", *fields, *more.get(e, ())) for e, fields in self.capabilities.items()}


Tier = Literal["draft", "bronze", "silver", "gold"]

TIERS: Final[tuple[Tier, ...]] = ("draft", "bronze", "silver", "gold")
"""How good a connector is, the least first; what each demands, `connectors.conformance` checks."""


class Manifest(BaseModel):
    """A connector's `manifest.toml`. `default` names the product that is meant when a source names none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    version: int
    tier: Tier
    default: str
    products: dict[str, Product]

    def product(self, name: str | None) -> Product:
        """The product of this name, or the default one.

        Raises:
            SourceConfigError: there is no such product.

        """
        try:
            return self.products[name or self.default]
        except KeyError:
            known = ", ".join(sorted(self.products))
            raise SourceConfigError(f"connector {self.name} has no product {name!r}; it has {known}") from None


# -- what it works with ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Institution:
    """The institution that a source belongs to."""

    key: str
    name: str
    kind: Literal["school", "college"]
    zone: ZoneInfo


class Vault(Protocol):
    """Keeps what a sign-in gave (tokens that can be refreshed), encrypted or in a private file."""

    def load(self, source: str) -> dict[str, str] | None: ...

    def save(self, source: str, secrets: Mapping[str, str]) -> None: ...


@dataclass(slots=True)
class MemoryVault:
    """Keeps secrets as long as the process lives."""

    kept: dict[str, dict[str, str]] = field(default_factory=dict)

    def load(self, source: str) -> dict[str, str] | None:
        return self.kept.get(source)

    def save(self, source: str, secrets: Mapping[str, str]) -> None:
        self.kept[source] = dict(secrets)


def _forget(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """All that a connector is given. `source` is the whole key, `kolomna/portal`.

    `open_session` makes the way to the portal, given the connector's manner; in a replay it leads to the archive.
    `pseudonym` turns a СНИЛС into its keyed hash (null where no key is configured). `root` is the folder that relative
    paths begin at, `layouts` are the files of the layouts that the source names, `calendar` is the institution's, if it names
    one. `find` is there in a replay only: it gives what was archived last for a request. `from_capture`: the session answers
    from browser captures (`connectors.captures.captured`). `sessions` holds the
    sessions that were opened.
    """

    source: str
    config: SourceConfig
    manifest: Manifest
    institution: Institution
    scale: Scale
    open_session: Callable[[Manner], Session]
    layouts: tuple[Path, ...] = ()
    calendar: SchoolCalendar | None = None
    vault: Vault = field(default_factory=MemoryVault)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    pseudonym: Callable[[str], str | None] = _forget
    archive: Archive = field(default_factory=NoArchive)
    root: Path = field(default_factory=Path)
    find: Callable[[str], Origin | None] | None = None
    from_capture: bool = False
    sessions: list[Session] = field(default_factory=list)

    @property
    def product(self) -> Product:
        return self.manifest.product(self.config.product)

    @property
    def zone(self) -> ZoneInfo:
        return self.institution.zone

    def today(self) -> date:
        """The institution's own day."""
        return self.clock().astimezone(self.zone).date()


# -- what it gives ---------------------------------------------------------------------------------------------------


def _none_is_missed(_: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Window:
    """The days to read, both inclusive, and the academic year in which they lie.

    `explicit` says that a person asked for just these days: then nothing outside them is asked for. `missed` says of a
    unit's name whether it must be read even if it lies before the window: it never was read as a whole, or something of
    it was malformed.
    """

    year: AcademicYear
    since: date
    until: date
    explicit: bool = False
    missed: Callable[[str], bool] = field(default=_none_is_missed, compare=False)

    def pieces(self, days: int) -> Iterator[Stretch]:
        """The window in pieces of a fixed division of the year, see `canonical.years.grid`."""
        return grid(self.year, days, self.since, self.until, cut=self.explicit)


@dataclass(frozen=True, slots=True)
class Reading:
    """The answers to one unit, and how to make a batch of them.

    `make` is pure: it talks to nobody, and gives the same batch for the same answers and the same `context` (a text that
    stands for everything else it looks at, for example `digest_of` the answers that named groups and subjects).
    `lost` says what of the unit could not be read: the rest is kept, the run tells of it, and the unit is read again.
    """

    answers: Sequence[Answer | Origin]
    make: Callable[[], Batch]
    context: str = ""
    lost: Sequence[ConnectorError] = ()

    @property
    def origins(self) -> list[Origin]:
        """Where the answers came from."""
        return [a.origin if isinstance(a, Answer) else a for a in self.answers]

    def digest(self, salt: str) -> str:
        """Says what was read: the same text when everything that the batch depends on is the same."""
        return hashlib.sha256(f"{salt}\n{self.context}\n{digest_of(self.answers)}".encode()).hexdigest()


def note_answers(batch: Batch, reading: Reading) -> None:
    """Lets answers that brought no record of their own be found in a replay as well."""
    noted = {origin for origin, _ in batch.blocks} | {lines.origin for lines in batch.lines}
    batch.blocks += [(origin, []) for origin in reading.origins if origin not in noted]


def digest_of(answers: Sequence[Answer | Origin]) -> str:
    """A text that changes when any of the answers does."""
    origins = (a.origin if isinstance(a, Answer) else a for a in answers)
    return hashlib.sha256("\n".join(f"{o.request} {o.sha256}" for o in origins).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of reading, committed in one transaction. `name` is the same for the same piece in every import.

    `whole` is false where explicit dates have cut the piece.
    """

    name: str
    read: Callable[[], Awaitable[Reading]]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that `svod check` found out. `ok` is null where it could not be found out."""

    what: str
    ok: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RemoteInstitution:
    """An institution that the account can see at the portal; `id` is what `remote_id` must be."""

    id: str
    name: str


class Connector(Protocol):
    """Reads one portal for one source. Made for one use: check, discover or read, then close."""

    async def check(self) -> list[CheckLine]:
        """Whether the portal can be reached, the credential is good, and what it lets us read.

        Raises:
            ConnectorError: not even that could be asked.

        """
        ...

    async def discover(self) -> list[RemoteInstitution]:
        """The institutions that the account can see."""
        ...

    def read(self, window: Window) -> AsyncIterator[Unit]:
        """The window as units. What later units point at (people, groups, subjects, courses) is yielded first.

        The reader runs several units at once and may stop taking them at any time. A `ConnectorError` raised here stops
        the source; one raised by a unit leaves out what its `stops` says.
        """
        ...

    async def close(self) -> None:
        """Signs out where the portal counts sessions, and lets go of connections."""
        ...


@runtime_checkable
class SignIn(Protocol):
    """What a connector has besides where a portal gives tokens to people only: one of them lets us in, in a browser."""

    def sign_in_page(self) -> str | None:
        """The address that the person opens; null where the source's credentials do without a person."""
        ...

    async def take_sign_in(self, pasted: str) -> None:
        """Takes what the person brings back, a code or the whole address, and keeps what it gives in the vault.

        Raises:
            SignInNeededError: it is none, the person has refused, or the portal does not accept it.

        """
        ...


def ready(name: str, reading: Reading, *, whole: bool = True) -> Unit:
    """A unit whose answers are there already."""

    async def read() -> Reading:
        return reading

    return Unit(name, read, whole)


def failed(name: str, error: ConnectorError) -> Unit:
    """A unit that could not be read."""

    async def read() -> Reading:
        raise error

    return Unit(name, read)

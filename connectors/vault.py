"""Keeps what a sign-in gave: in the store, encrypted, or without a key in a private file beside the configuration."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import select

from canonical.store import Store
from canonical.store.upsert import upsert
from canonical.tables import SECRETS
from connectors.contract import Vault
from connectors.errors import SourceConfigError


class StoreVault:
    """Secrets in the store's table, encrypted with the configured key."""

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._cipher = Fernet(base64.urlsafe_b64encode(_derived(key, "vault")))

    def load(self, source: str) -> dict[str, str] | None:
        """What was kept for a source.

        Raises:
            SourceConfigError: it was encrypted with another key.

        """
        with self._store.reading() as connection:
            body = connection.execute(select(SECRETS.c.body).where(SECRETS.c.source == source)).scalar()
        if body is None:
            return None
        try:
            return msgspec.json.decode(self._cipher.decrypt(body), type=dict[str, str])
        except InvalidToken:
            raise SourceConfigError(
                f"source {source}: the kept sign-in was encrypted with another [secrets] key; restore that key, or sign in again with `svod login {source}`"
            ) from None

    def save(self, source: str, secrets: Mapping[str, str]) -> None:
        """Keeps secrets in the place of the earlier ones."""
        body = self._cipher.encrypt(msgspec.json.encode(secrets))
        with self._store.writing() as connection:
            upsert(connection, SECRETS, [{"source": source, "body": body, "at": self._store.stamp()}])


class FileVault:
    """Secrets in one JSON file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, source: str) -> dict[str, str] | None:
        """What was kept for a source."""
        return self._all().get(source)

    def save(self, source: str, secrets: Mapping[str, str]) -> None:
        """Keeps secrets in the place of the earlier ones; the file is replaced whole, by one thread or process at a time."""
        with self._alone():
            kept = {**self._all(), source: dict(secrets)}
            draft = self._path.with_suffix(f".{os.getpid()}.part")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(kept))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Others wait meanwhile; who dies lets go."""
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _all(self) -> dict[str, dict[str, str]]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, dict[str, str]])
        except FileNotFoundError:
            return {}


def open_vault(store: Store, key: str | None, folder: Path) -> Vault:
    """The vault of an installation: with a key in the store, without one in a file of mode 0600 in `folder`."""
    return StoreVault(store, key) if key else FileVault(folder / ".svod-sign-in.json")


def pseudonyms(key: str | None) -> Callable[[str], str | None]:
    """How a СНИЛС becomes a keyed hash; without a key it is not kept at all."""
    if not key:
        return lambda _: None
    derived = _derived(key, "snils")
    return lambda number: hmac.new(derived, number.encode(), hashlib.sha256).hexdigest()


def _derived(key: str, purpose: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", key.encode(), f"svod {purpose}".encode(), 100_000)

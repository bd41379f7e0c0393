"""The raw archive: every answer as it was received, found by its content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol

import zstandard


class Archive(Protocol):
    """Keeps bodies of answers and files."""

    def put(self, body: bytes) -> str:
        """Keeps a body; gives its SHA-256 (hex). The same body is kept once."""
        ...

    def holds(self, sha256: str) -> bool:
        """Whether the body with this SHA-256 is here."""
        ...

    def get(self, sha256: str) -> bytes:
        """The body with this SHA-256.

        Raises:
            KeyError: it is not here.
            ValueError: what is here is not what was put.

        """
        ...


def digest(body: bytes) -> str:
    """SHA-256 of a body, hex."""
    return hashlib.sha256(body).hexdigest()


class FolderArchive:
    """Bodies as zstd files, two hexadecimal digits a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._decompressor = zstandard.ZstdDecompressor()

    def path(self, sha256: str) -> Path:
        """Where a body stands, or would stand."""
        return self._folder / sha256[:2] / f"{sha256[2:]}.zst"

    def put(self, body: bytes) -> str:
        name = digest(body)
        path = self.path(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(f".{os.getpid()}.part")
            draft.write_bytes(self._compressor.compress(body))
            draft.chmod(0o600)  # answers hold children's data
            draft.replace(path)  # a reader sees a whole file or none
        return name

    def holds(self, sha256: str) -> bool:
        return self.path(sha256).exists()

    def get(self, sha256: str) -> bytes:
        try:
            packed = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise KeyError(sha256) from None
        try:
            body = self._decompressor.decompress(packed)
        except zstandard.ZstdError:
            body = b""
        if digest(body) != sha256:
            raise ValueError(f"{self.path(sha256)}: damaged, its content does not match its name")
        return body


class NoArchive:
    """Keeps nothing; answers still get their SHA-256."""

    def put(self, body: bytes) -> str:
        return digest(body)

    def holds(self, sha256: str) -> bool:
        return False

    def get(self, sha256: str) -> bytes:
        raise KeyError(sha256)

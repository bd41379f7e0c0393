"""What several jobs use at once in one process."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from connectors.archive import FolderArchive
from connectors.vault import FileVault


def test_the_archive_is_used_by_many_threads(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path / "raw")

    def keep(seed: int) -> None:
        body = random.Random(seed).randbytes(200_000) * 3
        assert archive.get(archive.put(body)) == body

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(keep, range(60)))


def test_the_vault_loses_nothing_that_others_keep(tmp_path: Path) -> None:
    def keep(number: int) -> None:
        FileVault(tmp_path / ".svod-sign-in.json").save(f"a/{number}", {"refresh_token": str(number)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(keep, range(40)))
    vault = FileVault(tmp_path / ".svod-sign-in.json")
    assert [vault.load(f"a/{n}") for n in range(40)] == [{"refresh_token": str(n)} for n in range(40)]
    assert (tmp_path / ".svod-sign-in.json").stat().st_mode & 0o777 == 0o600

"""What the threads of a worker share: the raw archive, and the file of sign-ins."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from connectors.archive import FolderArchive
from connectors.vault import open_vault


def test_threads_do_not_spoil_each_others_bodies(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)

    def put_and_get(thread: int) -> None:
        rng = random.Random(thread)
        for _ in range(12):
            body = " ".join(str(rng.randrange(10**6)) for _ in range(20_000)).encode()
            assert archive.get(archive.put(body)) == body

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(put_and_get, range(6)))


def test_no_sign_in_is_lost_when_several_are_kept_at_once(tmp_path: Path) -> None:
    """A refresh token that was rotated is good for one time: whoever loses it must sign in again."""
    vaults = [open_vault(mock.Mock(), None, tmp_path) for _ in range(2)]
    sources = [f"school{n}/portal" for n in range(40)]

    def keep(number: int) -> None:
        vaults[number % 2].save(sources[number], {"refresh_token": str(number)})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(keep, range(len(sources))))
    assert [vaults[0].load(s) for s in sources] == [{"refresh_token": str(n)} for n in range(len(sources))]

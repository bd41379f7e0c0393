"""Loads a year of marks from canonical NDJSON, and again with 1 % of it changed: svod beside dlt, in the same run.

Every tool reads the same files and must end with the same rows. dlt fed with dicts and with Arrow tables merges by key;
it neither checks the records nor resolves their references, and keeps no history.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import create_engine, make_url, text

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT.parent))

from benchmarks.data import prepare  # noqa: E402
from tests.servers import postgres  # noqa: E402

PEERS = ROOT.parent / ".venv-bench"
Run = Callable[[Path, str, Path], dict[str, float]]


def svod(folder: Path, url: str, work: Path) -> dict[str, float]:
    drop = work / "drop"
    drop.unlink(missing_ok=True)
    drop.symlink_to(folder.resolve())
    config = work / "svod.toml"
    config.write_text(
        f'[store]\nurl = "{url}"\n[[institution]]\nkey = "bench"\nname = "Стенд"\nkind = "school"\n'
        '[[institution.source]]\nkey = "files"\nconnector = "files"\nlayout = "canonical"\npath = "drop"\n',
        encoding="utf-8",
    )
    return run([sys.executable, str(ROOT / "run_svod.py"), str(config)])


def dlt(fed: str) -> Run:
    def one(folder: Path, url: str, work: Path) -> dict[str, float]:
        peer = [str(PEERS / "bin" / "python"), str(ROOT / "peer_dlt.py"), str(folder)]
        return run([*peer, "--url", for_dlt(url), "--fed", fed, "--work", str(work)])

    return one


def for_dlt(url: str) -> str:
    """The same database as dlt wants its address: with a password, and with the server's socket in the place of a host."""
    parsed = make_url(url)
    socket = parsed.query.get("host")
    if not isinstance(socket, str):
        return url.replace("postgresql+psycopg", "postgresql")
    return f"postgresql://{parsed.username}:-@{quote(socket, safe='')}/{parsed.database}"


def run(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[1]} failed:\n{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def install_peers() -> None:
    wanted, installed = ROOT / "requirements.txt", PEERS / ".installed"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        print("installing the peers …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        pip = [str(PEERS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--requirement", str(wanted)], check=True)
        installed.touch()


def measure(tool: Run, url: Callable[[Path], str], first: Path, second: Path) -> list[dict[str, float]]:
    """A first load and a re-load, into a database of their own."""
    work = Path(tempfile.mkdtemp(prefix="svod-bench-"))
    try:
        address = url(work)
        return [tool(first, address, work), tool(second, address, work)]
    finally:
        shutil.rmtree(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--marks", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1, help="medians of so many runs")
    parser.add_argument("--tools", default="svod,dlt arrow,dlt dicts")
    parser.add_argument("--stores", default="SQLite,PostgreSQL")
    said = parser.parse_args()
    first, second, total = prepare(ROOT / ".data", said.marks)
    tools: dict[str, Run] = {"svod": svod, "dlt arrow": dlt("arrow"), "dlt dicts": dlt("dicts")}
    chosen = {n: tools[n] for n in said.tools.split(",")}
    if any(n.startswith("dlt") for n in chosen):
        install_peers()
    print(f"{total:,} records, {said.marks:,} of them marks; medians of {said.runs}", flush=True)
    with postgres() as server:
        stores = {"SQLite": sqlite_url, "PostgreSQL": postgres_url(server)}
        for store in said.stores.split(","):
            figures: dict[str, tuple[float, float]] = {}
            for name, tool in chosen.items():
                runs = [measure(tool, stores[store], first, second) for _ in range(said.runs)]
                load, again = (total / statistics.median(r[n]["seconds"] for r in runs) for n in (0, 1))
                peak = max(r[n]["rss"] for r in runs for n in (0, 1)) / 1e6
                figures[name] = (load, again)
                print(f"{store:<11} {name:<10} load {load:>9,.0f}/s   re-load, 1 % changed {again:>9,.0f}/s   peak {peak:,.0f} MB", flush=True)  # fmt: skip
            for name in chosen:
                if name != "svod" and "svod" in figures:
                    ratios = (s / p for s, p in zip(figures["svod"], figures[name], strict=True))
                    print(f"{store:<11} svod is {' and '.join(f'{r:.2f}' for r in ratios)} times {name}", flush=True)


def sqlite_url(work: Path) -> str:
    return f"sqlite:///{work / 'bench.db'}"


def postgres_url(server: str) -> Callable[[Path], str]:
    numbers = iter(range(1000))

    def fresh(_: Path) -> str:
        name = f"bench_{next(numbers)}"
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
        admin.dispose()
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    return fresh


if __name__ == "__main__":
    main()

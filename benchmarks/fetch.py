"""Fetches 2,000 answers of 20 ms each over 4 and over 10 connections, decoded: svod beside what people would use instead.

The bound is what the answers alone would take: answers x seconds / connections. Bare sockets, without any HTTP client, show how
much of it the machine leaves. Each client runs in a process of its own.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT.parent))

from benchmarks.load import PEERS, install_peers, run  # noqa: E402

CLIENTS = {
    "bare sockets": (sys.executable, "peer_sockets.py"),
    "svod": (sys.executable, "fetch_svod.py"),
    "httpx": (sys.executable, "peer_httpx.py"),
    "aiohttp": (str(PEERS / "bin" / "python"), "peer_aiohttp.py"),
    "requests in threads": (str(PEERS / "bin" / "python"), "peer_requests.py"),
    "dlt rest_api parallelized": (str(PEERS / "bin" / "python"), "peer_dlt_rest.py"),
}


@contextmanager
def portal(milliseconds: float) -> Iterator[str]:
    command = [sys.executable, str(ROOT / "portal.py"), "--milliseconds", str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=2000)
    parser.add_argument("--milliseconds", type=float, default=20)
    parser.add_argument("--connections", default="4,10")
    parser.add_argument("--runs", type=int, default=1, help="medians of so many runs")
    parser.add_argument("--clients", default=",".join(CLIENTS))
    said = parser.parse_args()
    chosen = [c for c in CLIENTS if c in said.clients.split(",")]
    if any(CLIENTS[c][0] != sys.executable for c in chosen):
        install_peers()
    with portal(said.milliseconds) as url:
        for connections in map(int, said.connections.split(",")):
            bound = said.answers * said.milliseconds / 1000 / connections
            print(
                f"{said.answers} answers of {said.milliseconds:g} ms over {connections} connections: bound {bound:.2f} s"
            )
            for name in chosen:
                python, script = CLIENTS[name]
                command = [python, str(ROOT / script), url, str(said.answers), str(connections)]
                seconds = statistics.median(run(command)["seconds"] for _ in range(said.runs))
                print(f"  {name:<27} {seconds:6.2f} s   {bound / seconds:.2f} of the bound", flush=True)


if __name__ == "__main__":
    main()

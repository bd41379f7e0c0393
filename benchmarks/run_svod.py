"""One `svod import` in a process of its own: prints seconds, peak memory and what the ledger says."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from pipelines.importing import Request, import_sources
from svod.cli.frame import Frame


def main() -> None:
    frame = Frame(config=Path(sys.argv[1]), quiet=True)
    jobs = frame.jobs()
    work = frame.work
    started = time.perf_counter()
    result = import_sources(work, jobs, Request())
    seconds = time.perf_counter() - started
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    totals: dict[str, int] = {}
    for counts in result["sources"][0]["entities"].values():
        for name, number in counts.items():
            totals[name] = totals.get(name, 0) + number
    json.dump({"seconds": seconds, "rss": rss, "status": result["status"], **totals}, sys.stdout)


if __name__ == "__main__":
    main()

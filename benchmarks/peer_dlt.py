"""dlt loading the same records, by merge on the key: fed with dicts, or with Arrow tables (which validates nothing)."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--fed", choices=["dicts", "arrow"], required=True)
    parser.add_argument("--work", type=Path, required=True)
    said = parser.parse_args()
    if said.url.startswith("sqlite"):
        os.environ["LOAD__WORKERS"] = "1"  # its jobs would lock each other out
    import dlt  # noqa: PLC0415 - it reads its settings when it is imported

    if said.url.startswith("postgresql"):
        destination = dlt.destinations.postgres(said.url)
    else:
        destination = dlt.destinations.sqlalchemy(said.url, create_primary_keys=True, create_unique_indexes=True)
    pipeline = dlt.pipeline("peer", pipelines_dir=str(said.work), destination=destination, dataset_name="peer")
    files = sorted(said.folder.glob("*.ndjson"))
    started = time.perf_counter()
    resources = [
        dlt.resource(
            records(path, said.fed), name=path.stem, primary_key="key", write_disposition="merge", max_table_nesting=0
        )
        for path in files
    ]
    pipeline.run(resources)
    seconds = time.perf_counter() - started
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    json.dump({"seconds": seconds, "rss": rss}, sys.stdout)


def records(path: Path, fed: str) -> Iterator[Any]:
    if fed == "arrow":
        import pyarrow.json  # noqa: PLC0415 - not needed, nor measured, where dicts are fed

        table = pyarrow.json.read_json(path)
        for n, column in enumerate(
            table.schema
        ):  # which dlt cannot write for PostgreSQL; only courses have such, and few
            if pyarrow.types.is_nested(column.type):
                table = table.set_column(n, column.name, pyarrow.array(map(json.dumps, table.column(n).to_pylist())))
        yield table
        return
    with path.open(encoding="utf-8") as file:
        batch = []
        for line in file:
            batch.append(json.loads(line))
            if len(batch) == 5000:
                yield batch
                batch = []
        yield batch


if __name__ == "__main__":
    main()

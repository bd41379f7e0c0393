"""dlt's REST source, a parallelized resource for each connection, extracted only: `URL ANSWERS CONNECTIONS`; prints seconds."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "ERROR")


def fetch(url: str, answers: int, connections: int) -> float:
    os.environ["EXTRACT__WORKERS"] = str(connections)
    os.environ["EXTRACT__MAX_PARALLEL_ITEMS"] = str(2 * connections)
    import dlt  # noqa: PLC0415 - it reads its settings when it is imported
    from dlt.sources.helpers.rest_client import RESTClient  # noqa: PLC0415
    from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator  # noqa: PLC0415

    share = answers // connections

    def resource(lane: int) -> Any:
        def pages() -> Iterator[Any]:
            client = RESTClient(base_url=url)
            paginator = PageNumberPaginator(
                base_page=0, maximum_page=share, total_path=None, stop_after_empty_page=False
            )
            for page in client.paginate("/items", paginator=paginator):
                yield list(page)

        return dlt.resource(pages, name=f"items_{lane}", parallelized=True)

    with tempfile.TemporaryDirectory() as work:
        pipeline = dlt.pipeline("fetch", pipelines_dir=work, destination="duckdb", dataset_name="fetch")
        started = time.perf_counter()
        pipeline.extract([resource(lane) for lane in range(connections)])
        return time.perf_counter() - started


if __name__ == "__main__":
    json.dump({"seconds": fetch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))}, sys.stdout)

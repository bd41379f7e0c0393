"""What is going on, for Prometheus (docs/metrics.md).

What a process has sent is counted in the process. All else is read from the store when it is asked for, so that it is the
same whichever process is asked, and survives each of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select

from canonical.store import Store, StoreError, overview, sources
from canonical.store import jobs as job_rows
from canonical.store.jobs import OPEN
from canonical.store.state import COUNTS
from canonical.tables import LEDGER, SOURCES
from connectors.http import TRAFFIC

_SUMS_LIVE: Final = 15.0
_SUMS_SHARE: Final = 20
"""Seconds for which the sums of the ledger are good enough, and how many times as long as they took: there may be millions of lines."""


@dataclass(frozen=True, slots=True)
class MetricsServer:
    """Serves until it is closed. `port` is the one that was given out where 0 was asked for."""

    server: WSGIServer
    thread: Thread

    @property
    def port(self) -> int:
        return self.server.server_port

    def close(self) -> None:
        """Serves no more."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def serve_metrics(store: Store, port: int, host: str = "127.0.0.1") -> MetricsServer:
    """Serves the metrics of this process and of the store at `http://host:port/metrics`, beside what else it does.

    Raises:
        OSError: the port cannot be had.

    """
    registry = CollectorRegistry()
    registry.register(StoreCollector(store))
    return MetricsServer(*start_http_server(port, host, registry))


class StoreCollector(Collector):
    """Tells how things stand each time that it is asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sums: tuple[float, list[Any]] = (float("-inf"), [])  # until when, and what

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked of the store before somebody wants to know."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        yield from _traffic()
        up = GaugeMetricFamily("svod_store_up", "Whether the store can be read.")
        try:
            with self._store.reading() as connection:
                told = [
                    self._records(connection),
                    *_source_metrics(connection, self._store.clock()),
                    *self._rest(connection),
                ]
        except StoreError:
            told = []
        up.add_metric([], float(bool(told)))
        yield up
        yield from told

    def _records(self, connection: Connection) -> Metric:
        """The ledgers of all runs, added up."""
        began = time.monotonic()
        if began > self._sums[0]:
            c = LEDGER.c
            query = select(SOURCES.c.key, c.entity, *(func.sum(c[name]) for name in COUNTS))
            query = query.join(SOURCES, SOURCES.c.id == c.source).group_by(SOURCES.c.key, c.entity)
            rows = list(connection.execute(query))
            now = time.monotonic()
            self._sums = (now + max(_SUMS_LIVE, _SUMS_SHARE * (now - began)), rows)
        records = CounterMetricFamily(
            "svod_records", "Distinct records by what became of them.", labels=["source", "entity", "fate"]
        )
        for source, entity, *counts in self._sums[1]:
            for fate, number in zip(COUNTS, counts, strict=True):
                records.add_metric([source, entity, fate], float(number))
        return records

    def _rest(self, connection: Connection) -> Iterator[Metric]:
        aside = GaugeMetricFamily("svod_quarantine", "Open entries of the quarantine.", labels=["source", "kind"])
        for source, kinds in overview.aside(connection).items():
            for kind, number in kinds.items():
                aside.add_metric([source, kind], number)
        yield aside
        removals = GaugeMetricFamily("svod_waiting_removals", "Removals that wait for a person.", labels=["source"])
        for row in overview.waiting_removals(connection):
            removals.add_metric([row["source"]], row["rows"])
        yield removals
        queue = GaugeMetricFamily("svod_queue_depth", "Open jobs by state.", labels=["state"])
        counts = job_rows.counts(connection)
        for state in OPEN:
            queue.add_metric([state], counts[state])
        yield queue


def _traffic() -> Iterator[Metric]:
    requests = CounterMetricFamily("svod_requests", "Requests sent by this process.", labels=["source"])
    retries = CounterMetricFamily("svod_retries", "Requests sent once more by this process.", labels=["source"])
    waited = CounterMetricFamily(
        "svod_request_wait_seconds", "Waiting for a portal's limits and between retries.", labels=["source"]
    )
    for source, traffic in sorted(TRAFFIC.items()):
        requests.add_metric([source], traffic.requests)
        retries.add_metric([source], traffic.retries)
        waited.add_metric([source], traffic.waited)
    yield from (requests, retries, waited)


def _source_metrics(connection: Connection, now: datetime) -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        "svod_seconds_since_complete_coverage",
        "Since the source was last read without a gap; +Inf: it never was.",
        labels=["source"],
    )
    states = GaugeMetricFamily("svod_source_state", "1 for the state in which a source is.", labels=["source", "state"])
    for source in sources(connection):
        last = source.last_ok_at
        lag.add_metric([source.key], (now - datetime.fromisoformat(last)).total_seconds() if last else float("inf"))
        states.add_metric([source.key, source.state], 1)
    yield from (lag, states)

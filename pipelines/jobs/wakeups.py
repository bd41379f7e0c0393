"""Wakes workers: messages of Dramatiq on Redis that say only that there is something to do.

What is to do stands in the store. So a message that comes twice finds nothing, and for one that is lost another is sent soon:
a flushed Redis loses nothing, and which job is the most urgent is decided when a worker is free, not when it was asked for.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.errors import BrokerConnectionError
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger("svod.jobs")

Client = redis.Redis
_QUEUE: Final = "jobs"
_NAMESPACE: Final = "svod"
_WORKERS: Final = f"{_NAMESPACE}:workers"
"""Workers, each with the second until which it is taken to be alive."""

_MOST: Final = 100
"""Messages that are under way at most: more of them would wake nobody else."""

_ME: Final = f"{socket.gethostname()}:{os.getpid()}"
_AWAY: Final = (redis.RedisError, BrokerConnectionError)


def connect(url: str, password: str | None = None) -> redis.Redis:
    """A client that gives up soon, and tries once more where a connection has gone stale.

    Raises:
        ValueError: the address cannot be read. It may hold a password, and is not shown.

    """
    if not url.startswith(("redis://", "rediss://")):
        raise ValueError("is no address of Redis; write redis://host:6379/1 or rediss://…")
    try:
        return redis.Redis.from_url(
            url,
            **({"password": password} if password else {}),
            socket_timeout=5.0,
            socket_connect_timeout=2.0,
            health_check_interval=30,
            retry=Retry(NoBackoff(), 1),
        )
    except ValueError:
        raise ValueError("cannot be read as an address of Redis; write redis://host:6379/1 or rediss://…") from None


def place_of(client: redis.Redis) -> str:
    """Where a client leads to, as it may be told: without user and password."""
    at = client.connection_pool.connection_kwargs
    return f"{at.get('host', 'localhost')}:{at.get('port', 6379)}/{at.get('db', 0)}"


def workers(client: redis.Redis) -> int | None:
    """How many workers have said of late that they are there; null if Redis is away."""
    try:
        return int(client.zcount(_WORKERS, _now(client), "+inf"))
    except _AWAY:
        return None


def _now(client: redis.Redis) -> int:
    """The second by the clock that all workers share."""
    seconds, _ = client.time()
    return int(seconds)


class Wakeups:
    """The way by which those who ask for jobs wake those who do them."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._away = False
        # nothing is retried or timed by Dramatiq: attempts and leases are in the store
        self._broker = RedisBroker(  # type: ignore[no-untyped-call]
            client=client, namespace=_NAMESPACE, heartbeat_timeout=15_000, maintenance_chance=1_000_000, middleware=[]
        )
        self._worker: dramatiq.Worker | None = None

    def send(self, due: int) -> bool:
        """Sees to it that so many jobs have a message each under way; false if Redis is away."""
        try:
            under_way = int(self._client.llen(f"{_NAMESPACE}:{_QUEUE}"))
            for _ in range(min(due, _MOST) - under_way):
                self._broker.enqueue(
                    dramatiq.Message(queue_name=_QUEUE, actor_name=_QUEUE, args=(), kwargs={}, options={})
                )
        except _AWAY as error:
            self._lost(error)
            return False
        self._found()
        return True

    def here(self, seconds: float) -> bool:
        """Says that a worker is in this process for so long from now; false if Redis is away."""
        try:
            now = _now(self._client)
            self._client.zremrangebyscore(_WORKERS, "-inf", now)
            self._client.zadd(_WORKERS, {_ME: now + seconds})
        except _AWAY as error:
            self._lost(error)
            return False
        self._found()
        return True

    def gone(self) -> None:
        """Says that it is not any more."""
        with suppress(*_AWAY):
            self._client.zrem(_WORKERS, _ME)

    def start(self, work: Callable[[], None], threads: int) -> None:
        """Calls `work` in one of so many threads whenever a message comes."""
        # its own words come every few seconds while Redis is away; ours come once
        logging.getLogger("dramatiq").setLevel(logging.CRITICAL + 1)
        dramatiq.actor(broker=self._broker, actor_name=_QUEUE, queue_name=_QUEUE)(work)
        self._worker = dramatiq.Worker(self._broker, worker_threads=threads)
        self._worker.queue_prefetch = threads  # what one keeps for later another could do now
        self._worker.start()

    def stop(self, seconds: float) -> None:
        """Waits for so long at most until nothing is being done."""
        if self._worker:
            self._worker.stop(timeout=int(seconds * 1000))

    def close(self) -> None:
        """Lets go of the connections."""
        self._broker.close()
        self._client.close()

    def _lost(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            what = type(error).__name__
            log.warning(
                "Redis is away (%s at %s): jobs stay in the store, and go on when it is back",
                what,
                place_of(self._client),
            )

    def _found(self) -> None:
        if self._away:
            self._away = False
            log.warning("Redis is back")

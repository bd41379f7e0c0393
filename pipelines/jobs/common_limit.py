"""One limit per portal host for all processes, kept in Redis.

What Redis forgets when it is emptied is only how long a host was to be left in peace; whoever asks next tells anew what he
holds. While Redis is away each process keeps to its part of the limit (`connectors.limits`).
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import redis

from connectors.limits import HostLimit, Hosts, News, Word
from pipelines.jobs.wakeups import place_of

log = logging.getLogger("svod.limits")

_HEARD_WITHIN: Final = 15.0
"""Seconds after which a process that has said nothing no longer holds anything."""

_BEAT: Final = 4.0
_AWAY: Final = 3.0
"""Seconds in which Redis is not tried again after it did not answer."""

_MANY: Final = 1 << 30

_SCRIPT: Final = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local key, me, heard = KEYS[1], ARGV[1], tonumber(ARGV[2])
local rate, places, used, wants = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local host = {next = 0, closed = 0, failures = 0, since = 0, last = 0}
local rows = redis.call('HGETALL', key)
local sharers, taken = 1, used
for i = 1, #rows, 2 do
  local name, value = rows[i], rows[i + 1]
  if string.sub(name, 1, 2) == 'm:' then
    local other = cjson.decode(value)
    if other.at < now - heard then
      redis.call('HDEL', key, name)
    elseif name ~= 'm:' .. me then
      sharers = sharers + 1
      taken = taken + other.used
      rate = math.min(rate, other.rate)
      places = math.min(places, other.places)
    end
  else
    host[name] = tonumber(value)
  end
end
if host.failures > 0 and host.last < now - 120 then host.failures = 0 end
for i = 7, #ARGV, 2 do
  local news, seconds = ARGV[i], tonumber(ARGV[i + 1])
  if news == 'closed' then
    host.closed = math.max(host.closed, now + seconds)
  elseif news == 'fine' then
    host.failures = 0
  else
    if host.failures == 0 then host.since = now - seconds end
    host.failures = host.failures + 1
    host.last = now
  end
end
local wait = 0
if wants == '1' then
  if host.closed > now then
    wait = host.closed - now
  elseif taken >= places then
    wait = 0.03
  elseif host.next > now then
    wait = host.next - now
  else
    host.next = math.max(host.next, now - 0.005) + 1.05 / rate
    used = used + 1
  end
end
for name, value in pairs(host) do redis.call('HSET', key, name, string.format('%.6f', value)) end
local mine = {rate = tonumber(ARGV[3]), places = tonumber(ARGV[4]), used = used, at = now}
redis.call('HSET', key, 'm:' .. me, cjson.encode(mine))
redis.call('EXPIRE', key, math.ceil(math.max(600, host.closed - now + 60)))
local failing = 0
if host.failures > 0 then failing = now - host.since end
local said = {wait, host.failures, failing, math.max(0, host.closed - now), sharers}
for i = 1, #said do said[i] = string.format('%.6f', said[i]) end
return said
"""


class SharedLimits:
    """The limits of all hosts, as this process shares them with others.

    `client` is one that gives up soon: whoever asks waits for it.
    """

    def __init__(self, client: redis.Redis, prefix: str = "svod:host:") -> None:
        self._client = client
        self._prefix = prefix
        self._script: Any = client.register_script(_SCRIPT)
        self._me = uuid.uuid4().hex
        self._hosts: dict[str, _Common] = {}
        self._limits = Hosts(lambda host: HostLimit(self._common(host)))
        self._lock = threading.Lock()
        self.pool = ThreadPoolExecutor(4, "svod-limits")
        self._away_until = 0.0
        self._away = False
        self._over = threading.Event()
        threading.Thread(target=self._beat, name="svod-limits-beat", daemon=True).start()

    def limit_of(self, host: str) -> HostLimit:
        """The limit of a host within the running event loop."""
        return self._limits.limit_of(host)

    def _common(self, host: str) -> _Common:
        with self._lock:
            return self._hosts.setdefault(host, _Common(self, host))

    def close(self) -> None:
        """Lets go of the threads and the connections."""
        self._over.set()
        self.pool.shutdown()
        self._client.close()

    def ask(self, host: str, used: int, news: list[tuple[News, float]], *, wants: bool) -> Word | None:
        """One word with the others; null while they cannot be heard."""
        if time.monotonic() < self._away_until:
            return None
        rate, places = self._limits.strictest(host)
        said = [part for what, seconds in news for part in (what, f"{seconds:.6f}")]
        numbers = [self._me, _HEARD_WITHIN, min(rate, 1e9), min(places, _MANY), used, int(wants), *said]
        try:
            wait, failures, failing_for, closed_for, sharers = map(
                float, self._script(keys=[self._prefix + host], args=numbers)
            )
        except redis.RedisError as error:
            self._lost(error)
            return None
        self._found()
        return Word(wait, int(failures), failing_for, closed_for, int(sharers))

    def _lost(self, error: redis.RedisError) -> None:
        self._away_until = time.monotonic() + _AWAY
        if not self._away:
            self._away = True
            log.warning(
                "Redis is away (%s at %s): each process keeps to its part of the portals' limits",
                type(error).__name__,
                place_of(self._client),
            )

    def _found(self) -> None:
        if self._away:
            self._away = False
            log.warning("Redis is back: the portals' limits are shared again")

    def _beat(self) -> None:
        """Says what is held while a request takes long."""
        while not self._over.wait(_BEAT):
            with self._lock:
                held = [common for common in self._hosts.values() if common.used]
            for common in held:
                common.say()


class _Common:
    """One host. `used` requests of this process are under way by leave of the others."""

    def __init__(self, shared: SharedLimits, host: str) -> None:
        self.used = 0
        self._shared = shared
        self._host = host
        self._news: list[tuple[News, float]] = []
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    async def want(self) -> Word | None:
        asking = self._shared.pool.submit(self._talk, wants=True)
        try:
            return await asyncio.wrap_future(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(self._unwanted)
            raise

    def _unwanted(self, asked: Future[Word | None]) -> None:
        """Gives back a leave that nobody waits for any more."""
        if not asked.cancelled() and (word := asked.result()) is not None and word.wait <= 0:
            self.done()

    def done(self) -> None:
        with self._lock:
            self.used -= 1
        self._shared.pool.submit(self.say)

    def tell(self, news: News, seconds: float) -> None:
        with self._lock:
            self._news.append((news, seconds))
        self._shared.pool.submit(self.say)

    def say(self) -> None:
        """Tells the news, and what is held."""
        self._talk(wants=False)

    def _talk(self, *, wants: bool) -> Word | None:
        with self._turn:  # one after another: what is held must not be told in another order than it changed
            with self._lock:
                used, news = self.used, self._news
                self._news = []
            word = self._shared.ask(self._host, used, news, wants=wants)
            with self._lock:
                if word is None:
                    self._news = news + self._news
                elif wants and word.wait <= 0:
                    self.used += 1
            return word

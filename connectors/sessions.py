"""Makes the session of a source: to its portal, or back into the raw archive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from canonical.batch import Origin
from connectors.archive import Archive, body_of
from connectors.contract import Product, SourceConfig
from connectors.errors import NotFoundError, SourceConfigError
from connectors.http import Answer, Exchange, Manner, Network, Patience, Request, Session
from connectors.limits import HostLimit, limit_for


def network_session(
    config: SourceConfig,
    product: Product,
    manner: Manner,
    *,
    archive: Archive | None = None,
    patience: Patience | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    name: str | None = None,
    limit_of: Callable[[str], HostLimit] = limit_for,
    remembered: Mapping[str, Origin] | None = None,
) -> Session:
    """A session to the portal itself. Must be made within the event loop that uses it. `name` is the source's whole key.

    `limit_of` gives the limit of a host; `remembered` the answers that need not be asked for again, see `Session`.

    Raises:
        SourceConfigError: there is no address, or one that may not carry children's data.

    """
    base_url = config.base_url or product.base_url
    if not base_url:
        raise SourceConfigError(f"source {config.key}: base_url is missing")
    network = Network(base_url, patience=patience, ca_bundle=config.ca_bundle, clock=clock)
    limit = limit_of(network.host)
    limit.join(
        config.requests_per_second or product.requests_per_second,
        config.concurrency or product.concurrency,
    )
    return Session(
        network,
        manner,
        archive=archive,
        patience=patience,
        reads_by_post=product.reads_by_post,
        sign_in_paths=product.sign_in_paths,
        limit=limit,
        name=name or config.key,
        remembered=remembered,
    )


def archive_session(
    product: Product, manner: Manner, *, archive: Archive, find: Callable[[str], Origin | None]
) -> Session:
    """A session whose answers come from the raw archive; `find` gives the last one for a request's signature."""
    sender = ArchiveSender(archive, find)
    return Session(sender, manner, archive=archive, reads_by_post=product.reads_by_post)


@dataclass(frozen=True, slots=True)
class ArchiveSender:
    """Answers from the raw archive: `find` gives the last answer that was archived for a request's signature."""

    archive: Archive
    find: Callable[[str], Origin | None]
    offline: bool = True

    def ready(self, request: Request, headers: Mapping[str, str]) -> Exchange:
        return partial(self._find, request)

    async def _find(self, request: Request) -> Answer:
        origin = self.find(request.signature)
        if origin is None:
            raise NotFoundError(f"{request.signature}: not in the raw archive")
        return Answer(200, {}, body_of(self.archive, origin), origin)

    async def close(self) -> None:
        """There is nothing to close."""

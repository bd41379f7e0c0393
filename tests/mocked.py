"""respx in the place of the network: `mocked` gives the answers that a session would have had over its connections."""

from __future__ import annotations

from typing import Any

import httpx
import respx
from respx.mocks import AbstractRequestMocker

from connectors.lines import Raw

_LINES = "lines"


class _Lines(AbstractRequestMocker):
    name = _LINES
    targets = ["connectors.lines.Lines"]  # noqa: RUF012 - respx adds to it
    target_methods = ["exchange"]  # noqa: RUF012

    @classmethod
    def to_httpx_request(cls, **given: Any) -> httpx.Request:
        head, body = given["asked"]
        headers = head.headers.raw_items()
        host = dict(head.headers)[b"host"].decode()
        return httpx.Request(
            head.method.decode(), f"https://{host}{head.target.decode()}", headers=headers, content=body
        )

    @classmethod
    async def from_async_httpx_response(cls, httpx_response: httpx.Response, target: object, **given: Any) -> Raw:  # noqa: ARG003
        return httpx_response.status_code, httpx_response.headers.raw, [await httpx_response.aread()]


def mocks(**settings: Any) -> respx.MockRouter:
    """A router of its own."""
    return respx.mock(using=_LINES, assert_all_called=False, **settings)


mocked = mocks()
"""A decorator of a test, which has routes of its own."""

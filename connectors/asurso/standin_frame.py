"""What the stand-ins of both modules do around every answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

PAGE: Final = "<!DOCTYPE html><html><body><h1>Технические работы</h1></body></html>"


class AtWork(Protocol):
    """A portal that may be worked on: then a page with this status stands in the place of everything."""

    maintenance: int | None


def served(portal: AtWork, answer: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
    """What serves an address, by what answers to it."""

    async def serve(request: Request) -> Response:
        if portal.maintenance:
            return HTMLResponse(PAGE, portal.maintenance)
        made = answer(request)
        response: Response = await made if isinstance(made, Awaitable) else made
        return response

    return serve


async def answered(ask: Callable[[], Any], refusal: Callable[[int, str], Response], unknown: str) -> Any:
    """What is said to a question; a refusal where it may not be told, or there is no such thing (`unknown`)."""
    try:
        said = ask()
        return await said if isinstance(said, Awaitable) else said
    except PermissionError:
        return refusal(403, "Недостаточно прав")
    except (LookupError, ValueError, StopIteration):
        return refusal(404, unknown)

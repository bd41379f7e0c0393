"""The stand-in's way with HTTP: both versions of each path, tokens, error bodies, pages for people, no writing."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from connectors.partner_api.standin.desk import READS, Ask, Desk, Handler, RefusedError
from connectors.partner_api.standin.pages import Pages
from connectors.partner_api.standin.tokens import TokenOffice

_ERRORS: Final = MappingProxyType(
    {
        "invalidRequest": (400, "invalidRequest", "the request is malformed"),
        "parameterInvalid": (400, "parameterInvalid", "a parameter has a wrong value"),
        "resourceUnavailable": (404, "apiResourceUnavailable", "there is no such resource"),
        "methodNotSupported": (405, "apiMethodNotSupported", "the method is not supported"),
        "invalidToken": (401, "authorizationInvalidToken", "token is not valid"),
        "tokenRequired": (401, "authorizationTokenRequired", "You must supply valid token to access method"),
        "ownerForbidden": (403, "authorizationOwnerForbidden", "hidden by its owner"),
        "systemForbidden": (403, "authorizationSystemForbidden", "the role may not read this"),
        "authorizationFailed": (400, "authorizationFailed", "wrong credentials"),
    }
)
"""Short code -> status, official code, text."""

_DESCRIPTION: Final = '<div class="error__description">'

Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(desk: Desk, office: TokenOffice, *, official_codes: bool, errors_with_200: bool) -> Starlette:
    """The app; its `state.office` holds the tokens."""
    door = _Counter(desk, office, official_codes, errors_with_200)
    mounts = [Mount(version, routes=list(door.routes())) for version in ("/v2", "/v2.0")]
    app = Starlette(
        routes=[*mounts, *Pages(office).routes()], exception_handlers={404: door.unknown, 405: door.unknown}
    )
    app.state.office = office
    return app


@dataclass(frozen=True, slots=True)
class _Counter:
    """Takes requests to the desk and to the office, and brings back answers and errors."""

    desk: Desk
    office: TokenOffice
    official_codes: bool
    errors_with_200: bool

    def routes(self) -> Iterator[Route]:
        """Token endpoints and reads; a path that names more comes before one that takes anything."""
        yield Route(
            "/authorizations", self.granting(self.office.by_grant, by_form=self.office.brand.by_form), methods=["POST"]
        )
        yield Route("/authorizations/bycredentials", self.granting(self.office.by_credentials), methods=["POST"])
        for method, path, handler in sorted(READS, key=lambda r: r[1].count("{")):
            yield Route(f"/{path}", self.reading(handler), methods=[method])

    def reading(self, handler: Handler) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                return _json(handler(self.desk, await self.ask(request)))
            except RefusedError as refused:
                return self.error(request, refused.code)

        return endpoint

    async def ask(self, request: Request) -> Ask:
        token = request.headers.get("access-token") or request.query_params.get("access_token")
        person = self.office.holder(token)
        query = {name: request.query_params.getlist(name) for name in request.query_params}
        body = await _numbers(request) if request.method == "POST" else []
        return Ask(person, self.desk.roles(person), request.path_params, query, body)

    def granting(self, grant: Callable[[dict[str, Any]], Any], *, by_form: bool = False) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            try:
                return _json(grant(await (_form(request) if by_form else _object(request))))
            except RefusedError as refused:
                return self.error(request, refused.code)

        return endpoint

    async def unknown(self, request: Request, raised: Exception) -> Response:
        status = raised.status_code if isinstance(raised, HTTPException) else 500
        if request.method != "GET" or status == 405:
            return self.error(request, "methodNotSupported")
        return self.error(request, "resourceUnavailable")

    def error(self, request: Request, code: str) -> Response:
        """An error object; some come as pages to those who do not ask for JSON."""
        status, official, text = _ERRORS[code]
        if self.errors_with_200:
            status = 200
        if status in {404, 405} and "accept" not in request.headers:
            page = f'<html><body>{_DESCRIPTION}\n<p>{text}</p>\n<p><a href="/">…</a></p></div></body></html>'
            return Response(page, status, {"Content-Type": "text/html"})
        return _json({"type": official if self.official_codes else code, "description": text}, status)


def _json(body: Any, status: int = 200) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, {"Content-Type": "application/json; charset=utf-8"})


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError("invalidRequest")
    return body


async def _form(request: Request) -> dict[str, Any]:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise RefusedError("invalidRequest")
    return dict(parse_qsl((await request.body()).decode()))


async def _numbers(request: Request) -> list[int]:
    """A bare array of identifiers, which is all that a batch read takes."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, list) or not all(type(n) is int for n in body):
        raise RefusedError("invalidRequest")
    return body

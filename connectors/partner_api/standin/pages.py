"""The stand-in's login host: a form, a page of consent, and the way back with a code (portal facts, sections 2.1, 2.2)."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors.partner_api.standin.tokens import TokenOffice

_COOKIE: Final = "DnevnikAuth_a"
_RESULT: Final = "/oauth2/Authorization/Result"
_PATIENCE: Final = 3
_WRONG: Final = "<p>Ошибка в логине или пароле</p>"


class Pages:
    """What a person sees in a browser. A session's cookie is a word of the office's own."""

    def __init__(self, office: TokenOffice) -> None:
        self._office = office

    def routes(self) -> Iterator[Route]:
        for path in ("/login", "/login/"):
            yield Route(path, self.form, methods=["GET"])
            yield Route(path, self.enter, methods=["POST"])
        for path in ("/oauth2", "/oauth2/"):
            yield Route(path, self.consent, methods=["GET"])
            yield Route(path, self.decide, methods=["POST"])
        yield Route(_RESULT, self.result, methods=["GET"])

    async def form(self, request: Request) -> Response:
        """Where one gives login and password."""
        return _form(request.query_params.get("ReturnUrl", ""))

    async def enter(self, request: Request) -> Response:
        """Login and password, in the query or as a form."""
        given = await _given(request)
        back = given.get("ReturnUrl", "")
        if not self._office.knows(given.get("login", ""), given.get("password", "")):
            return _form(back, _WRONG, self._office.wrong)
        there = back if back.startswith("/") and not back.startswith("//") else "/oauth2"
        response = RedirectResponse(there, 302)
        response.set_cookie(_COOKIE, self._office.session, httponly=True)
        return response

    async def consent(self, request: Request) -> Response:
        """Who asks, and what for; first of all who is there."""
        asked = dict(request.query_params)
        if asked.get("client_id") != self._office.client["client_id"] or asked.get("response_type") != "code":
            return _page("<p>Приложение не зарегистрировано</p>", 400)
        if request.cookies.get(_COOKIE) != self._office.session:
            back = urlencode({"ReturnUrl": f"{request.url.path}?{request.url.query}"})
            return RedirectResponse(f"/login/?{back}", 302)
        buttons = "".join(
            f'<button name="is_granted" value="{value}">{text}</button>'
            for value, text in (("true", "Разрешить"), ("false", "Отказать"))
        )
        return _page(f'<form method="post" action="/oauth2/">{_hidden(asked)}{buttons}</form>')

    async def decide(self, request: Request) -> Response:
        """The person's answer goes back to who asked, else to a page of this host."""
        given = await _given(request)
        if request.cookies.get(_COOKIE) != self._office.session:
            return _page("<p>Войдите снова</p>", 401)
        granted = given.get("is_granted") == "true"
        told = {"code": self._office.code()} if granted else {"error": "access_denied"}
        back = given.get("redirect_uri") or _RESULT
        if "state" in given:
            told["state"] = given["state"]
        return RedirectResponse(f"{back}{'&' if '?' in back else '?'}{urlencode(told)}", 302)

    async def result(self, request: Request) -> Response:
        """Shows what would have been told to a redirect address."""
        lines = (f"<p>{escape(k)}: <code>{escape(v)}</code></p>" for k, v in request.query_params.items())
        return _page("".join(lines))


async def _given(request: Request) -> dict[str, str]:
    body = (await request.body()).decode()
    return {**request.query_params, **dict(parse_qsl(body))}


def _form(back: str, above: str = "", wrong: int = 0) -> Response:
    """The form; after several wrong passwords it says so, and shows a captcha (whose text is not looked at)."""
    hidden = {"ReturnUrl": back}
    fields = '<input name="login"><input name="password" type="password"><button>Войти</button>'
    if wrong >= _PATIENCE:
        hidden |= {"exceededAttempts": "True", "Captcha.Id": f"{wrong:032x}"}
        fields = f'<input name="Captcha.Input">{fields}'
    return _page(f'{above}<form method="post" action="/login/">{_hidden(hidden)}{fields}</form>')


def _hidden(values: dict[str, str]) -> str:
    return "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in values.items())


def _page(body: str, status: int = 200) -> Response:
    return HTMLResponse(f"<!DOCTYPE html><html><body>{body}</body></html>", status)

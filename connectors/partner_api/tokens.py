"""How an access token is come by (portal facts, section 2): given, refreshed, or signed in for.

Every token belongs to a person, so one that lives is used as long as it does, and a refresh token that has been rotated
is kept before the access token that came with it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from connectors.contract import Context, OAuth, PasswordAuth, TokenAuth
from connectors.errors import (
    ConnectorError,
    SignInNeededError,
    SourceConfigError,
    UnavailableError,
    UnexpectedAnswerError,
)
from connectors.http import Answer, Session
from connectors.partner_api.brand import Brand
from connectors.partner_api.consent import code_in, page_of, state_of
from connectors.partner_api.faults import fault
from connectors.partner_api.wire import id_text

_GRANT: Final = "/v2.0/authorizations"
_BY_CREDENTIALS: Final = "/v2/authorizations/bycredentials"
_SPARE: Final = timedelta(minutes=1)
"""A token that ends within this time is not begun with."""


class Tokens(Protocol):
    async def get(self, session: Session, refused: str | None) -> str:
        """An access token that lives; not `refused`, which the portal has just refused.

        Raises:
            SignInNeededError: only a person can get one.

        """
        ...


def tokens_for(context: Context, brand: Brand) -> Tokens:
    """The way to a token that the source's `auth` describes.

    Raises:
        SourceConfigError: the source has no `auth`, or it lacks something.

    """
    auth = context.config.auth
    if isinstance(auth, TokenAuth):
        return GivenToken(context, auth)
    if isinstance(auth, OAuth):
        return RefreshedToken(context, auth, brand)
    if isinstance(auth, PasswordAuth):
        return PasswordToken(context, auth, brand)
    raise SourceConfigError(f"source {context.source}: auth is missing")


@dataclass(slots=True)
class GivenToken:
    """A token that stands in the configuration."""

    context: Context
    auth: TokenAuth

    async def get(self, session: Session, refused: str | None) -> str:  # noqa: ARG002 - nothing to ask for
        if refused is not None:
            raise SignInNeededError(
                f"source {self.context.source}: the portal does not accept the access token (any more); "
                "get a new one from the portal and put it where auth.token points"
            )
        return self.auth.token.reveal()


@dataclass(slots=True)
class RefreshedToken:
    """A partner application's token: refreshed, with the refresh token that the vault or the configuration holds."""

    context: Context
    auth: OAuth
    brand: Brand

    async def get(self, session: Session, refused: str | None) -> str:
        kept = self.context.vault.load(self.context.source) or {}
        if token := _living(kept, refused, self.context.clock()):
            return token
        given = self.auth.refresh_token.reveal() if self.auth.refresh_token else None
        for refresh in dict.fromkeys(t for t in (kept.get("refresh_token"), given) if t):
            if grant := await self._ask(session, grant_type="RefreshToken", refreshToken=refresh):
                self._keep({"refresh_token": refresh, **_to_keep(grant, self.context.clock())})
                return str(grant["accessToken"])
        raise SignInNeededError(
            f"source {self.context.source}: there is no sign-in that the portal accepts; "
            f"run: svod login {self.context.source}"
        )

    def page(self) -> str:
        """Where a person lets the hub in."""
        base_url = self.context.config.base_url or self.context.product.base_url or ""
        return page_of(base_url, self.context.source, self.auth, self.brand.scopes)

    async def begin(self, session: Session, pasted: str) -> None:
        """Takes what the person has brought back from there.

        Raises:
            SignInNeededError: it is no code, or the portal does not accept it.

        """
        code = code_in(pasted, state_of(self.context.source, self.auth))
        grant = await self._ask(session, grant_type="AuthorizationCode", code=code)
        if grant is None:
            raise SignInNeededError(
                f"source {self.context.source}: the portal does not accept the code: it is good once and for a short "
                f"time, and goes with client_id and client_secret; run again: svod login {self.context.source}"
            )
        self._keep(_to_keep(grant, self.context.clock()))

    async def _ask(self, session: Session, **given: str) -> dict[str, Any] | None:
        client = {"client_id": self.auth.client_id, "client_secret": self.auth.client_secret.reveal()}
        if self.brand.by_form:
            answer = await session.private("POST", _GRANT, form=client | given)
            if not isinstance(fault(answer), UnexpectedAnswerError):
                return _granted(answer)
        return _granted(await session.private("POST", _GRANT, json=client | given))

    def _keep(self, secrets: Mapping[str, str]) -> None:
        self.context.vault.save(self.context.source, secrets)


@dataclass(slots=True)
class PasswordToken:
    """A token got by a person's login and password."""

    context: Context
    auth: PasswordAuth
    brand: Brand

    async def get(self, session: Session, refused: str | None) -> str:
        source, auth = self.context.source, self.auth
        kept = self.context.vault.load(source) or {}
        if kept.get("login") == auth.login and (token := _living(kept, refused, self.context.clock())):
            return token
        body = {
            "client_id": auth.client_id,
            "client_secret": auth.client_secret.reveal() if auth.client_secret else None,
            "username": auth.login,
            "password": auth.password.reveal(),
            "scope": ",".join(auth.scopes or self.brand.scopes),
        }
        grant = _granted(await session.private("POST", _BY_CREDENTIALS, json=body))
        if not grant:
            raise SignInNeededError(
                f"source {source}: the portal does not accept the login and password; "
                "most regions let people in through Госуслуги only: then use auth of kind oauth"
            )
        self.context.vault.save(source, {"login": auth.login, **_to_keep(grant, self.context.clock())})
        return str(grant["accessToken"])


def _living(kept: Mapping[str, str], refused: str | None, now: datetime) -> str | None:
    """The kept access token, if it is not the refused one and does not end soon."""
    token = kept.get("access_token")
    ends = kept.get("expires_at")
    if not token or token == refused or (ends and datetime.fromisoformat(ends) - _SPARE <= now):
        return None
    return token


def _granted(answer: Answer) -> dict[str, Any] | None:
    """What a token endpoint granted; null if it refused.

    Raises:
        UnavailableError: it can do neither now.
        UnexpectedAnswerError: it answered something else.

    """
    wrong = fault(answer)
    if isinstance(wrong, UnavailableError):
        raise wrong
    if wrong is not None:
        return None
    grant = answer.json()
    if not isinstance(grant, dict) or not isinstance(grant.get("accessToken"), str) or not grant["accessToken"]:
        raise UnexpectedAnswerError(f"{answer.origin.request.partition(' {')[0]}: no access token in the answer")
    return grant


def _to_keep(grant: Mapping[str, Any], now: datetime) -> dict[str, str]:
    kept = {"access_token": str(grant["accessToken"])}
    seconds = id_text(grant.get("expiresIn_str")) or id_text(grant.get("expiresIn"))
    if seconds:
        kept["expires_at"] = (now + timedelta(seconds=int(seconds))).isoformat()
    if isinstance(grant.get("refreshToken"), str) and grant["refreshToken"]:
        kept["refresh_token"] = grant["refreshToken"]
    return kept


class PartnerManner:
    """The partner API's way with HTTP: one header with the token, errors as objects."""

    def __init__(self, context: Context, brand: Brand) -> None:
        self._context = context
        self._brand = brand
        self._tokens: Tokens | None = None
        self._token: str | None = None

    def headers(self) -> Mapping[str, str]:
        return {"Accept": "application/json"} | ({"Access-Token": self._token} if self._token else {})

    def fault(self, answer: Answer) -> ConnectorError | None:
        return fault(answer)

    async def sign_in(self, session: Session, *, expired: bool) -> None:
        self._tokens = self._tokens or tokens_for(self._context, self._brand)
        self._token = await self._tokens.get(session, self._token if expired else None)

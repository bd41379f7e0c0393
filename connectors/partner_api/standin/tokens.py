"""The stand-in's tokens: who holds which, how they are granted, and when they end (portal facts, section 2)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from connectors.partner_api.brand import Brand
from connectors.partner_api.standin.desk import refuse
from connectors.standins.region import Person

_SECONDS: Final = 2_592_000


@dataclass(slots=True)
class Holding:
    """Whose a token is, and how many calls it is still good for (null: any number)."""

    person: Person
    calls: int | None = None


class TokenOffice:
    """Grants tokens to two people: one of staff, one pupil.

    A refresh token is good once: the grant brings the next one. `revoke` ends an access token at once. `client` is the
    partner's registration, of which every brand has its own; `wrong` says how often in a row a password was wrong.
    """

    def __init__(self, brand: Brand, staff: Person, pupil: Person, calls: int | None) -> None:
        self.brand = brand
        self.client = {name: self._uuid(f"{brand} {name}") for name in ("client_id", "client_secret")}
        self.wrong = 0
        self._staff = staff
        self._calls = calls
        self._numbers = count(1)
        self.login = "staff"
        self.given = self._new("access")
        self.of_pupil = self._new("access")
        self.refresh = self._new("refresh")
        self.password = self._new("password")
        self._holdings = {self.given: Holding(staff), self.of_pupil: Holding(pupil)}
        self._refreshing = {self.refresh}
        self.session = self._new("session")
        self._codes: set[str] = set()

    def _new(self, what: str) -> str:
        return hashlib.sha256(f"{what} {next(self._numbers)}".encode()).hexdigest()[:32]

    @staticmethod
    def _uuid(what: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, what))

    def revoke(self, token: str) -> None:
        """Ends a token."""
        self._holdings.pop(token, None)

    def forget(self) -> None:
        """Ends all refresh tokens, as when their owner takes the consent back."""
        self._refreshing.clear()

    def revoke_all(self) -> None:
        """Ends every token that is out; refresh tokens are still good."""
        self._holdings.clear()

    def holder(self, token: str | None) -> Person:
        """Whose token it is; each call counts."""
        if not token:
            refuse("tokenRequired")
        holding = self._holdings.get(token)
        if holding is None or holding.calls == 0:
            refuse("invalidToken")
        if holding.calls is not None:
            holding.calls -= 1
        return holding.person

    def knows(self, login: str, password: str) -> bool:
        """Whether these are the login and password of the one who may sign in; wrong ones in a row are counted."""
        knows = (login, password) == (self.login, self.password)
        self.wrong = 0 if knows else self.wrong + 1
        return knows

    def code(self) -> str:
        """A code for the one who has signed in; it is good once."""
        made = self._new("code")
        self._codes.add(made)
        return made

    def by_grant(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of `authorizations`: a code or a refresh token for the next tokens."""
        self._check_client(body)
        match body.get("grant_type"):
            case "AuthorizationCode":
                good, given = self._codes, body.get("code")
            case "RefreshToken":
                good, given = self._refreshing, body.get("refreshToken")
            case _:
                refuse("invalidRequest")
        if not isinstance(given, str) or given not in good:
            refuse("authorizationFailed")
        good.discard(given)
        return self._grant()

    def by_credentials(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of `authorizations/bycredentials`."""
        self._check_client(body)
        if not self.knows(str(body.get("username")), str(body.get("password"))):
            refuse("authorizationFailed")
        return self._grant()

    def _check_client(self, body: Mapping[str, Any]) -> None:
        if any(body.get(name) != value for name, value in self.client.items()):
            refuse("invalidRequest")

    def _grant(self) -> dict[str, Any]:
        access, refresh = self._new("access"), self._new("refresh")
        self._holdings[access] = Holding(self._staff, self._calls)
        self._refreshing.add(refresh)
        user = 1_000_002_000_000 + self._staff.id
        return {
            "accessToken": access,
            "expiresIn": _SECONDS,
            "expiresIn_str": str(_SECONDS),
            "refreshToken": refresh,
            "scope": ",".join(self.brand.scopes),
            "user": user,
            "user_str": str(user),
        }

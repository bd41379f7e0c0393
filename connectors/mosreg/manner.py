"""The portal's way with HTTP: its headers, and how a token is come by and kept alive (facts B2).

Every token belongs to a person, and a sign-in ends that person's session elsewhere. So a token that lives is used as long
as it does and renewed before it ends; a login with a password is made only where no living token is kept; nobody is ever
signed out.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from connectors.contract import Context, PasswordAuth, TokenAuth
from connectors.errors import (
    ConnectorError,
    SignInNeededError,
    SourceConfigError,
    UnavailableError,
    UnexpectedAnswerError,
)
from connectors.http import Answer, Session
from connectors.mosreg.faults import fault
from connectors.mosreg.formats import WRAPPERS
from connectors.wire import as_list, plain_key

PROFILES: Final = "/api/ej/acl/v1/mod-acl/users/profile_info"
TEACHER: Final = "/api/ej/core/teacher/v1/teacher_profiles/{id}"
_REFRESH: Final = "/v2/token/refresh"
_LOGIN: Final = "/lms/api/sessions"
_CALLBACK: Final = "/v3/auth/kauth/callback"
_NEAR: Final = timedelta(days=3)
"""A token that ends within this time is renewed."""

_TEACHERS_ROLE: Final = "9"


@dataclass(frozen=True, slots=True)
class Profile:
    """One role of the account. `school` is null where the portal does not say it with the profile."""

    id: str
    type: str
    school: str | None = None

    @property
    def is_staff(self) -> bool:
        """Whether it may be used here: pupils and parents have no access to the hub."""
        return not any(word in self.type.casefold() for word in ("student", "parent"))

    @property
    def is_teacher(self) -> bool:
        return "teacher" in self.type.casefold()


def expiry(token: str) -> datetime | None:
    """When a JWT ends by its own `exp`; null if it does not say."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(float(claims["exp"]), UTC)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, OverflowError):
        return None


class MyschoolManner:
    """Signs in, chooses the profile of the source's school, and signs every request.

    `year` is the portal's id of the academic year that is read, once it is known. `profiles` are those of the account.
    """

    def __init__(self, context: Context) -> None:
        self.year: str | None = None
        self.profile: Profile | None = None
        self.profiles: tuple[Profile, ...] = ()
        self._context = context
        self._token: str | None = None
        self._refused: set[str] = set()
        self._renewed: set[str] = set()

    @property
    def ends_at(self) -> datetime | None:
        """When the token that is in use ends."""
        return expiry(self._token) if self._token else None

    def headers(self) -> Mapping[str, str]:
        if self._token is None:
            return {}
        made = _signed(self._token) | {"X-Mes-Subsystem": "journalw", "X-Mes-HostId": "9"}
        if self.year is not None:
            made["aid"] = self.year
        return made | (profile_headers(self.profile) if self.profile else {})

    def fault(self, answer: Answer) -> ConnectorError | None:
        return fault(answer)

    async def sign_in(self, session: Session, *, expired: bool) -> None:
        """Takes the best token there is: the kept or the configured one, a renewed one, else one by login and password."""
        if expired and self._token:
            self._refused.add(self._token)
            await self._renew(session, self._token)
        for token in self._tokens():
            living = await self._kept_alive(session, token)
            if await self._activate(session, living):
                return
            self._refused.add(living)
        auth = self._context.config.auth
        if isinstance(auth, PasswordAuth):
            token = await self._log_in(session, auth)
            if await self._activate(session, token):
                return
        raise SignInNeededError(
            f"source {self._context.source}: the portal does not accept the token (any more); sign in to «Моя школа» in a "
            "browser, take the new token (connectors/mosreg/README.md says where it stands) and put it where auth.token points"
        )

    # -- tokens --------------------------------------------------------------------------------------------------

    def _tokens(self) -> list[str]:
        """Tokens that the portal has not refused yet, the one that ends last first."""
        auth = self._context.config.auth
        kept = self._context.vault.load(self._context.source) or {}
        known = []
        if isinstance(auth, TokenAuth):
            known = [auth.token.reveal().strip().removeprefix("Bearer ").strip(), kept.get("token")]
        elif isinstance(auth, PasswordAuth) and kept.get("login") == auth.login:
            known = [kept.get("token")]
        living = [t for t in dict.fromkeys(known) if t and t not in self._refused]
        never = datetime.max.replace(tzinfo=UTC)
        return sorted(living, key=lambda t: expiry(t) or never, reverse=True)

    async def _kept_alive(self, session: Session, token: str) -> str:
        """The token, or the one that it was exchanged for because it ends soon."""
        ends, now = expiry(token), self._context.clock()
        if ends is None or not now < ends <= now + _NEAR or token in self._renewed:
            return token
        try:
            return await self._renew(session, token) or token
        except UnavailableError:
            return token  # it still lives; it is renewed another time

    async def _renew(self, session: Session, token: str) -> str | None:
        """A new token for one that still lives, put into the vault before it is used; null if the portal refuses."""
        params = {"subsystem": 2, "roleId": 1}
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/plain, */*"}
        answer = await session.private("GET", _REFRESH, params=params, headers=headers)
        renewed = answer.text.strip().strip('"')
        if answer.status not in {200, 201} or expiry(renewed) is None or renewed in self._refused:
            return None
        self._renewed.add(renewed)
        self._keep(renewed)
        return renewed

    def _keep(self, token: str) -> None:
        auth = self._context.config.auth
        login = {"login": auth.login} if isinstance(auth, PasswordAuth) else {}
        self._context.vault.save(self._context.source, {"token": token, **login})

    async def _log_in(self, session: Session, auth: PasswordAuth) -> str:
        """A token by login and password. Ends the person's session elsewhere."""
        source = self._context.source
        body = {"login": auth.login, "password_plain": auth.password.reveal()}
        answer = await session.private("POST", _LOGIN, json=body)
        if answer.status >= 400 or fault(answer):
            raise SignInNeededError(
                f"source {source}: the portal does not accept the login and the password; many accounts can sign in "
                "through Госуслуги only: then use auth of kind token"
            )
        user = answer.json()
        code = user.get("authentication_token") if isinstance(user, dict) else None
        if not isinstance(code, str) or not code:
            raise UnexpectedAnswerError(f"POST {_LOGIN}: no authentication_token in the answer")
        if user.get("password_change_required") is True:
            raise SignInNeededError(f"source {source}: the portal wants a new password; change it in a browser first")
        back = await session.private("GET", _CALLBACK, params={"code": code})
        token = back.cookies.get("aupd_token") or (code if expiry(code) else None)
        if token is None:
            raise UnexpectedAnswerError(f"GET {_CALLBACK}: no cookie aupd_token in the answer")
        self._keep(token)
        return token

    # -- the profile ---------------------------------------------------------------------------------------------

    async def _activate(self, session: Session, token: str) -> bool:
        """Calls profile_info, which makes a token good for the journal; false if the token is not valid any more."""
        headers = _signed(token) | {"partner-source-id": "MOBILE"}
        answer = await session.private("GET", PROFILES, headers=headers)
        if answer.status in {401, 403, 499}:
            return False
        wrong = fault(answer)
        if wrong is not None and wrong.code == "sign_in_expired":
            return False
        if wrong is not None:
            raise wrong
        self.profiles = _profiles(answer)
        if not self.profiles:
            return False
        self._token = token
        self.profile = await self._choose(session, token)
        return True

    async def _choose(self, session: Session, token: str) -> Profile:
        """The staff profile of the source's school, where that can be known; else the first one of staff."""
        staff = [p for p in self.profiles if p.is_staff]
        if not staff:
            raise SourceConfigError(
                f"source {self._context.source}: the account is a pupil's or a parent's; one of the school's staff is needed"
            )
        wanted = self._context.config.remote_id
        if len(staff) > 1:
            staff = [await _with_school(session, token, p) for p in staff]
            staff.sort(key=lambda p: (p.school != wanted, p.school is not None))
        return staff[0]


def _signed(token: str) -> dict[str, str]:
    """The token in each of the places where the portal looks for it."""
    return {
        "Authorization": f"Bearer {token}",
        "Auth-Token": token,
        "Cookie": f"aupd_token={token}; aupd_current_role=2:1",
    }


def profile_headers(profile: Profile) -> dict[str, str]:
    """The headers that say in which role the account asks."""
    made = {"Profile-Id": profile.id, "Profile-Type": profile.type}
    if profile.is_teacher:
        made |= {"X-Mes-RoleId": _TEACHERS_ROLE, "X-Mes-Role": _TEACHERS_ROLE}
    return made


def _profiles(answer: Answer) -> tuple[Profile, ...]:
    items = as_list(answer.json(), *WRAPPERS, "profiles", where=answer.origin.request)
    numbered = [(number, item) for item in items if (number := plain_key(item, "id")) is not None]
    return tuple(Profile(n, str(i.get("type") or ""), plain_key(i, "school_id")) for n, i in numbered)


async def _with_school(session: Session, token: str, profile: Profile) -> Profile:
    """The profile with its school, if the portal tells it."""
    if profile.school is not None:
        return profile
    headers = _signed(token) | profile_headers(profile)
    answer = await session.private("GET", TEACHER.format(id=profile.id), headers=headers)
    school = plain_key(answer.json(), "school_id") if fault(answer) is None else None
    return Profile(profile.id, profile.type, school)

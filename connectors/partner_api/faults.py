"""What an answer of the partner API says is wrong (portal facts, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from connectors.errors import (
    AccessDeniedError,
    ConnectorError,
    ExpiredError,
    NotFoundError,
    RateLimitedError,
    SourceConfigError,
    UnavailableError,
    UnexpectedAnswerError,
)
from connectors.http import Answer, common_fault, retry_after

_LARGEST_ERROR: Final = 16 * 1024

_ERRORS: Final[Mapping[str, Callable[[str], ConnectorError]]] = MappingProxyType(
    {
        "invalidrequest": lambda w: UnexpectedAnswerError(f"{w}: the portal finds the request malformed"),
        "parameterinvalid": lambda w: UnexpectedAnswerError(f"{w}: the portal finds a parameter invalid"),
        "apiresourceunavailable": lambda w: NotFoundError(f"{w}: the portal does not know this"),
        "apimethodnotsupported": lambda w: NotFoundError(f"{w}: the portal does not offer this call"),
        "apiservererror": lambda w: UnavailableError(f"{w}: the portal reports a fault of its own"),
        "apiunknownerror": lambda w: UnexpectedAnswerError(f"{w}: the portal reports an unknown fault"),
        "apihttpsrequired": lambda _: SourceConfigError("base_url: the portal wants https://"),
        "authorizationinvalidtoken": lambda w: ExpiredError(f"{w}: the access token is not valid"),
        "authorizationtokenrequired": lambda w: ExpiredError(f"{w}: no access token was given"),
        "authorizationfailed": lambda w: ExpiredError(f"{w}: the portal does not accept the sign-in"),
        "authorizationoutofscope": lambda w: AccessDeniedError(
            f"{w}: the access token lacks a scope; sign in anew and grant CommonInfo, ContactInfo, "
            "FriendsAndRelatives and EducationalInfo"
        ),
        "authorizationnotowner": lambda w: AccessDeniedError(f"{w}: belongs to someone else"),
        "authorizationownerforbidden": lambda w: AccessDeniedError(f"{w}: hidden by its owner"),
        "authorizationsystemforbidden": lambda w: AccessDeniedError(
            f"{w}: the account's role may not read this; an administrator of the school can grant it"
        ),
    }
)
"""Official codes in lower case; the short forms, without the prefix, mean the same."""

_PREFIXES: Final = ("api", "authorization", "")


def fault(answer: Answer) -> ConnectorError | None:
    """What is wrong with an answer, if anything.

    An error object counts with whatever status it comes, 200 included; a page in the place of data is an outage, 405
    included.
    """
    if answer.is_html and answer.status in {405, 550}:
        return UnavailableError(f"{answer.origin.request}: the portal shows a maintenance page ({answer.status})")
    code = _code(answer)
    if code is None:
        return common_fault(answer)
    where = answer.origin.request
    if code in {"requestlimit", "apirequestlimit"}:
        return RateLimitedError(f"{where}: too many requests", retry_after(answer.headers))
    for prefix in _PREFIXES:
        if made := _ERRORS.get(prefix + code):
            return made(where)
    return common_fault(answer) or UnexpectedAnswerError(f"{where}: an error of an unknown kind came with 200")


def _code(answer: Answer) -> str | None:
    """The type of an error object, in lower case; null if the answer is none."""
    start = answer.body[:64].lstrip()
    if not start.startswith(b"{") or len(answer.body) > _LARGEST_ERROR:
        return None
    try:
        body = answer.json()
    except UnexpectedAnswerError:
        return None  # not an error object; whoever wanted data finds that it is none
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        return None
    code = body["type"].strip().lower()
    known = any(p + code in _ERRORS for p in _PREFIXES) or code.endswith("requestlimit")
    return code if known or "description" in body else None

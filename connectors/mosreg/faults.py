"""What an answer says is wrong (facts B3): two shapes of error objects, with or without a status that fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connectors.errors import (
    AccessDeniedError,
    ConnectorError,
    ExpiredError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
    UnexpectedAnswerError,
)
from connectors.http import Answer, common_fault, retry_after

_LARGEST_ERROR: Final = 16 * 1024
_SHAPES: Final = (frozenset({"code", "message"}), frozenset({"type", "description"}))
_BESIDES: Final = frozenset({"details", "status", "error", "errors", "timestamp", "path"})
_WORDS: Final = {
    "401": ("unauthorized", "expired"),
    "403": ("denied", "forbidden"),
    "404": ("notfound", "not_found", "not found"),
}
"""What an error object that bears no number may call itself."""

_OUSTED: Final = "предыдущая сессия"
"""«Предыдущая сессия работы в ЭЖД завершена. Войдите в ЭЖД заново»: someone has signed in elsewhere."""


def fault(answer: Answer) -> ConnectorError | None:
    """What is wrong with an answer, if anything. An empty body is no answer, save where the status says that it is one."""
    body = _small_object(answer)
    error = body if body is not None and any(s <= body.keys() <= s | _BESIDES for s in _SHAPES) else None
    where = answer.origin.request
    said = " ".join(map(str, body.values())) if body is not None else _small_text(answer)
    if _OUSTED in said.casefold():
        return ExpiredError(f"{where}: the session was ended by a sign-in elsewhere")
    if answer.status == 499:
        return ExpiredError(f"{where}: the portal wants a new sign-in (499)")
    if answer.status < 300 and error is not None:
        return _by_code(answer, error)
    if answer.status == 200 and not answer.body.strip():
        return UnexpectedAnswerError(f"{where}: an empty answer")
    return common_fault(answer)


def _small_object(answer: Answer) -> Mapping[str, Any] | None:
    """The answer as an object that may be one of the portal's error objects; null if it is none."""
    if not answer.body[:64].lstrip().startswith(b"{") or len(answer.body) > _LARGEST_ERROR:
        return None
    try:
        body = answer.json()
    except UnexpectedAnswerError:
        return None  # cut off: whoever wanted data finds that it is none
    return body if isinstance(body, dict) else None


def _small_text(answer: Answer) -> str:
    """An answer that is no data: a bare text, or a page of the gateway."""
    is_data = answer.body[:64].lstrip().startswith((b"[", b"{"))
    return "" if is_data or len(answer.body) > _LARGEST_ERROR else answer.text


def _by_code(answer: Answer, error: Mapping[str, Any]) -> ConnectorError:
    """What an error object that came with a status of success means."""
    where = answer.origin.request
    code = str(error.get("code", error.get("status", "")))
    if not code.isdigit():
        said = f"{code} {error.get('type', '')}".casefold()
        code = next((number for number, words in _WORDS.items() if any(word in said for word in words)), "")
    made: dict[str, ConnectorError] = {
        "401": ExpiredError(f"{where}: not signed in (401 in the answer)"),
        "403": AccessDeniedError(f"{where}: the account may not read this (403 in the answer)"),
        "404": NotFoundError(f"{where}: the portal does not know this (404 in the answer)"),
        "429": RateLimitedError(f"{where}: too many requests (429 in the answer)", retry_after(answer.headers)),
    }
    if code in made:
        return made[code]
    if code.startswith("5"):
        return UnavailableError(f"{where}: the portal reports a fault of its own ({code} in the answer)")
    return UnexpectedAnswerError(f"{where}: an error object came in the place of data")

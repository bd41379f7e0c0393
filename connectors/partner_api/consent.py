"""How a person lets the hub in: the page to open, and what is brought back from it (portal facts, section 2.1)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from connectors.contract import OAuth
from connectors.errors import SignInNeededError

_NAMED: Final = re.compile(r"(?:^|[?&#])(?:code|error)=")


def page_of(base_url: str, source: str, auth: OAuth, scopes: Sequence[str]) -> str:
    """The page on which a person signs in and agrees: on the login host that stands beside an API host."""
    query = {"response_type": "code", "client_id": auth.client_id, "scope": ",".join(auth.scopes or scopes)}
    if auth.redirect_uri:
        query["redirect_uri"] = auth.redirect_uri
    query["state"] = state_of(source, auth)
    parts = urlsplit(base_url)
    host = re.sub(r"^api\.", "login.", parts.netloc)
    return f"{parts.scheme}://{host}/oauth2?{urlencode(query, safe=',')}"


def state_of(source: str, auth: OAuth) -> str:
    """What ties an answer to this source: nobody else can make it, and nothing has to be kept until it comes back."""
    key = auth.client_secret.reveal().encode()
    return hmac.new(key, f"svod login {source}".encode(), hashlib.sha256).hexdigest()[:32]


def code_in(pasted: str, state: str) -> str:
    """The code in what a person has brought back: the code itself, or the address that the portal led to.

    Raises:
        SignInNeededError: the person or the portal refused, or it is no answer to this source's question.

    """
    text = pasted.strip()
    if "://" not in text and not _NAMED.search(text):
        if not text or re.search(r"\s", text):
            raise SignInNeededError("that is no code; copy the code, or the whole address that the portal led back to")
        return text
    said = dict(parse_qsl(text.partition("?")[2].replace("#", "&") or text.replace("#", "&")))
    if "error" in said:
        reason = re.sub(r"[^\w.-]", "", said["error"])[:60]
        if reason.startswith("access_denied"):
            raise SignInNeededError(f"on the portal's page it was refused to let the hub in ({reason}); agree there")
        raise SignInNeededError(
            f"the portal let nobody in ({reason}); see to client_id, scopes and redirect_uri in auth"
        )
    if said.get("state", state) != state:
        raise SignInNeededError("that address answers another question (its state differs); open the one printed here")
    if not said.get("code"):
        raise SignInNeededError("there is no code in that address; copy it whole, once the portal has led back to it")
    return said["code"]

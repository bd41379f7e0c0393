"""Where secrets are kept, what cannot be one, and that no message shows one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.contract import Secret, SourceConfig, TokenAuth
from connectors.errors import ConnectorError, SourceConfigError, UnavailableError
from connectors.http import Answer, Network, Patience, Session, common_fault
from connectors.lines import Lines, Raw
from svod.settings import InstitutionSettings

BASE = "https://portal.example.invalid"
HUSH = "hush-hush"


def token(**kept: str) -> SourceConfig:
    return SourceConfig.model_validate(
        {"key": "portal", "connector": "dnevnik", "auth": {"kind": "token", "token": kept}}
    )


def revealed(source: SourceConfig) -> str:
    assert isinstance(source.auth, TokenAuth)
    return source.auth.token.reveal()


@pytest.mark.parametrize("around", ["{}", "{}\n", "{}\r\n", "  {} \n\n", "\ufeff{}"])
def test_what_stands_around_a_secret_is_no_part_of_it(
    around: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(around.format(HUSH), encoding="utf-8")
    assert revealed(token(file=str(tmp_path / "token"))) == HUSH
    monkeypatch.setenv("A_TOKEN", around.format(HUSH).removeprefix("\ufeff"))
    assert revealed(token(env="A_TOKEN")) == HUSH


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        (None, "is not set"),
        ("", "is empty"),
        (" \n", "is empty"),
        (f"{HUSH}ё", "holds a character that no token has"),
        (f"{HUSH}\n{HUSH}", "holds a character that no token has"),
        (f"{HUSH}\udcff", "is not text in UTF-8"),
    ],
)
def test_what_cannot_be_a_token_is_told_with_its_key_and_place(
    kept: str | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("A_TOKEN", raising=False)
    file = tmp_path / "token"
    if kept is not None:
        monkeypatch.setenv("A_TOKEN", kept)
        file.write_bytes(kept.encode(errors="surrogateescape"))
    with pytest.raises(SourceConfigError) as caught:
        revealed(token(env="A_TOKEN"))
    assert str(caught.value).startswith(f"auth.token: the environment variable A_TOKEN {says}")
    assert HUSH not in str(caught.value)
    with pytest.raises(SourceConfigError) as caught:
        revealed(token(file=str(file)))
    assert f"auth.token: the secret file {file} {says if kept is not None else 'cannot be read'}" in str(caught.value)
    assert HUSH not in str(caught.value)


def test_the_key_names_institution_and_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH", raising=False)
    secret = {"env": "NO_SUCH"}
    auth = {"kind": "oauth", "client_id": "a", "client_secret": secret, "refresh_token": secret}
    source = {"key": "portal", "connector": "dnevnik", "auth": auth}
    made = InstitutionSettings.model_validate({"key": "kolomna", "name": "К", "kind": "college", "source": [source]})
    kept: Any = made.source[0].auth
    for name in ("client_secret", "refresh_token"):
        with pytest.raises(SourceConfigError) as caught:
            getattr(kept, name).reveal()
        key = f"institution kolomna, source portal: auth.{name}"
        assert str(caught.value) == f"{key}: the environment variable NO_SUCH is not set; put the secret there"


def test_a_password_may_hold_any_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PASSWORD", "пароль с пробелами\n")
    assert Secret(env="A_PASSWORD").reveal() == "пароль с пробелами"


class Unchecked:
    """A manner that signs with a text which no header may hold."""

    def __init__(self, text: str) -> None:
        self.text = text

    def headers(self) -> Mapping[str, str]:
        return {"Access-Token": self.text}

    def fault(self, answer: Answer) -> ConnectorError | None:
        return common_fault(answer)

    async def sign_in(self, session: Session, *, expired: bool) -> None:
        """Nothing to do."""


def ask(text: str) -> None:
    async def go() -> None:
        made = Session(Network(BASE), Unchecked(text), patience=Patience(attempts=1))
        try:
            await made.get("/x")
        finally:
            await made.close()

    asyncio.run(go())


@pytest.mark.parametrize("text", [f"{HUSH}\n", f"{HUSH}\0", f"{HUSH}ё", f" {HUSH}"])
def test_what_no_header_may_hold_is_not_sent_and_not_shown(text: str) -> None:
    with pytest.raises(SourceConfigError, match="the header Access-Token holds a character") as caught:
        ask(text)
    assert HUSH not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "cause", "says"),
    [
        (httpx.LocalProtocolError, None, "LocalProtocolError"),
        (httpx.ConnectError, ConnectionRefusedError(111, HUSH), "connection refused"),
        (httpx.ConnectError, OSError(HUSH), "ConnectError"),
        (
            httpx.ConnectError,
            OSError(f"Multiple exceptions: [Errno 113] {HUSH}, [Errno 113] {HUSH}"),
            "no route to host",
        ),
        (httpx.RemoteProtocolError, None, "RemoteProtocolError"),
    ],
)
def test_of_a_library_s_exception_only_its_kind_is_told(
    kind: type[Exception], cause: Exception | None, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = kind(f"Illegal header value b'{HUSH}'")
    error.__cause__ = cause

    async def fail(*_: object, **__: object) -> Raw:
        raise error

    monkeypatch.setattr(Lines, "exchange", fail)
    with pytest.raises(UnavailableError) as caught:
        ask("fine")
    assert str(caught.value) == f"GET /x: the connection failed ({says}); base_url leads to portal.example.invalid"

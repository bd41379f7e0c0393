"""`svod login`, as a person and a script call it, on the stand-in's own pages."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest

from canonical.entities import Person
from connectors.contract import OAuth, Secret
from connectors.dnevnik.standin import make
from connectors.errors import SignInNeededError
from connectors.partner_api.consent import code_in, page_of
from connectors.partner_api.standin.tokens import TokenOffice
from connectors.standins.region import make_institution
from connectors.standins.server import StandIn, serving
from tests.sites import Installation, write_folder

NOW = datetime(2026, 11, 20, 18, tzinfo=ZoneInfo("Europe/Moscow"))
BACK = "https://hub.example.invalid/back"
DATES = ("--since", "2026-09-01", "--until", "2026-09-05")


class Site(Installation):
    """An installation with a Dnevnik.ru source that nobody has signed in for, and a folder."""

    def __init__(self, folder: Path, standin: StandIn, base: str, **auth: Any) -> None:
        super().__init__(folder)
        self.standin = standin
        self.office: TokenOffice = standin.app.state.office  # type: ignore[attr-defined]
        given = standin.auth["oauth"]
        self.env = {"OAUTH_SECRET": given["client_secret"]}
        write_folder(folder / "drop", [Person(key="p1", role="student")])
        self.institution("a").source("f", "files", layout="canonical", path="drop")
        secret = {"env": "OAUTH_SECRET"}
        oauth = {"kind": "oauth", "client_id": given["client_id"], "client_secret": secret, **auth}
        at = {"base_url": base, "remote_id": standin.remote_id, "requests_per_second": 1000}
        self.source("portal", "dnevnik", auth=oauth, **at)

    def login(self, *arguments: str, status: int | None = 0) -> Any:
        done = self.run("--json", "login", "a/portal", *arguments, status=status, env=self.env)
        told = done.stdout + done.stderr
        secrets = {*self.env.values(), self.office.password, *_kept(self.folder).values()} - {"a/portal"}
        assert not [s for s in secrets if s in told]
        return json.loads(done.stdout)

    def address(self) -> str:
        """The page to open, as a script gets to know it."""
        told = self.login(status=3)
        assert (told["needed"], told["signed_in"]) == (True, False)
        address: str = told["address"]
        return address

    def states(self) -> dict[str, str]:
        return {s["source"]: s["state"] for s in self.json("status", env=self.env)["sources"]}

    def browse(self, address: str, *, agree: bool = True) -> str:
        """What a person does there; gives the address that the portal leads back to."""
        with httpx.Client(follow_redirects=True) as browser:
            form = browser.get(address)
            assert 'name="password"' in form.text
            wrong = browser.post(form.url, data={"login": self.office.login, "password": "-"})
            assert "Ошибка в логине или пароле" in wrong.text
            page = browser.post(form.url, data={"login": self.office.login, "password": self.office.password})
            assert "Разрешить" in page.text
            asked = {name: value[0] for name, value in parse_qs(page.url.query.decode()).items()}
            answer = asked | {"is_granted": "true" if agree else "false"}
            there = browser.post(page.url.join("/oauth2/"), data=answer, follow_redirects=False).headers["location"]
            if there.startswith("/"):
                there = str(page.url.join(there))
                assert there.partition("code=")[2][:32] in browser.get(there).text
            return str(there)


def _kept(folder: Path) -> dict[str, str]:
    """The sign-in that is kept for the portal."""
    file = folder / ".svod-sign-in.json"
    kept: dict[str, str] = json.loads(file.read_text()).get("a/portal", {}) if file.exists() else {}
    return {k: v for k, v in kept.items() if k.endswith("token")}


@pytest.fixture
def standin() -> StandIn:
    return make(make_institution("kruk", "school", students=12, now=NOW, zone=ZoneInfo("Europe/Moscow")))


@pytest.fixture
def site(tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with serving(standin.app) as base:
        yield Site(tmp_path, standin, base)


class TestSigningIn:
    def test_nobody_has_signed_in_and_then_somebody_does(self, site: Site) -> None:
        failed = site.run("import", *DATES, status=1, env=site.env)
        assert "svod login a/portal" in failed.stderr
        assert site.states() == {"a/f": "ok", "a/portal": "needs_sign_in"}
        assert "needs sign-in" in site.run("status", env=site.env).stdout

        back = site.browse(site.address())
        assert site.login("--code", back)["signed_in"]
        assert _kept(site.folder).keys() == {"access_token", "refresh_token"}
        assert site.states()["a/portal"] == "signed_in"

        assert site.json("check", "a/portal", env=site.env)["sources"][0]["ok"]
        assert "auth.client_secret: the environment variable" in site.run("check", "a/portal", status=1).stderr
        assert site.json("import", *DATES, env=site.env)["status"] == "ok"
        assert site.states() == {"a/f": "ok", "a/portal": "ok"}
        assert any(m["source"] == "a/portal" for m in site.export()["lessons"])

    @pytest.mark.parametrize("what", ["the code", "the address"])
    def test_a_person_pastes(self, site: Site, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
        back = site.browse(site.address())
        pasted = back if what == "the address" else parse_qs(urlsplit(back).query)["code"][0]
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"  {pasted}\n"))
        done = site.run("login", "portal", env=site.env)
        lines = done.stdout.splitlines()
        assert any(line.startswith("http://127.0.0.1:") and "/oauth2?" in line for line in lines)
        assert "signed in" in lines[-1]
        assert _kept(site.folder)

    def test_the_way_back_to_an_address_of_ones_own(
        self, tmp_path: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        with serving(standin.app) as base:
            site = Site(tmp_path, standin, base, redirect_uri=BACK, scopes=["CommonInfo", "EducationalInfo"])
            address = site.address()
            asked = parse_qs(urlsplit(address).query)
            assert asked["redirect_uri"] == [BACK]
            assert asked["scope"] == ["CommonInfo,EducationalInfo"]
            back = site.browse(address)
            assert back.startswith(f"{BACK}?code=")
            assert site.login("--code", back)["signed_in"]

    def test_what_is_rotated_is_kept_and_what_has_died_is_a_state(self, site: Site) -> None:
        site.login("--code", site.browse(site.address()))
        first = _kept(site.folder)
        site.office.revoke(first["access_token"])
        assert site.json("import", *DATES, env=site.env)["status"] == "ok"
        second = _kept(site.folder)
        assert first["refresh_token"] != second["refresh_token"]

        site.office.revoke(second["access_token"])
        site.office.forget()
        result = site.json("import", *DATES, status=1, env=site.env)
        assert {s["source"]: s["status"] for s in result["sources"]} == {"a/f": "ok", "a/portal": "failed"}
        assert site.states() == {"a/f": "ok", "a/portal": "needs_sign_in"}
        site.login("--code", site.browse(site.address()))
        assert site.json("import", *DATES, env=site.env)["status"] == "ok"

    def test_a_code_is_good_once(self, site: Site) -> None:
        back = site.browse(site.address())
        site.login("--code", back)
        kept = _kept(site.folder)
        told = site.login("--code", back, status=1)
        assert told["error"]["code"] == "sign_in_needed"
        assert "once" in told["error"]["message"]
        assert _kept(site.folder) == kept

    def test_who_refuses_is_told_so(self, site: Site) -> None:
        back = site.browse(site.address(), agree=False)
        told = site.login("--code", back, status=1)
        assert "refused" in told["error"]["message"]
        assert "access_denied" in told["error"]["message"]
        assert not _kept(site.folder)

    def test_the_answer_to_another_question_is_not_taken(self, site: Site) -> None:
        back = urlsplit(site.browse(site.address()))
        said = {k: v[0] for k, v in parse_qs(back.query).items()} | {"state": "0" * 32}
        told = site.login("--code", back._replace(query=urlencode(said)).geturl(), status=1)
        assert "state" in told["error"]["message"]
        assert not _kept(site.folder)


class TestWithoutALogin:
    def test_files_need_none(self, site: Site) -> None:
        told = site.json("login", "a/f", env=site.env)
        assert told == {"source": "a/f", "needed": False, "address": None, "signed_in": False}
        assert "needs no login" in site.run("login", "f", env=site.env).stdout

    def test_a_token_needs_none(self, site: Site) -> None:
        site.source("other", "dnevnik", auth={"kind": "token", "token": {"env": "OAUTH_SECRET"}})
        assert "auth of kind token" in site.run("login", "other", env=site.env).stdout

    def test_which_source_is_meant(self, site: Site) -> None:
        assert "no source" in site.run("login", "portla", status=2, env=site.env).stderr
        site.institution("b").source("f", "files", layout="canonical", path="drop")
        assert "a/f, b/f" in site.run("login", "f", status=2, env=site.env).stderr


class TestWhatIsPasted:
    @pytest.mark.parametrize(
        "pasted",
        [
            "abc-123",
            " abc-123\n",
            "code=abc-123",
            "?code=abc-123&state=s",
            "https://hub.example.invalid/back?code=abc-123",
            "https://hub.example.invalid/back?x=1&state=s&code=abc-123#top",
            "https://hub.example.invalid/back#code=abc-123&state=s",
        ],
    )
    def test_a_code_is_found(self, pasted: str) -> None:
        assert code_in(pasted, "s") == "abc-123"

    @pytest.mark.parametrize(
        ("pasted", "why"),
        [
            ("", "no code"),
            ("two words", "no code"),
            ("https://hub.example.invalid/back?state=s", "no code"),
            ("https://hub.example.invalid/back?code=abc&state=t", "state"),
            ("https://hub.example.invalid/back?error=access_denied&state=s", "access_denied"),
            ("https://hub.example.invalid/back?error=invalid_scope", "invalid_scope"),
        ],
    )
    def test_what_is_none(self, pasted: str, why: str) -> None:
        with pytest.raises(SignInNeededError, match=why):
            code_in(pasted, "s")

    @pytest.mark.parametrize(
        ("api", "page"),
        [
            ("https://api.dnevnik.ru", "https://login.dnevnik.ru/oauth2?"),
            ("https://api.staging.dnevnik.ru/", "https://login.staging.dnevnik.ru/oauth2?"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/oauth2?"),
        ],
    )
    def test_the_page_stands_on_the_login_host(self, api: str, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OAUTH_SECRET", "hush")
        auth = OAuth(kind="oauth", client_id="hub", client_secret=Secret(env="OAUTH_SECRET"))
        address = page_of(api, "a/portal", auth, ["Some", "More"])
        assert address.startswith(page)
        assert "hush" not in address
        asked = parse_qs(urlsplit(address).query)
        assert (asked["response_type"], asked["client_id"], asked["scope"]) == (["code"], ["hub"], ["Some,More"])
        assert page_of(api, "b/portal", auth, ["Some", "More"]) != address

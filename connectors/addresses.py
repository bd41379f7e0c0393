"""A portal's address: whether it may be asked, which way leads there, whom a connection trusts, why there was none."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
import urllib.request
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from connectors.errors import SourceConfigError


def check_base_url(url: str) -> None:
    """Holds an address against what may carry children's data: https, or this machine itself.

    Raises:
        SourceConfigError: it may not.

    """
    try:
        parts = urlsplit(url)
        _ = parts.port, httpx.URL(url).host
    except (ValueError, httpx.InvalidURL):
        raise SourceConfigError("base_url cannot be read as a web address; write https://…") from None
    if parts.username or parts.password:
        raise SourceConfigError("base_url must not hold a login or password; use auth")
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", url):
        raise SourceConfigError(f"base_url {url!r} is not a web address; write https://…")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise SourceConfigError(f"base_url {url!r}: only https is allowed, save for addresses of this machine")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (is_number(host) and ipaddress.ip_address(host).is_loopback)


def is_number(host: str) -> bool:
    """Whether a host is given by its address in numbers."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def trust(ca_bundle: str | None) -> ssl.SSLContext:
    """Whom a connection trusts. Reading the machine's certificates takes a tenth of a second: once is enough."""
    try:
        return _read_trust(ca_bundle, Path(ca_bundle).stat().st_mtime_ns if ca_bundle else 0)
    except (OSError, ssl.SSLError) as error:
        raise SourceConfigError(f"ca_bundle {ca_bundle!r} cannot be read: {error}") from None


@lru_cache(maxsize=16)
def _read_trust(ca_bundle: str | None, _changed: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context


def proxy_of(url: str) -> httpx.Proxy | None:
    """The proxy that the environment names for an address, as curl and others read it: `HTTPS_PROXY`, `NO_PROXY` …

    Raises:
        SourceConfigError: it is none that can be used. What it says is not shown: it may hold a password.

    """
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    name = parts.scheme if parts.scheme in proxies else "all"
    if not proxies.get(name) or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    said = proxies[name] if "://" in proxies[name] else f"http://{proxies[name]}"
    try:
        proxy = httpx.Proxy(said)
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or proxy.url.scheme not in {"http", "https"} or not proxy.url.host:
        raise SourceConfigError(f"{name.upper()}_PROXY in the environment: write http://HOST:PORT")
    return proxy


def why(error: httpx.HTTPError) -> str:
    """The kind of a failure, never the library's own words: those can hold an address or a header with a secret."""
    causes: list[BaseException] = [error]
    for one in causes:
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"the portal's certificate is not trusted: {one.verify_message}; see ca_bundle"
        if isinstance(one, socket.gaierror | UnicodeError):
            return "its host's name is not known"
        if isinstance(one, ssl.SSLError):
            return f"TLS: {one.reason or type(one).__name__}"
        if isinstance(one, OSError) and (number := _number(one)):
            return os.strerror(number).lower()
        inner = one.__cause__ or one.__context__
        causes += [inner] if inner and inner not in causes else []
    return type(error).__name__


def _number(error: OSError) -> int | None:
    """What went wrong, as the system counts it. Of a host with several addresses Python 3.11 tells it in words only."""
    said = re.search(r"\[Errno (\d+)\]", str(error))
    return error.errno or (int(said[1]) if said else None)

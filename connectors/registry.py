"""Finds connectors: the folders beside this file, and packages that declare the entry point group `svod.connectors`."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connectors.addresses import check_base_url
from connectors.contract import Connector, Context, Manifest, Product, SourceConfig
from connectors.errors import SourceConfigError

GROUP = "svod.connectors"


@cache
def manifests() -> dict[str, Manifest]:
    """Every connector's manifest by name.

    Raises:
        SourceConfigError: a manifest is not one.

    """
    return {m.name: m for m in sorted((_read(p / "manifest.toml") for p in _places()), key=lambda m: m.name)}


def manifest(name: str) -> Manifest:
    """The manifest of one connector.

    Raises:
        SourceConfigError: there is no such connector.

    """
    try:
        return manifests()[name]
    except KeyError:
        known = ", ".join(manifests())
        raise SourceConfigError(f"there is no connector {name!r}; there are {known}") from None


def check_source(config: SourceConfig, described: Manifest, *, unasked: bool = False) -> Product:
    """Holds the configuration of a source against what its product needs; gives the product.

    `unasked`: its portal is not asked now, and it need not have `auth` where browser captures can be read without.

    Raises:
        SourceConfigError: it cannot work. Names the key.

    """
    product = described.product(config.product)
    for name in product.needs:
        if getattr(config, name) is None:
            raise SourceConfigError(f"{name} is missing; connector {described.name} needs it")
    if config.history and not product.history:
        raise SourceConfigError(f"history: connector {described.name} cannot tell who moved when; leave it out")
    if config.har is not None and product.captures is None:
        raise SourceConfigError(f"har: browser captures of {product.title} cannot be read; leave it out")
    if not product.auth or config.har is not None or (unasked and product.captures and config.auth is None):
        return product
    if config.auth is None or config.auth.kind not in product.auth:
        given = f"kind {config.auth.kind!r}" if config.auth else "none"
        other = "; or name browser captures: har" if product.captures else ""
        raise SourceConfigError(f"auth: one of {', '.join(product.auth)} is needed, given is {given}{other}")
    for name in product.auth_needs.get(config.auth.kind, ()):
        if not getattr(config.auth, name):
            raise SourceConfigError(
                f"auth.{name} is missing; connector {described.name} needs it for kind {config.auth.kind!r}"
            )
    base_url = config.base_url or product.base_url
    if not base_url:
        raise SourceConfigError(f"base_url is missing; connector {described.name} needs it")
    check_base_url(base_url)
    return product


def folder(name: str) -> Traversable:
    """The folder of one connector: its manifest, its README and its golden files.

    Raises:
        SourceConfigError: there is no such connector.

    """
    manifest(name)
    return _folders()[name]


@cache
def _folders() -> dict[str, Traversable]:
    return {_read(place / "manifest.toml").name: place for place in _places()}


def forget() -> None:
    """Looks for connectors anew the next time: packages have been installed or removed."""
    manifests.cache_clear()
    _folders.cache_clear()


def connect(context: Context) -> Connector:
    """The connector for a source.

    Raises:
        SourceConfigError: the source lacks something that the product needs.

    """
    try:
        product = check_source(context.config, context.manifest, unasked=context.from_capture)
    except SourceConfigError as error:
        raise SourceConfigError(f"source {context.source}: {error}") from None
    module, _, function = product.factory.partition(":")
    made: Any = getattr(importlib.import_module(module), function)(context)
    connector: Connector = made
    return connector


def _places() -> Iterator[Traversable]:
    here = Path(__file__).parent
    yield from sorted(p.parent for p in here.glob("*/manifest.toml"))
    for point in entry_points(group=GROUP):
        yield files(importlib.import_module(point.module))


def _read(place: Traversable) -> Manifest:
    try:
        return Manifest.model_validate(tomllib.loads(place.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise SourceConfigError(f"{place}: not a connector's manifest: {error}") from None

"""Which rules an institution lives by: one profile for each act (config/rules/), which may extend another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from canonical.toml_files import ConfigError, checked, near, read_toml
from pipelines.completeness.catalogue import CATALOGUE
from pipelines.completeness.rule import RuleSettings

DEFAULT: Final = "base"
"""The profile of an institution that names none: what the acts have in common."""

Find = Callable[[str, str], Path]
"""Gives the file of a profile; the second text says who asks for it."""


class _File(BaseModel):
    """One file of `config/rules/`. What it does not say is as in the profile that it extends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str | None = None
    extends: str | None = None
    evidence_max_age_hours: float | None = Field(default=None, gt=0)
    rule: dict[str, dict[str, Any]] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile with all that it extends: each rule of the catalogue has its settings here.

    What was read longer than `evidence_max_age_hours` ago accuses nobody anew.
    """

    name: str
    title: str
    evidence_max_age_hours: float
    rules: Mapping[str, RuleSettings]


def load_profile(name: str, find: Find, asker: str = "rules") -> Profile:
    """The profile of a name; `asker` says who asks for it.

    Raises:
        ConfigError: one of its files cannot be used, or they extend each other in a circle; says file, key and reason.

    """
    chain: list[tuple[Path, _File]] = []
    wanted: str | None = name
    while wanted is not None:
        path = find(wanted, asker)
        if any(path == seen for seen, _ in chain):
            raise ConfigError(f"{chain[-1][0]}: extends = {wanted!r}: the profiles extend each other in a circle")
        chain.append((path, checked(path, _File, read_toml(path))))
        wanted, asker = chain[-1][1].extends, f"{path}: extends"
    rules = {rule.id: rule.settings() for rule in CATALOGUE.values()}
    title, hours = name, 168.0
    for path, file in reversed(chain):
        title = file.title or title
        hours = file.evidence_max_age_hours or hours
        for rule, said in _tables(path, file):
            rules[rule] = rules[rule].model_copy(update={key: getattr(said, key) for key in said.model_fields_set})
    for rule, settings in rules.items():
        if settings.enabled and not settings.clause:
            raise ConfigError(
                f'{chain[0][0]}: rule."{rule}".clause: is missing; name the clause of the act that demands it'
            )
    return Profile(name, title, hours, rules)


def _tables(path: Path, file: _File) -> list[tuple[str, RuleSettings]]:
    """What a file says of each rule.

    Raises:
        ConfigError: there is no such rule, or no such key in it.

    """
    for rule in file.rule:
        if rule not in CATALOGUE:
            raise ConfigError(f'{path}: rule."{rule}": there is no such rule{near(rule, CATALOGUE)}')
    return [(r, checked(path, CATALOGUE[r].settings, said, place=f'rule."{r}"')) for r, said in file.rule.items()]

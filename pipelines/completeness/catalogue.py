"""Every rule there is, by its id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pipelines.completeness.rule import Rule
from pipelines.completeness.rules import homework, language, lessons, marks, periods

CATALOGUE: Final[Mapping[str, Rule]] = MappingProxyType(
    {rule.id: rule for module in (lessons, homework, marks, periods, language) for rule in module.RULES}
)
"""An id is never given to another rule, also when its rule is gone: findings carry it for ever."""

"""What a rule is.

A rule looks at one journal and names what seems not to be as it should (`Suspicion`), each with the ground that it has for
it. Whether the ground is good enough to accuse anybody is decided in one place, `pipelines.completeness.judging`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from pipelines.completeness.case import Case
from pipelines.completeness.suspicion import Severity, Suspicion

SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "error")
"""From the least to the gravest."""

Role = Literal["teacher", "class_teacher", "head_of_department", "deputy", "administrator"]


class RuleSettings(BaseModel):
    """What a profile says of a rule; the parameters that only one rule has stand in subclasses.

    `clause` is where the act demands it, `answers` who has to act.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    clause: str = ""
    severity: Severity = "warning"
    answers: Role = "teacher"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the catalogue. `id` is stable and never given to another one.

    `needs` names what the source must be able to say, `entity.field`, else the rule is silent. `settings` is the type of
    its table in a profile. `suspects` is pure.
    """

    id: str
    title: str
    about: str
    needs: tuple[str, ...]
    settings: type[RuleSettings]
    suspects: Callable[[Case, Any], Iterator[Suspicion]]

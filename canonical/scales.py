"""Mark scales: which printed values are which grade at an institution (config/scales/)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from canonical.entities import GRADE, MARK_MEANING


@dataclass(frozen=True, slots=True)
class Scale:
    """Printed value (case aside) -> grade 1-5, and printed value -> meaning where it is none of the grades."""

    name: str
    grades: dict[str, int]
    meanings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Scale:
        """A scale from its TOML file.

        Raises:
            ValueError: the file is not a scale; says which entry is wrong.

        """
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        grades = {str(k).casefold(): v for k, v in data.get("grade", {}).items()}
        meanings = {str(k).casefold(): v for k, v in data.get("meaning", {}).items()}
        for value, grade in grades.items():
            if grade not in GRADE.allowed:
                raise ValueError(f"{path}: [grade] {value!r} = {grade!r}: a grade is a whole number from 1 to 5")
        for value, meaning in meanings.items():
            if meaning not in MARK_MEANING.allowed:
                raise ValueError(f"{path}: [meaning] {value!r} = {meaning!r} is none of {sorted(MARK_MEANING.allowed)}")
        return cls(path.stem, grades, meanings)

    def grade(self, value: str | None) -> int | None:
        """The grade that a printed value is, if it is one."""
        return self.grades.get(value.strip().casefold()) if value else None

    def meaning(self, value: str | None) -> str | None:
        """What a printed value means by itself: `grade`, one of the scale's other meanings, else `note`."""
        if not value:
            return None
        if self.grade(value) is not None:
            return "grade"
        return self.meanings.get(value.strip().casefold(), "note")

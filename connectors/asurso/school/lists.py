"""What the school's lists answered, and who and what they name (portal facts B2.1, B3).

Broken items count as well: a class or a pupil whose record cannot be read is there all the same, and what points at it
waits.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from canonical.text import tidy
from canonical.years import AcademicYear
from connectors.asurso.values import as_date, by_number, folded, id_of, inside
from connectors.errors import ConnectorError
from connectors.http import Answer
from connectors.wire import as_list

Answered = Answer | ConnectorError
"""An answer, or why there is none."""


@dataclass(frozen=True)
class Lists:
    """What was answered. By class: `pupils`, `taught` (its subject groups), `terms_of`; by subject group: `rosters`.

    Where the account may not see the classes of the school, `classes` is its refusal, and `own` holds the pupils that
    are the account's own: class -> (its name, pupil -> name).
    """

    year: Answer
    classes: Answered
    subjects: Answered
    terms: Answered
    types: Answer | None
    init: Answer | None
    pupils: Mapping[str, Answered] = field(default_factory=dict)
    taught: Mapping[str, Answered] = field(default_factory=dict)
    terms_of: Mapping[str, Answered] = field(default_factory=dict)
    rosters: Mapping[str, Answered] = field(default_factory=dict)
    own: Mapping[str, tuple[str | None, Mapping[str, str]]] = field(default_factory=dict)

    def answers(self) -> list[Answer]:
        """All that was answered, in a fixed order."""
        single = [self.year, self.classes, self.subjects, self.terms, self.types, self.init]
        by_key = [m[k] for m in (self.pupils, self.taught, self.terms_of, self.rosters) for k in sorted(m)]
        return [a for a in (*single, *by_key) if isinstance(a, Answer)]

    @property
    def staff_side(self) -> bool:
        """Whether the account sees the school, not only its own pupils."""
        return isinstance(self.classes, Answer)

    @cached_property
    def academic_year(self) -> AcademicYear | None:
        """The year that the portal's session is in."""
        said = self.year.json()
        name = re.match(r"\D*(\d{4})", str(inside(said, "name") or ""))
        if name:
            return AcademicYear(int(name[1]))
        start = as_date(inside(said, "startDate"))
        return AcademicYear.of(start) if start else None

    @cached_property
    def year_id(self) -> str:
        return id_of(self.year.json()) or ""

    @property
    def weighted(self) -> bool:
        """Whether marks have weights here, as far as it is said."""
        return self.init is None or inside(self.init.json(), "weight") is not False

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Types of assignments by id."""
        found = {}
        for item in items_of(self.types):
            number, name = id_of(item), inside(item, "name")
            if number and isinstance(name, str) and tidy(name):
                found[number] = tidy(name) or name
        return found

    @cached_property
    def class_ids(self) -> list[str]:
        if not self.staff_side:
            return sorted(self.own, key=by_number)
        return sorted({i for item in items_of(self.classes) if (i := id_of(item))}, key=by_number)

    @cached_property
    def pupils_whole(self) -> bool:
        """Whether all pupils of all classes are known: whoever is not among them is no pupil of the school any more."""
        answers = [self.classes, *self.pupils.values()]
        return (
            bool(self.class_ids)
            and all(isinstance(a, Answer) and a.json() is not None for a in answers)
            and all(id_of(item) for answer in answers for item in items_of(answer))
        )

    @cached_property
    def class_names(self) -> dict[str, str]:
        """Folded name of a class -> its id."""
        named = [(id_of(item), folded(inside(item, "name"))) for item in items_of(self.classes)]
        named += [(number, folded(name)) for number, (name, _) in self.own.items()]
        return {name: number for number, name in sorted(named, key=lambda n: by_number(n[0] or "")) if number and name}

    @cached_property
    def levels(self) -> dict[str, int | None]:
        """The grade of each class, by its own field, else by its name."""
        if not self.staff_side:
            return {number: _level(None, name) for number, (name, _) in self.own.items()}
        listed = ((id_of(item), item) for item in items_of(self.classes))
        return {number: _level(inside(item, "grade"), inside(item, "name")) for number, item in listed if number}

    @cached_property
    def pupils_of(self) -> dict[str, tuple[str, ...]]:
        """The portal's ids of the pupils of each class."""
        if not self.staff_side:
            return {number: tuple(sorted(pupils, key=by_number)) for number, (_, pupils) in self.own.items()}
        return {
            number: tuple(sorted({i for item in items_of(answer) if (i := id_of(item))}, key=by_number))
            for number, answer in self.pupils.items()
        }

    @cached_property
    def class_of(self) -> dict[str, str]:
        """The class of each pupil."""
        return {p: number for number in reversed(self.class_ids) for p in self.pupils_of.get(number, ())}

    @cached_property
    def roster_of(self) -> dict[str, frozenset[str]]:
        """The pupils of each subject group whose list was read and is not empty."""
        found = {
            number: frozenset(i for item in items_of(answer) if (i := id_of(item)))
            for number, answer in self.rosters.items()
        }
        return {number: some for number, some in found.items() if some}

    @cached_property
    def teachers(self) -> frozenset[str]:
        """Ids of everybody who is named as a teacher or a head of a class."""
        return frozenset(number for _, item, _ in self.staff() if (number := id_of(item)))

    def staff(self) -> Iterator[tuple[Answer, Any, str | None]]:
        """Everybody who is named as staff: the answer, the item, and the subject group or class that names them."""
        lists: list[tuple[Answered, str]] = [(self.classes, "chiefs")]
        lists += [(self.taught[number], "teachers") for number in sorted(self.taught, key=by_number)]
        for answer, name in lists:
            for item in items_of(answer):
                named = inside(item, name)
                if isinstance(answer, Answer):
                    yield from ((answer, one, id_of(item)) for one in (named if isinstance(named, list) else ()))

    @cached_property
    def groups_listed(self) -> dict[str, tuple[Any, Answer, frozenset[str]]]:
        """Subject groups by id: the item, its answer, and the classes in whose lists it stands."""
        found: dict[str, tuple[Any, Answer]] = {}
        classes: dict[str, set[str]] = defaultdict(set)
        for school_class in sorted(self.taught, key=by_number):
            answer = self.taught[school_class]
            for item in items_of(answer):
                number = id_of(item)
                if number and isinstance(answer, Answer):
                    found.setdefault(number, (item, answer))
                    classes[number].add(school_class)
        return {n: (item, answer, frozenset(classes[n])) for n, (item, answer) in found.items()}

    def key_of(self, student: str) -> str:
        """The key of a pupil: the portal's id, told apart where somebody of the staff has the same one."""
        return f"student:{student}" if student in self.teachers else student


def items_of(answer: Answered | None) -> list[Any]:
    """The items of a list; of one that was not answered none."""
    if not isinstance(answer, Answer):
        return []
    return as_list(answer.json(), "items", "rows", "students", where=answer.origin.request)


def _level(grade: Any, name: Any) -> int | None:
    for text in (inside(grade, "name"), name):
        found = re.match(r"\s*(\d{1,2})(?!\d)", str(text)) if isinstance(text, (str, int)) else None
        if found:
            return int(found[1])
    return None

"""What is taught to whom: the subject groups of the school as courses, and the parts of classes that they make. Pure.

A subject group is named `7а/Алгебра` or `7а/Иностранный язык/подгруппа 1` (portal facts B2.4); who is in it tells whether
it is the class, a part of it, or pupils of several classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from canonical.text import tidy
from connectors.asurso.school.lists import Answered, Lists, items_of
from connectors.asurso.values import by_number, folded, id_of
from connectors.http import Answer


@dataclass(frozen=True, slots=True)
class Taught:
    """A subject group. `group` is the key of the group that it is taught to, `home` the class that its records go with.

    `pupils` is null where its list could not be read; `names` are the folded texts by which a diary may call it. `broken`:
    its record is none, and what belongs to it waits.
    """

    key: str
    subject: str
    subject_name: str
    group: str
    kind: Literal["class", "subgroup", "metagroup"]
    group_name: str | None
    home: str
    classes: frozenset[str]
    pupils: frozenset[str] | None
    teachers: tuple[str, ...]
    names: frozenset[str]
    broken: bool
    item: Any
    answer: Answer


@dataclass
class Curriculum:
    """All that is taught, by subject group; `subject_names` are the subjects that they name, by key."""

    lists: Lists
    taught: dict[str, Taught] = field(default_factory=dict)
    subject_names: dict[str, str] = field(default_factory=dict)

    def subject_key(self, name: str) -> str:
        """The key of a subject by its name: the portal's id, else the name itself."""
        return self._subjects.get(folded(name)) or self._lost_subject or tidy(name) or name

    def __post_init__(self) -> None:
        named: dict[str, str] = {}
        nameless = []
        for item in items_of(self.lists.subjects):
            number = id_of(item)
            name = folded(item.get("name")) if isinstance(item, Mapping) else ""
            if number and name:
                named.setdefault(name, number)
            elif number:
                nameless.append(number)
        self._subjects = named
        self._lost_subject = nameless[0] if len(nameless) == 1 else None

    def is_listed(self, subject: str) -> bool:
        """Whether a subject's key is one of the portal's list."""
        return subject in self._subjects.values() or subject == self._lost_subject

    def of_pupil(self, student: str, subject_name: str) -> Taught | None:
        """The subject group in which a pupil learns a subject; of several the class's own."""
        wanted = folded(subject_name)
        found = [t for t in self._by_name.get(wanted, ()) if self._has(t, student)]
        found = found or self._lost(frozenset({student}))
        found.sort(key=lambda t: (t.kind != "class", by_number(t.key)))
        return found[0] if found else None

    @cached_property
    def _by_name(self) -> dict[str, list[Taught]]:
        found: dict[str, list[Taught]] = {}
        for one in self.taught.values():
            for name in one.names:
                found.setdefault(name, []).append(one)
        return found

    def _has(self, taught: Taught, student: str) -> bool:
        if taught.pupils is not None:
            return student in taught.pupils
        return self.lists.class_of.get(student) in taught.classes

    def of_lesson(self, names: Iterable[str], pupils: frozenset[str], sure: Iterable[str]) -> Taught | None:
        """The subject group of a lesson: the one that a card or the timetable names, else the one that fits its pupils.

        Args:
            names: the lesson's subject as diaries call it.
            pupils: in whose diaries it stands.
            sure: subject groups that the portal names for it.

        """
        known = [self.taught[s] for s in sure if s in self.taught]
        wanted = {folded(n) for n in names}
        named = [t for name in sorted(wanted) for t in self._by_name.get(name, ())]
        fitting = [t for t in named if any(self._has(t, p) for p in pupils)] or [
            t for t in named if t.classes & {self.lists.class_of.get(p) for p in pupils}
        ]
        for some in ([t for t in known if t in fitting], known, fitting, self._lost(pupils)):
            if some:
                return min(some, key=lambda t: (*self._misfit(t, pupils), by_number(t.key)))
        return None

    def _misfit(self, taught: Taught, pupils: frozenset[str]) -> tuple[int, int]:
        """How little a subject group fits: pupils that it lacks, then pupils that it has besides."""
        if taught.pupils is None:
            return (len(pupils), 1 << 30)
        return (len(pupils - taught.pupils), len(taught.pupils - pupils))

    def _lost(self, pupils: frozenset[str]) -> list[Taught]:
        """Broken subject groups without a name, one of which is meant where nothing else fits."""
        return [t for t in self.taught.values() if t.broken and not t.names and any(self._has(t, p) for p in pupils)]


def curriculum(lists: Lists) -> Curriculum:
    """The subject groups of the lists."""
    made = Curriculum(lists)
    for number, (item, answer, classes) in sorted(lists.groups_listed.items(), key=lambda g: by_number(g[0])):
        made.taught[number] = _taught(made, number, item, answer, classes)
    return made


def _taught(made: Curriculum, number: str, item: Any, answer: Answer, listed: frozenset[str]) -> Taught:
    lists = made.lists
    name = item.get("name") if isinstance(item, Mapping) else None
    broken = not isinstance(name, str) or not name.strip()
    pupils = lists.roster_of.get(number)
    classes = frozenset(c for p in pupils or () if (c := lists.class_of.get(p))) or listed
    prefix, subject, suffix = _split(made, "" if broken else str(name), pupils, classes)
    kind, whole = _kind(lists, pupils, classes, suffix)
    own = next(iter(classes)) if len(classes) == 1 else None
    group = own if kind == "class" and own else f"sg:{number}" if number in lists.class_ids else number
    teachers = item.get("teachers") if isinstance(item, Mapping) else None
    ids = (id_of(t) for t in (teachers if isinstance(teachers, list) else ()))
    key = made.subject_key(subject) if subject else ""
    if subject:
        made.subject_names.setdefault(key, subject)
    return Taught(
        key=number,
        subject=key,
        subject_name=subject,
        group=group,
        kind=kind,
        group_name=None if kind == "class" else suffix or (prefix if whole else None) or subject or None,
        home=own or f"sg:{number}",
        classes=classes,
        pupils=pupils,
        teachers=tuple(dict.fromkeys(t for t in ids if t)),
        names=frozenset(filter(None, {folded(subject), folded(f"{subject}/{suffix}" if suffix else "")})),
        broken=broken,
        item=item,
        answer=answer,
    )


def _kind(
    lists: Lists, pupils: frozenset[str] | None, classes: frozenset[str], suffix: str | None
) -> tuple[Literal["class", "subgroup", "metagroup"], bool]:
    """Whom it is taught to; and whether the first part of its name is that of its pupils, not of a class."""
    if len(classes) != 1:
        return "metagroup", True
    if pupils is None:
        return ("subgroup" if suffix else "class"), False
    (own,) = classes
    return ("class" if pupils >= set(lists.pupils_of.get(own, ())) else "subgroup"), False


def _split(
    made: Curriculum, name: str, pupils: frozenset[str] | None, classes: frozenset[str]
) -> tuple[str | None, str, str | None]:
    """The parts of a name: whose, what, and which part; a subject's own name may have slashes."""
    parts = [p.strip() for p in name.split("/") if p.strip()]
    prefix: str | None = None
    if len(parts) > 1 and (folded(parts[0]) in made.lists.class_names or not _longest(made, parts)):
        prefix, parts = parts[0], parts[1:]
    known = _longest(made, parts)
    if known:
        return prefix, "/".join(parts[:known]), "/".join(parts[known:]) or None
    whole = set().union(*(made.lists.pupils_of.get(c, ()) for c in classes))
    if len(parts) > 1 and pupils is not None and not pupils >= whole:
        return prefix, "/".join(parts[:-1]), parts[-1]
    return prefix, "/".join(parts), None


def _longest(made: Curriculum, parts: list[str]) -> int:
    """How many of the first parts together are the name of a listed subject."""
    return next((n for n in range(len(parts), 0, -1) if folded("/".join(parts[:n])) in made._subjects), 0)  # noqa: SLF001 - the same module


def answered(several: Mapping[str, Answered]) -> bool:
    """Whether all of these were answered; an empty body says nothing."""
    return all(isinstance(a, Answer) and a.json() is not None for a in several.values())

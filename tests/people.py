"""Made-up people in two systems, one of them a disturbed copy of the other: what matching is measured on."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from connectors.standins.region import BOYS, GIRLS
from reconcile.evidence import Facts
from reconcile.names import read_name

_SYLLABLES = [
    "ба",
    "ве",
    "го",
    "ду",
    "жи",
    "за",
    "ки",
    "лу",
    "ма",
    "но",
    "пе",
    "ро",
    "са",
    "ту",
    "фо",
    "ха",
    "че",
    "шу",
]
_ENDINGS = ["нов", "лин", "рёв", "тов", "син", "ков", "дин"]
_LOOK = str.maketrans("асеорх", "aceopx")


@dataclass
class Human:
    """What is true of a person; what a system says of them is made from it."""

    id: int
    family: str
    given: str
    patronymic: str | None
    birth: str | None
    sex: str | None
    group: int | None
    snils: str | None = None

    def facts(self, key: str) -> Facts:
        circles = frozenset({self.group}) if self.group is not None else frozenset()
        name = read_name(self.family, self.given, self.patronymic)
        return Facts(key, name, self.birth, self.sex, self.snils, circles)


@dataclass
class Systems:
    """Two systems, and which keys are the same person. `alone` holds keys that have no counterpart."""

    left: list[Facts] = field(default_factory=list)
    right: list[Facts] = field(default_factory=list)
    truth: set[tuple[str, str]] = field(default_factory=set)
    said: dict[str, str] = field(default_factory=dict)


def make_humans(count: int, rng: random.Random, *, group_size: int = 25, span_days: int = 10 * 365) -> list[Human]:
    """People of whom some have the same family name, some the same full name, some are twins."""
    families = [
        "".join(rng.choice(_SYLLABLES) for _ in range(rng.choice((1, 2, 2, 3)))).capitalize() + rng.choice(_ENDINGS)
        for _ in range(max(40, count // 8))
    ]
    weights = [1 / (1 + n) for n in range(len(families))]
    drawn = rng.choices(families, weights, k=count)
    people: list[Human] = []
    for number in range(count):
        previous = people[-1] if people else None
        if previous and rng.random() < 0.01:  # a twin
            girl = rng.random() < 0.5
            twin = _human(number, drawn[number], girl=girl, rng=rng, span=span_days)
            same = previous.sex == twin.sex
            twin.family = previous.family if same else _other(previous.family, girl=girl)
            twin.patronymic = previous.patronymic if same else _other_patronymic(previous.patronymic, girl=girl)
            if twin.given == previous.given:
                names = GIRLS if girl else BOYS
                twin.given = names[names.index(twin.given) - 1]
            people.append(replace(twin, birth=previous.birth, group=previous.group))
            continue
        made = _human(number, drawn[number], girl=rng.random() < 0.5, rng=rng, span=span_days)
        made.group = number // group_size
        if previous and rng.random() < 0.005:  # a namesake of somebody
            other = rng.choice(people)
            made = replace(made, family=other.family, given=other.given, patronymic=other.patronymic, sex=other.sex)
        people.append(made)
    return people


def _human(number: int, family: str, *, girl: bool, rng: random.Random, span: int) -> Human:
    patronymic = rng.choice(BOYS).removesuffix("а") + ("овна" if girl else "ович")
    birth = (date(2007, 1, 1) + timedelta(days=rng.randrange(span))).isoformat()
    return Human(
        number,
        family + ("а" if girl else ""),
        rng.choice(GIRLS if girl else BOYS),
        patronymic,
        birth,
        "fm"[not girl],
        0,
    )


def _other(family: str, *, girl: bool) -> str:
    return f"{family}а" if girl else family.removesuffix("а")


def _other_patronymic(text: str | None, *, girl: bool) -> str | None:
    return text and (f"{text[:-2]}на" if girl else f"{text[:-2]}ич")


# -- what systems do to people ---------------------------------------------------------------------------------------


def _typo(text: str, rng: random.Random) -> str:
    at = rng.randrange(1, max(len(text) - 1, 2))
    kind = rng.randrange(3)
    if kind == 0:
        return text[:at] + rng.choice("аеиолнрст") + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


def _digit(birth: str, rng: random.Random) -> str:
    day = date.fromisoformat(birth)
    return day.replace(day=1 + (day.day + rng.randrange(26)) % 28).isoformat()


DISTURBANCES: dict[str, Callable[[Human, random.Random], Human]] = {
    "family typo": lambda h, r: replace(h, family=_typo(h.family, r)),
    "given typo": lambda h, r: replace(h, given=_typo(h.given, r)),
    "patronymic typo": lambda h, r: replace(h, patronymic=h.patronymic and _typo(h.patronymic, r)),
    "ё": lambda h, _: replace(h, family=h.family.replace("ё", "е"), given=h.given.replace("ё", "е")),
    "latin letters": lambda h, _: replace(h, family=h.family.translate(_LOOK)),
    "no patronymic": lambda h, _: replace(h, patronymic=None),
    "no birth date": lambda h, _: replace(h, birth=None),
    "another day": lambda h, r: replace(h, birth=h.birth and _digit(h.birth, r)),
    "swapped": lambda h, _: replace(h, family=h.given, given=h.family),
    "one field": lambda h, _: replace(
        h, family=f"{h.family} {h.given} {h.patronymic or ''}", given="", patronymic=None
    ),
    "double name": lambda h, _: replace(h, family=f"{h.family}-Мануева"),
    "no group": lambda h, _: replace(h, group=None),
    "no sex": lambda h, _: replace(h, sex=None),
}
HARSH: dict[str, Callable[[Human, random.Random], Human]] = {
    "initials": lambda h, _: replace(h, given=f"{h.given[:1]}.", patronymic=h.patronymic and f"{h.patronymic[0]}."),
    "married": lambda h, r: replace(h, family=f"{r.choice(_SYLLABLES)}{r.choice(_SYLLABLES)}{r.choice(_SYLLABLES)}нов"),
    "moved": lambda h, r: replace(h, group=r.randrange(10_000_000, 20_000_000)),
    "wrong sex": lambda h, _: replace(h, sex="m" if h.sex == "f" else "f"),
}


def make_systems(
    count: int, seed: int, *, share: float, several: float = 0.0, harsh: bool = False, gone: float = 0.02
) -> Systems:
    """Two systems of about `count` people; `share` of the right records are disturbed, `several` of them more than once.

    `gone` of the people are missing on each side.
    """
    rng = random.Random(f"{count} {seed}")
    humans = make_humans(count, rng)
    ways = {**DISTURBANCES, **HARSH} if harsh else DISTURBANCES
    made = Systems()
    for human in humans:
        here, there = rng.random() >= gone, rng.random() >= gone
        left, right = f"l{human.id:07}", f"r{rng.randrange(10**9):09}-{human.id}"
        if here:
            made.left.append(human.facts(left))
        if not there:
            continue
        said = human
        while rng.random() < (share if said is human else several):
            way = rng.choice(sorted(ways))
            said = ways[way](said, rng)
            made.said[right] = f"{made.said.get(right, '')} {way}".strip()
        made.right.append(said.facts(right))
        if here:
            made.truth.add((left, right))
    rng.shuffle(made.right)
    return made

"""How strongly what two records say of a person speaks for, or against, their being the same person.

Each fact that both records state is worth some bits (the logarithm of how much likelier it is of one person than of two
people met by chance, after Fellegi and Sunter); a rare family name is worth more than a common one. The sum, less what it
takes to single one person out of all, gives a probability.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from math import log2
from typing import Final, NamedTuple

from rapidfuzz.distance import OSA

from reconcile.given_names import GIVEN_NAMES
from reconcile.names import Name, is_initial_of, stem


@dataclass(slots=True, eq=False)
class Facts:
    """What a source says of a person. `circles` are the groups (of staff: what they teach to whom) by tied identity.

    `whole` and `short` are the name with and without patronymic, in an order of their own: the same where columns were
    swapped. Both are empty where there is no family or no given name.
    """

    key: str
    name: Name
    birth: str | None = None
    sex: str | None = None
    snils: str | None = None
    circles: frozenset[Hashable] = frozenset()
    whole: str = field(init=False)
    short: str = field(init=False)

    def __post_init__(self) -> None:
        family, given, patronymic = self.name
        named = bool(family and given)
        self.short = " ".join((family, given) if family < given else (given, family)) if named else ""
        self.whole = " ".join(sorted((family, given, patronymic))).strip() if named else ""


class Evidence(NamedTuple):
    """What a pair of records amounts to.

    `bits` without regard to namesakes, `safe_bits` with it; `against` counts facts that contradict each other, the grave
    ones twice; `said` is the evidence in words.
    """

    bits: float
    safe_bits: float
    against: int
    said: tuple[str, ...]

    @property
    def probability(self) -> float:
        return _probability(self.bits)

    @property
    def odds(self) -> float:
        """For a choice among candidates."""
        return float(2 ** min(max(self.safe_bits, -60.0), 60.0))


def _probability(bits: float) -> float:
    return float(1 / (1 + 2 ** -min(max(bits, -60.0), 60.0)))


class _Rarity:
    """How rare the values of one fact are: the share of people who have a value by chance.

    `usual` is that share for a value of which nothing is known, and weighs as much as `people` people who were counted.
    """

    def __init__(self, values: Iterable[str | None], usual: float, people: int, most: float) -> None:
        self.count = Counter(v for v in values if v)
        self._total = self.count.total()
        self._usual, self._people, self._most = usual, people, most

    def bits(self, value: str) -> float:
        """What agreement on this value is worth; the pair itself does not make it frequent."""
        others = max(self.count[value] - 2, 0)
        share = (others + self._usual * self._people) / (self._total + self._people)
        return min(log2(0.95 / share), self._most)

    def both_usual(self, one: str, other: str) -> bool:
        """Whether both are values of their own: a slip of the hand is rare beside what was meant."""
        less, more = sorted((self.count[one], self.count[other]))
        return less >= 3 and less >= more / 50


_TYPO: Final = -4.0
_SWAPPED: Final = -1.0
_FAMILY_DIFFERS: Final = -6.0
_GIVEN_DIFFERS: Final = -14.0
_PATRONYMIC_DIFFERS: Final = -9.0
_BIRTH_NEAR: Final = 0.0
_BIRTH_DIFFERS: Final = -12.0
_SEX_DIFFERS: Final = -5.5
_SNILS_SAME: Final = 20.0
_SNILS_DIFFERS: Final = -6.0
_CIRCLE_DIFFERS: Final = -5.0
_FEWEST: Final = 30
"""People among whom one is singled out, at least."""


class Scale:
    """Weighs pairs of people of one role from two sources.

    `exclusive`: who is in one circle is hardly in another, so that different circles speak against a pair (pupils).
    """

    def __init__(self, left: Iterable[Facts], right: Iterable[Facts], *, exclusive: bool = True) -> None:
        self._exclusive = exclusive
        sides = (list(left), list(right))
        everyone = [*sides[0], *sides[1]]
        self._family = _Rarity((f.name.family for f in everyone), 1 / 500, 100, 14)
        self._given = _Rarity((f.name.given for f in everyone), 1 / 50, 100, 9)
        self._patronymic = _Rarity((f.name.patronymic for f in everyone), 1 / 50, 100, 9)
        self._initial = _Rarity((f.name.given[:1] for f in everyone), 1 / 12, 100, 5)
        self._birth = _Rarity((f.birth for f in everyone), 1 / 3000, 300, 13)
        self._namesakes = tuple(Counter(f.whole for f in side) for side in sides)
        self._among = log2(max(len(sides[0]), len(sides[1]), _FEWEST))
        sizes = Counter(c for f in everyone for c in f.circles)
        shares = sum((n / len(everyone)) ** 2 for n in sizes.values())
        self._circle = min(max(log2(0.95 / max(shares, 1e-6)), 1.0), 10.0) if sizes else 0.0

    def weigh(self, left: Facts, right: Facts) -> Evidence:
        """The evidence that these two are one person."""
        name, against, said = self._weigh_name(left.name, right.name)
        rest, more_against, more_said = self._weigh_rest(left, right)
        namesakes = max(self._namesakes[0][left.whole], self._namesakes[1][right.whole]) if left.whole else 0
        safe = min(name, self._among - log2(namesakes - 1)) if namesakes > 1 else name
        return Evidence(
            name + rest - self._among, safe + rest - self._among, against + more_against, (*said, *more_said)
        )

    # -- names ---------------------------------------------------------------------------------------------------

    def _weigh_name(self, left: Name, right: Name) -> tuple[float, int, tuple[str, ...]]:
        if (
            not _agree(left.family, right.family)
            and _agree(left.family, right.given)
            and _agree(left.given, right.family)
        ):
            # which of them is swapped is not known: the weaker evidence counts
            bits, against, said = min(
                self._weigh_straight(left, _crossed(right)), self._weigh_straight(_crossed(left), right)
            )
            return bits + _SWAPPED, against, ("family and given name swapped", *said)
        return self._weigh_straight(left, right)

    def _weigh_straight(self, left: Name, right: Name) -> tuple[float, int, tuple[str, ...]]:
        parts = (
            self._weigh_family(left.family, right.family),
            self._weigh_given(left.given, right.given),
            self._weigh_patronymic(left.patronymic, right.patronymic),
        )
        against = sum(a for _, a, _ in parts)
        if sum(bits > 0 for bits, _, _ in parts) < 2:
            against += 2  # one part of a name alone leaves too much to the other facts
        return sum(bits for bits, _, _ in parts), against, tuple(s for _, _, said in parts for s in said)

    def _weigh_family(self, left: str, right: str) -> tuple[float, int, tuple[str, ...]]:
        shared = shared_parts(left, right)
        if left != right and shared:
            return max(self._family.bits(s) for s in shared) + _TYPO, 0, ("part of the family name",)
        bits, against, said = self._weigh_part(self._family, left, right, _FAMILY_DIFFERS, "family name")
        return bits, min(against, 1), said

    def _weigh_given(self, left: str, right: str) -> tuple[float, int, tuple[str, ...]]:
        shared = shared_parts(left, right)
        if left != right and shared:
            return max(self._given.bits(s) for s in shared) + _TYPO, 0, ("part of the given name",)
        if left != right and left in GIVEN_NAMES and right in GIVEN_NAMES:
            return _GIVEN_DIFFERS, 2, ("another given name",)
        return self._weigh_part(self._given, left, right, _GIVEN_DIFFERS, "given name")

    def _weigh_patronymic(self, left: str, right: str) -> tuple[float, int, tuple[str, ...]]:
        if left != right and stem(left) == stem(right) in {left, right}:
            return self._patronymic.bits(left), 0, ("patronymic in another form",)
        if {_of_whom(left), _of_whom(right)} == {"daughter", "son"}:
            return _PATRONYMIC_DIFFERS, 2, ("another patronymic",)
        return self._weigh_part(self._patronymic, left, right, _PATRONYMIC_DIFFERS, "patronymic")

    def _weigh_part(
        self, rarity: _Rarity, left: str, right: str, differs: float, what: str
    ) -> tuple[float, int, tuple[str, ...]]:
        if not left or not right:
            return 0.0, 0, ()
        if left == right:
            bits = self._initial.bits(left) if len(left) == 1 else rarity.bits(left)
            return bits, 0, (f"{what} same",)
        if is_initial_of(left, right):
            return self._initial.bits(left[0]), 0, (f"{what} an initial",)
        if is_typo(left, right) and not rarity.both_usual(left, right):
            return max(rarity.bits(left), rarity.bits(right)) + _TYPO, 0, (f"{what} nearly same",)
        return differs, 2, (f"another {what}",)

    # -- the rest ------------------------------------------------------------------------------------------------

    def _weigh_rest(self, left: Facts, right: Facts) -> tuple[float, int, list[str]]:
        bits, against, said = 0.0, 0, []
        if left.birth and right.birth:
            if left.birth == right.birth:
                bits += self._birth.bits(left.birth)
                said.append("birth date same")
            elif nearly_same_date(left.birth, right.birth):
                bits, against = bits + _BIRTH_NEAR, against + 1
                said.append("birth date nearly same")
            else:
                bits, against = bits + _BIRTH_DIFFERS, against + 2
                said.append("another birth date")
        if left.sex and right.sex and left.sex != right.sex:
            bits, against = bits + _SEX_DIFFERS, against + 1
            said.append("another sex")
        if left.snils and right.snils:
            if left.snils == right.snils:
                bits, against = bits + _SNILS_SAME, against - 2
                said.append("snils same")
            else:
                bits, against = bits + _SNILS_DIFFERS, against + 1
                said.append("another snils")
        if left.circles and right.circles:
            if left.circles & right.circles:
                bits += self._circle
                said.append("group same")
            elif self._exclusive:
                bits, against = bits + _CIRCLE_DIFFERS, against + 1
                said.append("another group")
        return bits, against, said


def _crossed(name: Name) -> Name:
    return Name(name.given, name.family, name.patronymic)


def _agree(left: str, right: str) -> bool:
    return bool(left and right) and (left == right or is_typo(left, right) or bool(shared_parts(left, right)))


def shared_parts(left: str, right: str) -> set[str]:
    """The parts that two double names, or one and a single one, have in common."""
    return set(left.split("-")) & set(right.split("-")) if "-" in left or "-" in right else set()


def _of_whom(patronymic: str) -> str:
    return "daughter" if patronymic.endswith(("вна", "чна", "шна")) else "son" if patronymic.endswith("ич") else ""


@lru_cache(maxsize=262_144)
def is_typo(left: str, right: str) -> bool:
    """Whether two words are one slip of the hand apart (two in words of eight letters and more)."""
    allowed = 0 if max(len(left), len(right)) < 3 else 1 if min(len(left), len(right)) < 8 else 2
    return OSA.distance(left, right, score_cutoff=allowed) <= allowed


def nearly_same_date(left: str, right: str) -> bool:
    """Whether two dates (`YYYY-MM-DD`) differ in one digit, in the year, month or day alone, or in their order."""
    if OSA.distance(left, right, score_cutoff=1) <= 1:
        return True
    (y1, m1, d1), (y2, m2, d2) = left.split("-"), right.split("-")
    return (y1 == y2) + (m1 == m2) + (d1 == d2) == 2 or (y1, m1, d1) == (y2, d2, m2)

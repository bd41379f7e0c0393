"""People of two sources without a shared id: who is who.

In tiers: what a person has decided; the same full name and birth date; the same СНИЛС; the same name and group; then the
evidence for every pair that shares a birth date, a name, or a group (`reconcile.evidence`). One to one. Where two pairs
are as good as each other, or a fact speaks against, nothing is guessed: the pair is left in doubt for a person.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from reconcile.evidence import Evidence, Facts, Scale, is_typo, nearly_same_date, shared_parts
from reconcile.names import Name, same_as_far_as_said

SURE: Final = 0.95
"""A pair of at least this probability, against all its rivals together, is a match."""
DOUBTFUL: Final = 0.5
"""A pair of at least this probability, its rivals aside, is shown to a person."""

_NOT_SURE: Final = 0.94
"""The most that a doubtful pair is told to be."""
_MOST_PAIRS: Final = 250_000
"""Of larger blocks nothing is learned: what they have in common is too usual."""
_USUAL: Final = 5
"""A birth date or СНИЛС that more people of a source have, and more than one in fifty, stands for an unknown one."""

Pair = tuple[str, str]


class Found(NamedTuple):
    """A left and a right key that are, or may be, one person; the score is from 0 to 1, `how` the evidence in words."""

    left: str
    right: str
    score: float
    how: str


class Double(NamedTuple):
    """A record that repeats another one of its own source. `side` is 0 for left, 1 for right."""

    side: int
    key: str
    of: str


@dataclass(slots=True)
class Matched:
    """What came of matching: matches, pairs in doubt, and records that stand twice."""

    matches: list[Found] = field(default_factory=list)
    doubtful: list[Found] = field(default_factory=list)
    doubles: list[Double] = field(default_factory=list)


def match_people(
    left: Iterable[Facts],
    right: Iterable[Facts],
    *,
    confirmed: Collection[Pair] = (),
    split: Collection[Pair] = (),
    exclusive: bool = True,
) -> Matched:
    """Matches people of one role. `confirmed` and `split` are what persons have decided.

    The result does not depend on the order in which people come.
    """
    matcher = _Matcher(_without_fillers(left), _without_fillers(right), frozenset(split), exclusive=exclusive)
    matcher.take_confirmed(confirmed)
    matcher.exact(lambda f: (f.whole, f.birth) if f.birth and f.whole else None, 1.0, "name and birth date", _any)
    matcher.exact(lambda f: f.snils, 0.99, "snils", _alike)
    matcher.exact(
        lambda f: (f.short, f.birth) if f.birth and f.short else None,
        0.99,
        "name without patronymic, and birth date",
        _one_has_no_patronymic,
    )
    matcher.same_circle(lambda f: f.whole, "name and group", _any)
    matcher.same_circle(lambda f: f.short, "name without patronymic, and group", _one_has_no_patronymic)
    matcher.weigh_the_rest()
    return matcher.done()


def _without_fillers(people: Iterable[Facts]) -> list[Facts]:
    """The people of a source without what was entered only because something had to be (1900-01-01 for everybody)."""
    found = list(people)
    births, numbers = _fillers(f.birth for f in found), _fillers(f.snils for f in found)

    def cleared(f: Facts) -> Facts:
        birth, snils = None if f.birth in births else f.birth, None if f.snils in numbers else f.snils
        return f if (birth, snils) == (f.birth, f.snils) else replace(f, birth=birth, snils=snils)

    return [cleared(f) for f in found]


def _fillers(values: Iterable[str | None]) -> set[str]:
    count = Counter(v for v in values if v)
    most = max(_USUAL, count.total() / 50)
    return {v for v, n in count.items() if n > most}


def _any(_left: Facts, _right: Facts) -> bool:
    return True


def _alike(left: Facts, right: Facts) -> bool:
    return (
        left.name.given == right.name.given
        or left.name.family == right.name.family
        or (left.birth is not None and left.birth == right.birth)
    )


def _one_has_no_patronymic(left: Facts, right: Facts) -> bool:
    return not left.name.patronymic or not right.name.patronymic


def _distinct(left: Facts, right: Facts) -> bool:
    """Whether something tells apart two records of one source that might be the same person."""
    return _contradict(left, right) or _elsewhere(left, right)


def _contradict(left: Facts, right: Facts) -> bool:
    return (
        not same_as_far_as_said(left.name.patronymic, right.name.patronymic)
        or bool(left.snils and right.snils and left.snils != right.snils)
        or bool(left.sex and right.sex and left.sex != right.sex)
        or bool(left.birth and right.birth and left.birth != right.birth)
    )


def _elsewhere(left: Facts, right: Facts) -> bool:
    return bool(left.circles and right.circles and not left.circles & right.circles)


def _against(left: Facts, right: Facts) -> int:
    """How many facts beside name and group contradict each other; another birth date counts twice."""
    birth = 0
    if left.birth and right.birth and left.birth != right.birth:
        birth = 1 if nearly_same_date(left.birth, right.birth) else 2
    return (
        birth
        + bool(left.sex and right.sex and left.sex != right.sex)
        + bool(left.snils and right.snils and left.snils != right.snils)
    )


def _nearest(pair: tuple[Facts, Facts]) -> tuple[bool, bool, bool, str, str]:
    """Of records that nothing tells apart the one that shares a group, or has one, comes first."""
    left, right = pair
    return (not left.circles & right.circles, not left.circles, not right.circles, left.key, right.key)


def _identity(facts: Facts) -> list[Hashable]:
    """What hardly two people of one source have in common: СНИЛС, whole name, name and birth date, name and group."""
    known: list[Hashable] = [facts.snils] if facts.snils else []
    if facts.short:
        known += [(facts.short, fact) for fact in (facts.birth, *facts.circles) if fact is not None]
    if facts.short and facts.name.patronymic:
        known.append(facts.whole)
    return known


def _repeats(one: Facts, of: Facts, counterpart: Facts) -> bool:
    """Whether a record is nothing but another one of its source once more.

    With the same birth date or СНИЛС also in another group: who has moved may stand in both.
    """
    if _contradict(one, of):
        return False
    same = bool(one.birth and one.birth == of.birth) or bool(one.snils and one.snils == of.snils)
    return same or not (_elsewhere(one, of) or _distinct(one, counterpart))


class _Matcher:
    def __init__(
        self, left: Iterable[Facts], right: Iterable[Facts], split: frozenset[Pair], *, exclusive: bool
    ) -> None:
        self._all = tuple({f.key: f for f in sorted(side, key=lambda f: f.key)} for side in (left, right))
        self._open = (dict(self._all[0]), dict(self._all[1]))
        self._split = split
        self._exclusive = exclusive
        self._result = Matched()

    def done(self) -> Matched:
        """The result in the order of keys."""
        self._find_doubles()
        self._result.matches.sort()
        self._result.doubtful.sort()
        self._result.doubles.sort()
        return self._result

    def _find_doubles(self) -> None:
        """What is left over and is nothing but a matched record of its own side once more."""
        in_doubt = ({d.left for d in self._result.doubtful}, {d.right for d in self._result.doubtful})
        for side in (0, 1):
            left_over = [f for key, f in self._open[side].items() if key not in in_doubt[side]]
            wanted = {k for f in left_over for k in _identity(f)}
            taken: dict[Hashable, list[tuple[Facts, Facts]]] = defaultdict(list)
            for match in self._result.matches if wanted else ():
                own, other = (match.left, match.right) if side == 0 else (match.right, match.left)
                facts, counterpart = self._all[side][own], self._all[1 - side][other]
                for k in wanted.intersection(_identity(facts)):
                    taken[k].append((facts, counterpart))
            for facts in left_over:
                repeated = {
                    of.key
                    for of, counterpart in (t for k in _identity(facts) for t in taken.get(k, ()))
                    if self._pair(side, facts, counterpart) not in self._split and _repeats(facts, of, counterpart)
                }
                if len(repeated) == 1:
                    self._result.doubles.append(Double(side, facts.key, repeated.pop()))

    @staticmethod
    def _pair(side: int, one: Facts, other: Facts) -> Pair:
        return (one.key, other.key) if side == 0 else (other.key, one.key)

    def take_confirmed(self, pairs: Collection[Pair]) -> None:
        for left, right in sorted(pairs):
            if left in self._open[0] and right in self._open[1]:
                self._take(left, right, 1.0, "confirmed by a person")

    def _take(self, left: str, right: str, score: float, how: str) -> None:
        del self._open[0][left], self._open[1][right]
        self._result.matches.append(Found(left, right, score, how))

    # -- tiers where everything is the same ----------------------------------------------------------------------

    def exact(
        self, key: Callable[[Facts], Hashable | None], score: float, how: str, also: Callable[[Facts, Facts], bool]
    ) -> None:
        """Pairs of which nobody else has the key. Of several records that nothing tells apart one is taken."""
        for lefts, rights in self._blocks(lambda f: (k,) if (k := key(f)) is not None else ()):
            if min(len(lefts), len(rights)) > 1:
                continue
            pairs = [(a, b) for a in lefts for b in rights if (a.key, b.key) not in self._split and also(a, b)]
            if len(pairs) < len(lefts) * len(rights) or any(_against(a, b) > 1 for a, b in pairs):
                continue
            many = lefts if len(lefts) > 1 else rights
            if any(_distinct(a, b) for i, a in enumerate(many) for b in many[i + 1 :]):
                continue
            one, other = min(pairs, key=_nearest)
            self._take(one.key, other.key, score - 0.01 * _against(one, other), how)

    def same_circle(self, name: Callable[[Facts], str], how: str, also: Callable[[Facts, Facts], bool]) -> None:
        """The same name within the same group, and nobody else of that name in it."""
        found: dict[str, set[str]] = defaultdict(set)
        back: dict[str, set[str]] = defaultdict(set)
        for lefts, rights in self._blocks(
            lambda f: [(name(f), c) for c in f.circles if name(f) and len(f.name.given) > 1]
        ):
            if len(lefts) == len(rights) == 1:
                found[lefts[0].key].add(rights[0].key)
                back[rights[0].key].add(lefts[0].key)
        for left in sorted(found):
            right = min(found[left])
            if len(found[left]) > 1 or len(back[right]) > 1 or (left, right) in self._split:
                continue
            one, other = self._open[0][left], self._open[1][right]
            if also(one, other) and _against(one, other) <= 1:
                self._take(left, right, 0.98 - 0.01 * _against(one, other), how)

    def _blocks(self, keys: Callable[[Facts], Iterable[Hashable]]) -> Iterator[tuple[list[Facts], list[Facts]]]:
        """Open records of both sides that share a key; each block in the order of keys."""
        blocks: dict[Hashable, tuple[list[Facts], list[Facts]]] = {}
        for f in self._open[0].values():
            for k in keys(f):
                blocks.setdefault(k, ([], []))[0].append(f)
        for f in self._open[1].values():
            for k in keys(f):
                if block := blocks.get(k):
                    block[1].append(f)
        for lefts, rights in list(blocks.values()):
            if rights:
                yield lefts, rights

    # -- the rest ------------------------------------------------------------------------------------------------

    def weigh_the_rest(self) -> None:
        """Pairs that share something are weighed; the sure ones are taken until none is left, the others are in doubt."""
        if not self._open[0] or not self._open[1]:
            return
        scale = Scale(self._all[0].values(), self._all[1].values(), exclusive=self._exclusive)
        pairs = {
            pair: evidence
            for pair in self._candidates()
            if (evidence := scale.weigh(self._open[0][pair[0]], self._open[1][pair[1]])).probability >= DOUBTFUL
        }
        while sure := _sure(pairs):
            for pair, score in sure:
                self._take(*pair, score, ", ".join(pairs[pair].said))
            taken = {k for (left, right), _ in sure for k in ((0, left), (1, right))}
            pairs = {p: e for p, e in pairs.items() if (0, p[0]) not in taken and (1, p[1]) not in taken}
        for (left, right), share in _shares(pairs):
            score, said = round(min(share, _NOT_SURE), 4), ", ".join(pairs[left, right].said)
            self._result.doubtful.append(Found(left, right, score, said))

    def _candidates(self) -> set[Pair]:
        pairs: set[Pair] = set()
        for keys in _BLOCKS:
            for lefts, rights in self._blocks(keys):
                if len(lefts) * len(rights) <= _MOST_PAIRS:
                    pairs.update((a.key, b.key) for a in lefts for b in rights)
        for keys in _NAME_BLOCKS:
            for lefts, rights in self._blocks(keys):
                if len(lefts) * len(rights) <= _MOST_PAIRS:
                    pairs.update((a.key, b.key) for a in lefts for b in rights if _named_alike(a.name, b.name))
        return pairs - self._split


_BLOCKS: Final[Sequence[Callable[[Facts], Iterable[Hashable]]]] = (
    lambda f: (f.birth,) if f.birth else (),
    lambda f: (f.snils,) if f.snils else (),
    lambda f: ((f.name.given, f.name.patronymic, f.birth[:4]),) if f.name.patronymic and f.birth else (),
    lambda f: f.circles,
)
"""What a pair must have in common to be looked at."""
_NAME_BLOCKS: Final[Sequence[Callable[[Facts], Iterable[Hashable]]]] = (
    lambda f: (f.short,) if f.short else (),
    lambda f: [(part, f.name.given[:1]) for part in {f.name.family, *f.name.family.split("-")} if f.name.given],
    lambda f: ((f.name.given, f.name.patronymic),) if f.name.given and f.name.patronymic else (),
)
"""The same, of pairs of which the rest of the name agrees as well."""


def _named_alike(left: Name, right: Name) -> bool:
    """Whether two names may be one, apart from a slip or from swapped columns."""
    if not _may_be(left.patronymic, right.patronymic):
        return False
    straight = _may_be(left.given, right.given) and _may_be(left.family, right.family)
    return straight or (left.given == right.family and left.family == right.given)


def _may_be(one: str, other: str) -> bool:
    return same_as_far_as_said(one, other) or is_typo(one, other) or bool(shared_parts(one, other))


def _shares(pairs: dict[Pair, Evidence]) -> Iterator[tuple[Pair, float]]:
    """The probability of each pair against all its rivals together, on both sides; in the order of keys."""
    rows: dict[str, float] = defaultdict(float)
    columns: dict[str, float] = defaultdict(float)
    for (left, right), evidence in sorted(pairs.items()):
        rows[left] += evidence.odds
        columns[right] += evidence.odds
    for (left, right), evidence in sorted(pairs.items()):
        yield (left, right), evidence.odds / (1 + max(rows[left], columns[right]))


def _sure(pairs: dict[Pair, Evidence]) -> list[tuple[Pair, float]]:
    """Pairs that outweigh all their rivals together, and against which next to nothing speaks."""
    return [(p, round(share, 4)) for p, share in _shares(pairs) if share >= SURE and pairs[p].against <= 1]

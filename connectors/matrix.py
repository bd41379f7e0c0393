"""What connectors can say, as a page of the documentation: made of the manifests and of nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from canonical.entities import ENTITIES
from connectors.contract import Manifest, Product

HEAD = """\
# Connectors: what each can read

Made of the manifests by `make docs` (`svod connectors list --markdown`); do not edit. A field that is not marked is never
filled by that connector, and no rule that needs it fires on its journals; `○` is filled only where the source says
`history = true`. How good a connector is, `svod connectors grade`
finds out; what the tiers mean stands in [ADDING_A_PORTAL.md](ADDING_A_PORTAL.md#tiers).
"""

Column = tuple[str, Manifest, Product]


def markdown(manifests: Iterable[Manifest]) -> str:
    """The page, with one column for each product of each connector."""
    columns = [(f"{m.name}/{name}", m, product) for m in manifests for name, product in m.products.items()]
    return "\n".join([HEAD, *_overview(columns), "", *_fields(columns), "", *_limits(columns)]) + "\n"


def _overview(columns: list[Column]) -> Iterator[str]:
    yield "| connector / product | what it reads | tier | `auth.kind` | browser captures | look-back | at most |"
    yield "|---|---|---|---|---|---|---|"
    for name, m, product in columns:
        auth = ", ".join(f"`{kind}`" for kind in product.auth) or "none"
        pace = f"{product.requests_per_second:g} a second, {product.concurrency} at once"
        captures = "●" if product.captures else ""
        days = f"{product.lookback_days} days"
        yield f"| `{name}` | {product.title} | {m.tier} | {auth} | {captures} | {days} | {pace if product.auth else ''} |"


def _fields(columns: list[Column]) -> Iterator[str]:
    yield "## Fields"
    for entity, about in ENTITIES.items():
        said = {name: product.capabilities.get(entity, ()) for name, _, product in columns}
        more = {name: product.history.get(entity, ()) for name, _, product in columns}
        yield ""
        yield f"| {entity} | " + " | ".join(f"`{name}`" for name in said) + " |"
        yield "|---|" + ":-:|" * len(said)
        for field in about.fields:
            if field.name not in {"key", "raw"}:
                marks = ("●" if field.name in said[n] else "○" if field.name in more[n] else "" for n in said)
                yield f"| {field.name} | " + " | ".join(marks) + " |"


def _limits(columns: list[Column]) -> Iterator[str]:
    yield "## What each cannot say"
    for name, _, product in columns:
        yield ""
        yield f"### {name}: {product.title}"
        yield ""
        yield from (f"- {limit}" for limit in product.limits)

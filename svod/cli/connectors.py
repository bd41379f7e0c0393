"""Commands about connectors: list, grade."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any

import typer

from connectors.contract import TIERS, Manifest
from connectors.errors import SourceConfigError
from connectors.matrix import markdown
from connectors.registry import manifest, manifests
from svod.cli.frame import FAILED, Frame


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = typer.Typer(help="What can read a portal, and how well.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("grade")(grade)
    app.add_typer(group, name="connectors")


def list_(
    context: typer.Context,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The whole matrix of fields, as docs/connectors.md.")
    ] = False,
) -> None:
    """List connectors with what they can say, their limits and tiers."""
    frame: Frame = context.obj
    known = list(manifests().values())
    if as_markdown and not frame.json:
        with frame.aloud():
            sys.stdout.write(markdown(known))
        return
    if frame.json:
        frame.give({"connectors": [_described(m) for m in known]})
        return
    frame.table(
        ["connector", "product", "tier", "auth", "reads", "entities"],
        [
            [m.name, name, m.tier, ", ".join(p.auth), p.title, ", ".join(p.capabilities)]
            for m in known
            for name, p in m.products.items()
        ],
    )
    for m in known:
        for name, product in m.products.items():
            for limit in product.limits:
                frame.say(f"{m.name}/{name}: {limit}")


def _described(m: Manifest) -> dict[str, Any]:
    hidden = {"factory", "standin", "sign_in_paths", "reads_by_post"}
    products = {name: product.model_dump(mode="json", exclude=hidden) for name, product in m.products.items()}
    return {**m.model_dump(mode="json", exclude={"products"}), "products": products}


def grade(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A connector, or one product of it: mosreg, mosreg/portal.")
    ] = None,
) -> None:
    """Try connectors on their stand-ins: which tier each reaches, and what it misses. Exit 1 if one is not as good as it says."""
    frame: Frame = context.obj
    kit = importlib.import_module("connectors.conformance.kit")  # which brings a web server, for this command only
    document = []
    for connector, product in _chosen(name):
        frame.say(f"{connector}/{product}")

        def told(verdict: Any) -> None:
            sign = {"passed": "yes", "failed": "NO", "skipped": "-"}[verdict.outcome]
            why = f" (it has no {', '.join(verdict.lacking)})" if verdict.lacking else ""
            frame.say(f"  {verdict.check.tier:<7} {sign:<4}{verdict.check.says}{why}")
            for complaint in verdict.complaints:
                frame.say(f"              {complaint}")

        found = kit.grade(connector, product, told)
        frame.say(f"  declared {found.declared}, reached {found.reached}")
        document.append(
            {
                "connector": connector,
                "product": product,
                "declared": found.declared,
                "reached": found.reached,
                "checks": [
                    {
                        "name": v.check.name,
                        "tier": v.check.tier,
                        "says": v.check.says,
                        "outcome": v.outcome,
                        "complaints": v.complaints,
                        "lacking": list(v.lacking),
                    }
                    for v in found.verdicts
                ],
            }
        )
        if not found.holds:
            frame.complain(f"{connector}/{product} declares the tier {found.declared}, and reaches {found.reached}")
            frame.status = FAILED
    if frame.json:
        frame.give({"tiers": list(TIERS), "grades": document})


def _chosen(name: str | None) -> list[tuple[str, str]]:
    if name is None:
        return [(m.name, product) for m in manifests().values() for product in m.products]
    connector, _, product = name.partition("/")
    known = manifest(connector)
    if product and product not in known.products:
        raise SourceConfigError(f"connector {connector} has no product {product!r}; it has {', '.join(known.products)}")
    return [(connector, p) for p in known.products if not product or p == product]

"""Commands about the catalogue of rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from canonical.toml_files import nearest
from pipelines.completeness.catalogue import CATALOGUE
from pipelines.completeness.profile import Profile
from pipelines.completeness.rule import Rule, RuleSettings
from svod.cli.finding_tables import ROLE, SEVERITY
from svod.cli.frame import Frame
from svod.settings import load_or_empty


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    rules = typer.Typer(help="The rules, each with the clause it comes from.", no_args_is_help=True)
    rules.command("list")(list_)
    rules.command("show")(show)
    app.add_typer(rules, name="rules")


def list_(
    context: typer.Context,
    profile: Annotated[str | None, typer.Option(help="Only as this profile of config/rules/ has them.")] = None,
) -> None:
    """List the catalogue: each rule with the clauses that demand it."""
    frame: Frame = context.obj
    profiles = _profiles(frame, profile)
    if frame.json:
        frame.give({"rules": [_rule(r, profiles) for r in CATALOGUE.values()]})
    frame.table(
        ["Правило", "Что находит", "Пункты"],
        [[r.id, r.title, "; ".join(_clauses(r, profiles)) or "не требует"] for r in CATALOGUE.values()],
    )


def show(
    context: typer.Context,
    rule: Annotated[str, typer.Argument(metavar="ID")],
    profile: Annotated[str | None, typer.Option(help="Only as this profile has it.")] = None,
) -> None:
    """Show one rule: what it finds, what a portal must be able to say for it, and what each profile makes of it."""
    frame: Frame = context.obj
    if rule not in CATALOGUE:
        close = nearest(rule, CATALOGUE)
        meant = f" Может быть, {close}?" if close else ""
        frame.fail(f"Правила «{rule}» нет.{meant} Все правила: svod rules list", "not_found")
        return
    found = CATALOGUE[rule]
    profiles = _profiles(frame, profile)
    if frame.json:
        frame.give(_rule(found, profiles))
    frame.say(f"{found.id}: {found.title}\n{found.about}\nПортал должен сообщать: {', '.join(found.needs)}\n")
    frame.table(
        ["Профиль", "Пункт", "Важность", "Отвечает", "Параметры"],
        [
            [p.name, s.clause, SEVERITY[s.severity], ROLE[s.answers][1], _parameters(s)]
            if (s := p.rules[rule]).enabled
            else [p.name, "не требует", "", "", ""]
            for p in profiles
        ],
    )


def _profiles(frame: Frame, name: str | None) -> list[Profile]:
    site = load_or_empty(frame.config)
    return [site.profile(n, "--profile") for n in ([name] if name else site.names("rules"))]


def _rule(rule: Rule, profiles: Sequence[Profile]) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "about": rule.about,
        "needs": list(rule.needs),
        "clauses": _clauses(rule, profiles),
        "profiles": {p.name: p.rules[rule.id].model_dump(mode="json") for p in profiles},
    }


def _clauses(rule: Rule, profiles: Sequence[Profile]) -> list[str]:
    """The clauses of all profiles in which the rule is on, each once."""
    said = (p.rules[rule.id] for p in profiles)
    return list(dict.fromkeys(c.strip() for s in said if s.enabled for c in s.clause.split(";")))


def _parameters(settings: RuleSettings) -> str:
    said = settings.model_dump(mode="json", exclude=set(RuleSettings.model_fields))
    return ", ".join(f"{name} = {_brief(value)}" for name, value in said.items() if value is not None)


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(value[:3]) + (", …]" if len(value) > 3 else "]")
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)

"""Each error has a stable code, and each code stands in docs/errors.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from canonical.store import StoreError
from connectors.errors import ConnectorError
from tests.sites import ROOT

PACKAGES = ("canonical", "connectors", "pipelines", "reconcile", "svod")
STANDINS = {"standin", "standins", "conformance"}
"""What plays a portal gives that portal's codes."""

TELLING = {("frame", "fail"): 1, ("self", "_fail"): 0, ("self", "_lose"): 1}
"""Methods that are given a code, and where it stands among what they are given."""


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if not STANDINS & {*path.parts, path.stem.partition("_")[0]}:
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def given(path: Path, tree: ast.Module) -> Iterator[ast.expr]:
    """Every expression that stands where a code is given. Connectors raise errors, and have methods of the same names."""
    telling = {} if "connectors" in path.parts else TELLING
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=whose), attr=name), args=args):
                if (whose, name) in telling:
                    yield args[telling[whose, name]]
            case ast.Call(func=ast.Name(id="_Failed"), args=[value, *_]):  # of a job
                yield value
            case ast.Dict(keys=keys, values=values) if any(
                pair <= {k.value for k in keys if isinstance(k, ast.Constant)}
                for pair in ({"code", "message"}, {"code", "reason"})
            ):
                yield next(
                    v for k, v in zip(keys, values, strict=True) if isinstance(k, ast.Constant) and k.value == "code"
                )
            case ast.ClassDef(body=body):
                for line in body:
                    match line:
                        case (
                            ast.AnnAssign(target=ast.Name(id="code"), value=ast.expr() as value)
                            | ast.Assign(targets=[ast.Name(id="code")], value=value)
                        ):
                            yield value


def family(error: type[Exception]) -> Iterator[str]:
    yield error.code  # type: ignore[attr-defined]
    for child in error.__subclasses__():
        yield from family(child)


def in_use() -> set[str]:
    found: set[str] = set()
    for path, tree in modules():
        found |= {e.value for e in given(path, tree) if isinstance(e, ast.Constant) and isinstance(e.value, str)}
    for name in (
        "pipelines.care.restore",
        "canonical.store.carrying",
        "connectors.files.trouble",
        "connectors.asurso.school.client",
    ):
        import_module(name)
    return found | set(family(ConnectorError)) | set(family(StoreError))


def documented() -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "errors.md").read_text(encoding="utf-8"), re.MULTILINE))


def test_every_code_is_documented_and_every_documented_one_is_given() -> None:
    codes = in_use()
    assert len(codes) > 20
    assert codes - documented() == set()
    assert documented() - codes == set()


def test_a_code_is_written_where_it_is_given_or_is_the_errors_own() -> None:
    """So that the test above sees them all."""
    odd = []
    for path, tree in modules():
        for e in given(path, tree):
            own = isinstance(e, ast.Attribute) and e.attr == "code"
            passed_on = (isinstance(e, ast.Name) and e.id == "code") or isinstance(e, ast.Subscript)
            if not (isinstance(e, ast.Constant) or own or passed_on):
                odd.append(f"{path}:{e.lineno}")
    assert odd == []

"""`python -m connectors.conformance golden [NAME…]` writes golden files anew: of these connectors, or of all."""

from __future__ import annotations

import sys
from pathlib import Path

from connectors.conformance.bench import Bench
from connectors.conformance.golden import golden_file, golden_lines
from connectors.errors import ConnectorError
from connectors.registry import manifest, manifests


def main(arguments: list[str]) -> int:
    """Writes the files; gives the exit status."""
    if arguments[:1] != ["golden"]:
        sys.stderr.write("usage: python -m connectors.conformance golden [NAME…]\n")
        return 2
    try:
        for name in arguments[1:] or list(manifests()):
            for product, about in manifest(name).products.items():
                if about.standin is not None:
                    write(Bench(name, product))
    except (ConnectorError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def write(bench: Bench) -> None:
    """Writes the golden file of one product."""
    path = Path(str(golden_file(bench)))
    path.parent.mkdir(exist_ok=True)
    lines = golden_lines(bench)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{path}: {len(lines)} lines\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

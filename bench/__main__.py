"""Run the benchmarks that are named, or all: `python -m bench webhooks`."""

import importlib
import pkgutil
import sys
from pathlib import Path


def main(names: list[str]) -> None:
    """Run each benchmark: a module here that has a `main`."""
    found = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    for name in names or found:
        module = importlib.import_module(f"bench.{name}")
        if name != "__main__" and hasattr(module, "main"):
            print(f"\n== {name}")
            module.main()


if __name__ == "__main__":
    main(sys.argv[1:])

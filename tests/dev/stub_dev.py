"""`dev` with the stubs as its children: stub_dev.py PORT SANDBOX_PORT SHOP_PORT DATA_DIR."""

import os
import sys
from pathlib import Path

import typer

from app.dev.cli import run
from app.dev.configuration import DevOptions
from app.dev.launcher import Programs

STUB = (os.environ.get("STUB_PROGRAM", sys.executable), str(Path(__file__).with_name("stub.py")))

if __name__ == "__main__":
    *ports, data_dir = sys.argv[1:]
    port, sandbox_port, shop_port = map(int, ports)
    programs = Programs(app=(*STUB, "app"), sandbox=(*STUB, "sandbox"), shop=(*STUB, "shop"))
    try:
        run(DevOptions(port, sandbox_port, shop_port, Path(data_dir)), programs)
    except typer.Exit as end:
        sys.exit(end.exit_code)

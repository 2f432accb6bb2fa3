"""Supabase's sync engine as a peer: it runs where Node and npm are, and is installed into `build/` once."""

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("sync_engine")
FOLDER = Path(__file__).parents[1] / "build" / "bench" / "sync_engine"
INSTALL_SECONDS = 300


class NotInstalled(Exception):
    """The sync engine can't be compared with here; the message says why."""


def install() -> Path:
    """Return the folder with the engine and its server in it. Raises NotInstalled."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NotInstalled("sync-engine was not measured: install Node and npm")
    if not _is_current():
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(SOURCE, FOLDER)
        command = [npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            subprocess.run(command, cwd=FOLDER, check=True, capture_output=True, timeout=INSTALL_SECONDS)  # noqa: S603 - npm, found above
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            shutil.rmtree(FOLDER)
            raise NotInstalled(f"sync-engine was not measured: npm could not install it ({error})") from error
    return FOLDER


def _is_current() -> bool:
    if not (FOLDER / "node_modules").is_dir():
        return False
    return all((FOLDER / file.name).read_bytes() == file.read_bytes() for file in SOURCE.iterdir())

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_private(path: Path, text: str, *, owner: tuple[int, int] = (-1, -1)) -> None:
    """Replace the file in one step. Only its owner (user id, group id) can read it at any time."""
    started = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(started, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.chown(descriptor, *owner)
        file.write(text)
    started.replace(path)

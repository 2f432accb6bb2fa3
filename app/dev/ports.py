from __future__ import annotations

import os
import socket

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def why_not(port: int) -> str:
    """Return why nothing can listen there, or nothing at all when it can."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        return os.strerror(error.errno or 0)  # its own text repeats the address
    return ""

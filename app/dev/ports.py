from __future__ import annotations

import os
import random
import socket
from itertools import cycle

HOST = "127.0.0.1"

# Below the range of outgoing connections: one of those might take a port between the check and its use.
PORTS = range(20_000, 32_000)

_candidates = cycle(random.sample(PORTS, len(PORTS)))


def free_port() -> int:
    """Return a port that nothing listens on, a different one each time."""
    return next(port for port in _candidates if not listen_error(port))


def listen_error(port: int) -> str:
    """Return why nothing can listen on this port; empty when something can."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        return os.strerror(error.errno or 0)  # its own text repeats the address
    return ""

"""Ask a process on this machine whether it is alive, for a container's HEALTHCHECK: `python -m app.http.healthcheck`.

It stands by itself: to load the service would take longer than the question may.
"""

import http.client
import sys

SECONDS = 2.0


def is_alive(port: int) -> bool:
    """Whether a process answers on this port that it is alive."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not any(is_alive(int(port)) for port in sys.argv[1:]))

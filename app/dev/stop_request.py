from __future__ import annotations

import os
import signal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """Whether the launcher must stop: a signal came, or the `make` that started it was killed and could send none."""

    def __init__(self) -> None:
        self._is_signalled = False
        self._make = os.getppid() if "MAKELEVEL" in os.environ else None
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # `nohup` ignores it
                signal.signal(number, self._on_signal)

    def __bool__(self) -> bool:
        return self._is_signalled or self._make not in {None, os.getppid()}

    def _on_signal(self, *_: object) -> None:
        self._is_signalled = True

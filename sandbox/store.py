"""Every object by kind and id, in memory, and in a SQLite file when one is asked for.

Objects are never changed in place: a change puts a new dict, so an event may hold the old one as its snapshot.
The file is written before an answer leaves. It outlives the death of the process, not that of the machine.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]

INDEXES: dict[str, tuple[str, ...]] = {
    "charge": ("payment_intent",),
    "refund": ("charge", "payment_intent"),
    "dispute": ("charge", "payment_intent"),
    "radar.early_fraud_warning": ("charge",),
    "checkout.session": ("payment_intent",),
    "delivery": ("event",),
}

ALWAYS_KEPT = frozenset({"meta", "webhook_endpoint"})


class Store:
    def __init__(self, path: Path | None, keep: int | None) -> None:
        self._keep = keep
        self._kinds: dict[str, dict[str, JsonObject]] = {}
        self._indexes: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
        self._dirty: dict[tuple[str, str], JsonObject | None] = {}
        self._file = None if path is None else _open(path)
        if self._file is not None:
            self._load(self._file)

    def put(self, kind: str, key: str, value: JsonObject) -> None:
        values = self._kinds.setdefault(kind, {})
        self._index(kind, key, values.get(key), value)
        values[key] = value
        self._touch(kind, key, value)
        if self._keep is not None and len(values) > self._keep and kind not in ALWAYS_KEPT:
            self.delete(kind, next(iter(values)))

    def get(self, kind: str, key: str) -> JsonObject | None:
        return self._kinds.get(kind, {}).get(key)

    def delete(self, kind: str, key: str) -> None:
        value = self._kinds.get(kind, {}).pop(key, None)
        if value is not None:
            self._index(kind, key, value, None)
            self._touch(kind, key, None)

    def newest(self, kind: str) -> Iterator[JsonObject]:
        return reversed(self._kinds.get(kind, {}).values())

    def oldest(self, kind: str) -> Iterator[JsonObject]:
        return iter(self._kinds.get(kind, {}).values())

    def where(self, kind: str, field: str, value: str) -> list[JsonObject]:
        """Newest first, by a field that INDEXES names."""
        found = self._indexes.get((kind, field), {}).get(value, {})
        values = self._kinds.get(kind, {})
        return [values[key] for key in reversed(found)]

    def everything(self) -> list[tuple[str, str, JsonObject]]:
        return [(kind, key, value) for kind, values in self._kinds.items() for key, value in values.items()]

    def count(self, kind: str) -> int:
        return len(self._kinds.get(kind, {}))

    def clear(self) -> None:
        self._kinds.clear()
        self._indexes.clear()
        self._dirty.clear()
        if self._file is not None:
            self._file.execute("DELETE FROM objects")

    def commit(self) -> None:
        if self._file is None or not self._dirty:
            return
        written = [(kind, key, json.dumps(value)) for (kind, key), value in self._dirty.items() if value is not None]
        deleted = [place for place, value in self._dirty.items() if value is None]
        with self._file:
            self._file.execute("BEGIN")
            self._file.executemany(_UPSERT, written)
            self._file.executemany("DELETE FROM objects WHERE kind = ? AND key = ?", deleted)
        self._dirty.clear()

    def close(self) -> None:
        self.commit()
        if self._file is not None:
            self._file.close()

    def _touch(self, kind: str, key: str, value: JsonObject | None) -> None:
        if self._file is not None:
            self._dirty[kind, key] = value

    def _index(self, kind: str, key: str, old: JsonObject | None, new: JsonObject | None) -> None:
        for field in INDEXES.get(kind, ()):
            before = None if old is None else old.get(field)
            after = None if new is None else new.get(field)
            if before == after:
                continue
            index = self._indexes.setdefault((kind, field), {})
            if before is not None:
                index[before].pop(key, None)
                if not index[before]:
                    del index[before]
            if after is not None:
                index.setdefault(after, {})[key] = None

    def _load(self, file: sqlite3.Connection) -> None:
        for kind, key, value in file.execute("SELECT kind, key, value FROM objects ORDER BY sequence"):
            loaded = json.loads(value)
            self._kinds.setdefault(kind, {})[key] = loaded
            self._index(kind, key, None, loaded)


_UPSERT = """
INSERT INTO objects (kind, key, value) VALUES (?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value
"""


def _open(path: Path) -> sqlite3.Connection:
    """Open the file in WAL mode without fsync: a commit is then a write to the page cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)  # made before the server's thread
    path.chmod(0o600)  # it holds client secrets
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = OFF")
    file.execute(
        "CREATE TABLE IF NOT EXISTS objects ("
        "sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, "
        "UNIQUE (kind, key))"
    )
    return file

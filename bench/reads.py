"""What reads cost with millions of payments behind them."""

from pathlib import Path

_SECTIONS = Path(__file__).with_name("reads.sql").read_text(encoding="utf-8").split("-- name: ")[1:]

# Each fills one table; those with $1 take the number of payments. In their order.
FILL = {name: statement.strip() for name, _, statement in (section.partition("\n") for section in _SECTIONS)}

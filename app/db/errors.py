"""What is wrong with the database; send the same request again."""

from app.errors import Unavailable

# The database stops, was stopped, starts, has no connection left, did not give a lock in time, or ended one of two
# transactions that waited for each other.
UNAVAILABLE_SQLSTATES = frozenset({"57P01", "57P02", "57P03", "53300", "55P03", "40P01"})


class DatabaseUnavailable(Unavailable):
    """The database can't be reached. Send the same request again."""

    code, title = "database_unavailable", "Database unavailable"


class NotMigrated(Unavailable):
    """The database does not have this version's tables; run `python -m app migrate`."""

    code, title = "not_migrated", "Not migrated"

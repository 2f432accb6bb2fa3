"""What is wrong with the database; send the same request again."""

from app.errors import Unavailable


class DatabaseUnavailable(Unavailable):
    """The database can't be reached. Send the same request again."""

    code, title = "database_unavailable", "Database unavailable"


class NotMigrated(Unavailable):
    """The database does not have this version's tables; run `python -m app migrate`."""

    code, title = "not_migrated", "Not migrated"

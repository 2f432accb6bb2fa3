"""Whether this process lives, and whether it can do its work."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from app.db import migrations
from app.db.errors import DatabaseUnavailable, NotMigrated
from app.http.problems import documented
from app.resources import ResourcesDependency

router = APIRouter(tags=["Health"])


class Health(BaseModel):
    """It is well."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"] = "ok"


@router.get("/livez", summary="Is the process alive?")
async def live() -> Health:
    """Answer as long as the process can; nothing else is asked."""
    return Health()


@router.get("/readyz", summary="Can it do its work?", responses=documented(DatabaseUnavailable, NotMigrated))
async def ready(resources: ResourcesDependency) -> Health:
    """Answer 200 when the database is there and has this version's tables."""
    if not await migrations.is_current(resources.database):
        raise NotMigrated
    return Health()

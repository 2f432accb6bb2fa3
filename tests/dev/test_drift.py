from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.dev.drift import differences, shape
from app.dev.postgres import temporary_postgres


async def test_whatever_guards_the_money_is_missed_when_it_is_gone() -> None:
    with temporary_postgres() as server:
        server.create_database("models")
        url = server.url("models")
        modelled = await shape(url, is_from_models=True)
        engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
        async with engine.begin() as connection:
            find = "SELECT conrelid::regclass::text, conname FROM pg_constraint"
            find += " WHERE contype = 'c' AND conrelid <> 0 AND connamespace = 'public'::regnamespace LIMIT 1"
            table, check = (await connection.execute(text(find))).one()
            await connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {check}"))
            find = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE '%WHERE%' LIMIT 1"
            index = await connection.scalar(text(find))
            await connection.execute(text(f"DROP INDEX {index}"))
        await engine.dispose()
        missed = differences(await shape(url, is_from_models=False), modelled)
    assert len(missed) == 2
    assert any(line.startswith(f"+{table}: constraint {check} CHECK") for line in missed)
    assert any(f"INDEX {index} " in line and "WHERE" in line for line in missed)

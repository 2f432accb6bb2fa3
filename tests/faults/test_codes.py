"""What PostgreSQL says by a code, and what the caller is told: never that we are broken."""

import httpx
import pytest

from app.db.errors import UNAVAILABLE_SQLSTATES
from tests.database import Database
from tests.webhooks.sending import CART, TEN_EUROS, put

OF_CLASSES = ("08006", "08P01", "28000", "28P01", "53100", "53200", "53300")


@pytest.mark.parametrize("state", [*UNAVAILABLE_SQLSTATES, *OF_CLASSES])
async def test_each_code_of_an_absent_database_is_a_503_and_over_at_once(
    state: str, api: httpx.AsyncClient, database: Database
) -> None:
    await put(api)
    await database.execute(
        f"""
        CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'in trouble' USING ERRCODE = '{state}'; END $$;
        CREATE TRIGGER fail BEFORE UPDATE ON payment_references EXECUTE FUNCTION fail()
        """
    )
    try:
        answer = await api.put(CART, json={**TEN_EUROS, "amount": 2000, "cart_version": 8})
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    finally:
        await database.execute("DROP FUNCTION fail CASCADE")
    await put(api, amount=2000, cart_version=8)

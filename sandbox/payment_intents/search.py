"""Search PaymentIntents: `status:'succeeded' AND metadata['cart_id']:'c1'`, as late as the config says."""

import re
from collections.abc import Callable

from sandbox.account import Account
from sandbox.api.listing import DEFAULT_LIMIT, MAX_LIMIT
from sandbox.api.operation import Call
from sandbox.errors import InvalidParamError
from sandbox.store import JsonObject

Test = Callable[[JsonObject], bool]

_CLAUSE = re.compile(
    r"""\s*(?P<not>-)?(?P<field>[a-z_]+)(?:\[(?P<q>['"])(?P<key>[^'"]*)(?P=q)\])?\s*(?P<op>>=|<=|[:<>~])\s*"""
    r"""(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|null|-?[0-9]+)\s*"""
)
_JOINT = re.compile(r"(AND|OR)\b|(?=-?[a-z])", re.IGNORECASE)
TEXTS, NUMBERS = frozenset({"currency", "customer", "status", "metadata"}), frozenset({"amount", "created"})


def search(account: Account, call: Call) -> JsonObject:
    matches = compile_query(call.params["query"])
    visible = account.clock.now() - account.config.search_lag.total_seconds()
    found = [
        intent for intent in account.store.newest("payment_intent") if intent["created"] <= visible and matches(intent)
    ]
    limit = max(1, min(call.params.get("limit", DEFAULT_LIMIT), MAX_LIMIT))
    start = _start(call.params.get("page"))
    has_more = len(found) > start + limit
    return {
        "object": "search_result",
        "data": found[start : start + limit],
        "has_more": has_more,
        "next_page": f"page_{start + limit}" if has_more else None,
        "url": call.path,
    }


def _start(page: str | None) -> int:
    match = re.fullmatch(r"page_([0-9]{1,9})", page or "page_0")
    if match is None:
        raise InvalidParamError("Invalid search page.", param="page")
    return int(match[1])


def compile_query(query: str) -> Test:
    """Turn a query into a test; AND and OR cannot be mixed."""
    tests: list[Test] = []
    joints: set[str] = set()
    position = 0
    while True:
        clause = _CLAUSE.match(query, position)
        if clause is None:
            raise _unclear(query)
        tests.append(_compile(clause, query))
        position = clause.end()
        if position == len(query):
            break
        joint = _JOINT.match(query, position)
        if joint is None:
            raise _unclear(query)
        joints.add((joint[1] or "AND").upper())
        position = joint.end()
    if len(joints) > 1:
        raise InvalidParamError("The query cannot combine AND and OR.", param="query")
    combine = any if joints == {"OR"} else all
    return lambda intent: combine(test(intent) for test in tests)


def _compile(clause: re.Match[str], query: str) -> Test:
    field, key, operator = clause["field"], clause["key"], clause["op"]
    if field not in TEXTS | NUMBERS or (field == "metadata") != (key is not None):
        raise InvalidParamError(f"Field {field} is an unsupported search field.", param="query")
    if (field in TEXTS) != (operator in {":", "~"}) and operator != ":":
        raise _unclear(query)
    wanted = clause["value"]
    is_negative = bool(clause["not"])

    def test(intent: JsonObject) -> bool:
        value = intent["metadata"].get(key) if field == "metadata" else intent[field]
        return _compare(value, operator, wanted) != is_negative

    return test


def _compare(value: str | int | None, operator: str, wanted: str) -> bool:
    if wanted == "null":
        return value is None
    text = re.sub(r"\\(.)", r"\1", wanted[1:-1]) if wanted[0] in "'\"" else wanted
    if isinstance(value, int):
        number = int(text) if re.fullmatch(r"-?[0-9]+", text) else None
        return number is not None and _NUMERIC[operator](value, number)
    if value is None:
        return False
    return text.lower() in value.lower() if operator == "~" else text.lower() == value.lower()


_NUMERIC: dict[str, Callable[[int, int], bool]] = {
    ":": int.__eq__,
    ">": int.__gt__,
    "<": int.__lt__,
    ">=": int.__ge__,
    "<=": int.__le__,
}


def _unclear(query: str) -> InvalidParamError:
    return InvalidParamError(f"We were unable to parse your search query: {query[:200]}", param="query")

"""Every route says which keys may use it."""

from __future__ import annotations

import pytest

from api_service.route import discover
from api_service.settings import ApiSettings
from shared.access.key import ALLOWANCES, ApiKey, dump, load

PUBLIC = {
    "/",
    "/streams",
    "/web/{path:.+}",
    "/docs",
    "/docs/{path}",
    "/openapi.json",
    "/info",
    "/healthz",
    "/readiness",
}


def test_every_route_declares_its_scope() -> None:
    """Give the Route ``scope=``: infer, jobs, models, streams or admin; ``any`` for what every valid key may see."""
    undeclared = [f"{route.method} {route.path}" for route in discover(ApiSettings()) if not route.scope]
    assert undeclared == []


def test_only_these_need_no_key() -> None:
    assert {route.path for route in discover(ApiSettings()) if route.scope == "public"} == PUBLIC


def key(*scopes: str, models: tuple[str, ...] = ()) -> ApiKey:
    return ApiKey("k1", "00", "test", scopes, "k1", 0, models=models)


@pytest.mark.parametrize("scope", ALLOWANCES)
def test_a_scope_opens_its_own_routes_only(scope: str) -> None:
    opened = [name for name in ALLOWANCES if key(scope).allows(name)]  # type: ignore[arg-type]
    assert opened == (list(ALLOWANCES) if scope == "admin" else [scope])
    assert key(scope).allows("any")
    assert key(scope).allows("") == (scope == "admin")


def test_models_are_matched_by_pattern() -> None:
    assert key("infer").sees("team/7")
    assert [key("infer", models=("team/*", "x")).sees(name) for name in ("team/7", "x", "xx", "teams/7")] == [
        *(True, True, False, False)
    ]


def test_a_key_survives_storage() -> None:
    made = key("infer", "jobs", models=("a/*",))
    assert load("k1", dump(made)) == made
    for forged in (b"", b"\x80", b"\xc1", dump(made)[:-3]):
        with pytest.raises(ValueError, match=r".+"):
            load("k1", forged)


def test_times_decide_the_state() -> None:
    made = ApiKey("k1", "00", "test", ("infer",), "k1", 0, expires_ms=1000)
    assert [made.state(999), made.state(1000)] == ["active", "expired"]
    assert ApiKey("k1", "00", "test", (), "k1", 0, expires_ms=1000, revoked_ms=1).state(0) == "revoked"

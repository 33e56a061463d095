"""Who calls, and whether the route's scope allows it.

insecure ─────────────────> everybody, unless the page of another site calls
no key exists, loopback ──> everybody, unless the page or the name of another site calls
otherwise ────────────────> the key of the request (query, then Authorization: Bearer, then JSON body) must allow it

The places are those of Roboflow's clients; routes for administrators take a key in the header only, because addresses
end up in logs and histories.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from functools import lru_cache

from aiohttp import web
from yarl import URL

from api_service import body, packed
from api_service.caller import NOBODY, OPEN, Caller
from api_service.context import BACKEND, SETTINGS
from api_service.route import Route
from api_service.settings import ApiSettings
from shared.access.key import ApiKey, Scope
from shared.access.token import digest_of
from shared.errors import Forbidden, Unauthorized

BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
NO_KEY = frozenset({"", "None", "null"})
"""What clients send in the place of a key when they have none."""
IN_BODY = re.compile(rb'"api_key"\s*:\s*"([A-Za-z0-9_-]{1,256})"')
IN_PACKED_BODY = re.compile(rb"\xa7api_key(?:[\xa0-\xbf]|\xd9.)([A-Za-z0-9_-]{1,255})", re.DOTALL)
"""In msgpack: the field's name, then a text with its length before it. No key is longer than 255."""
MOST_IN_BODY = 4
NAMES = 256
"""How many hosts are remembered by whether they are addresses, and whose."""
ANYWHERE = frozenset({"localhost", "127.0.0.1", "::1"})

MISSING = (
    "This server asks for an API key. Send one as `Authorization: Bearer ...`; `visionfleet keys create` makes them."
)
FIRST = (
    "This server listens beyond this machine and has no API key yet, so it serves nobody. Make one on the server with "
    "`visionfleet keys create NAME --scope admin --direct`, or start it with --insecure in a closed network."
)
WRONG = "The API key is not known here, was revoked, or its time is over."


async def identify(request: web.Request, route: Route) -> Caller:
    """Who calls this route. Raises Unauthorized, Forbidden, QueueUnavailable while nobody knows the keys."""
    settings, keys = request.app[SETTINGS], request.app[BACKEND].keys
    if settings.insecure:
        refuse_other_sites(request, settings)
        return OPEN
    closed = settings.require_keys or settings.admin_key is not None or not is_loopback(settings.host)
    if not closed and not keys.exist:
        refuse_other_names(request, settings)
        refuse_other_sites(request, settings)
        return OPEN
    token = await token_of(request, route)
    if token is None and route.scope == "optional":
        return NOBODY
    if token is None:
        has_key = settings.admin_key is not None or keys.exist
        raise Unauthorized(MISSING if has_key else FIRST)
    key = static_key(token, settings) or await keys.search(token)
    if key is None:
        keys.exist  # noqa: B018 - raises while the keys are not known
        raise Unauthorized(WRONG)
    if not key.allows(route.scope):
        keys.count(key.id, refused=True)
        raise Forbidden(f"The API key does not have the scope {route.scope or 'admin'!r}.")
    return Caller(key)


def static_key(token: str, settings: ApiSettings) -> ApiKey | None:
    """The administrators' key of the settings, or the launcher's."""
    for name in ("admin_key", "launcher_key"):
        secret = getattr(settings, name)
        if secret is not None and hmac.compare_digest(digest_of(token), digest_of(secret.get_secret_value())):
            return ApiKey(name, "", name, ("admin",), "", 0)
    return None


async def token_of(request: web.Request, route: Route) -> str | None:
    """The key that the request carries. Raises Unauthorized for one in the query where that is not allowed."""
    if "api_key" in request.rel_url.raw_query_string:
        given = request.query.get("api_key", "")
        if given not in NO_KEY:
            if route.scope in {"admin", ""}:
                raise Unauthorized("Here a key is taken from the header `Authorization: Bearer ...` only.")
            return given
    bearer = BEARER.fullmatch(request.headers.get("Authorization", ""))
    if bearer is not None and bearer[1] not in NO_KEY:
        return bearer[1]
    return await token_in_body(request, route)


async def token_in_body(request: web.Request, route: Route) -> str | None:
    """The ``api_key`` of a JSON body, on the routes whose clients put it there.

    It is searched, not parsed: bodies hold megabytes of base64, and the handler parses them anyway.
    """
    if not may_hold_key(request, route):
        return None
    raw, at = await body.read(request), 0
    if request.content_type in packed.TYPES:
        return token_in_msgpack(raw)
    for _ in range(MOST_IN_BODY):
        at = raw.find(b'"api_key"', at)
        if at < 0:
            return None
        found = IN_BODY.match(raw, at)
        if found is not None and found[1].decode() not in NO_KEY:
            return found[1].decode()
        at += 1
    return None


def token_in_msgpack(raw: bytes) -> str | None:
    """The ``api_key`` of a msgpack body, searched for likewise."""
    for found, _ in zip(IN_PACKED_BODY.finditer(raw), range(MOST_IN_BODY), strict=False):
        start = found.start(1)
        length = raw[start - 1] if raw[start - 2] == 0xD9 else raw[start - 1] & 31
        token = raw[start : start + length].decode("ascii", "replace")
        if token not in NO_KEY and len(found[1]) >= length:
            return token
    return None


def may_hold_key(request: web.Request, route: Route) -> bool:
    """Whether the body may have a key: on the routes of Roboflow's clients, in JSON."""
    ours = route.path.startswith("/v1/") or route.last or route.scope in {"admin", ""}
    return not ours and request.can_read_body and not request.content_type.startswith("multipart/")


def refuse_other_names(request: web.Request, settings: ApiSettings) -> None:
    """A page whose name was pointed at this machine (DNS rebinding) calls under that name. Raises Forbidden."""
    name = host_of(request)
    if name in ANYWHERE or name in settings.allowed_hosts or (is_address(name) and is_loopback(name)):
        return
    raise Forbidden(
        "Without API keys this server answers under the names of this machine only; make a key, or allow the name "
        "(VISIONFLEET_ALLOWED_HOSTS)."
    )


def refuse_other_sites(request: web.Request, settings: ApiSettings) -> None:
    """A browser that has another site's page open sends that page's requests here too. Raises Forbidden."""
    headers = request.headers
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site in {"same-origin", "none"} or (site is None and origin is None):
        return
    if origin is not None and (is_allowed(origin, settings) or (site is None and is_own(origin, request))):
        return
    raise Forbidden("The page of another site may not call this server (VISIONFLEET_CORS_ORIGINS).")


def is_allowed(origin: str, settings: ApiSettings) -> bool:
    """Whether pages of that origin may call us."""
    return origin.lower() in settings.cors_origins or "*" in settings.cors_origins


def is_own(origin: str, request: web.Request) -> bool:
    """Whether the origin is this server under the name that the request calls it by."""
    return origin.split("://", 1)[-1].lower() == request.headers.get("Host", "").lower()


def host_of(request: web.Request) -> str:
    """The host name of the Host header, without port."""
    try:
        return (URL(f"http://{request.headers.get('Host', '')}").host or "").rstrip(".").lower()
    except ValueError:
        return ""


@lru_cache(NAMES)
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    return is_address(host) and ipaddress.ip_address(host).is_loopback


@lru_cache(NAMES)
def is_address(host: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def required_scope(route: Route, settings: ApiSettings) -> Scope:
    """The scope that counts: /metrics may be public."""
    return "public" if route.path == "/metrics" and settings.public_metrics else route.scope

"""Fetching what a user's URL points at, without becoming the user's way into our network.

Every hop is checked: scheme, port, no credentials, no disguised address. A name is resolved once, all its answers must
be global, and the connection goes to exactly those addresses. Redirects, bytes and seconds are capped, and no proxy,
cookie or credential of this machine is used.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

from shared.addresses import is_address, is_disguised, is_global
from shared.errors import InvalidRequest, TooLarge

REDIRECTS = frozenset({301, 302, 303, 307, 308})


class EgressRefused(InvalidRequest):
    """The URL leads where this server does not go; the message says which rule refused it."""

    code = "egress_refused"


class EgressFailed(InvalidRequest):
    """The URL is allowed, and nothing usable came back."""

    code = "egress_failed"


@dataclass(frozen=True)
class EgressPolicy:
    """What may be fetched. ``allow_private`` lifts the rule about addresses only."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({80, 443})
    allow_private: bool = False
    max_bytes: int = 32 * 2**20
    max_redirects: int = 3
    timeout_s: float = 15.0


class Lookup(Protocol):
    """Name to addresses; the default asks the system."""

    async def __call__(self, host: str, port: int) -> list[str]:
        """Addresses of a host, in the order to try. Raises OSError."""
        ...


async def system_lookup(host: str, port: int) -> list[str]:
    """What getaddrinfo says, in its order, without repeats."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedResolver(AbstractResolver):
    """A resolver that refuses a name when any of its answers is not global."""

    def __init__(self, policy: EgressPolicy, lookup: Lookup) -> None:
        self._policy = policy
        self._lookup = lookup

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._lookup(host, port)
        if not self._policy.allow_private and not all(is_global(address) for address in addresses):
            raise EgressRefused("The URL leads to an address that is not on the public internet.")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    @override
    async def close(self) -> None:
        """Nothing is held."""


class Egress:
    """Fetches URLs under one policy. Create it inside a running loop and close it."""

    def __init__(self, policy: EgressPolicy, lookup: Lookup = system_lookup) -> None:
        self._policy = policy
        self._session = aiohttp.ClientSession(
            # No connection outlives its request, so none can be reused after its name was checked for another.
            connector=aiohttp.TCPConnector(
                resolver=GuardedResolver(policy, lookup), use_dns_cache=False, force_close=True, limit=64
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=policy.timeout_s),
            headers={"User-Agent": "visionfleet", "Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def fetch(self, url: str) -> bytes:
        """The bytes behind a URL.

        Raises:
            EgressRefused: the URL or a redirect breaks the policy.
            EgressFailed: no answer, too slow, too many redirects, or a status other than 200.
            TooLarge: more bytes than ``max_bytes``.
        """
        try:
            return await asyncio.wait_for(self._follow(url), self._policy.timeout_s)
        except asyncio.TimeoutError:
            raise EgressFailed(f"The URL did not answer within {self._policy.timeout_s:g} s.") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise EgressFailed("The URL could not be fetched.") from None

    async def _follow(self, url: str) -> bytes:
        target = self.check(url)
        for _ in range(self._policy.max_redirects + 1):
            async with self._session.get(target, allow_redirects=False) as response:
                if response.status not in REDIRECTS:
                    return await self._body(response)
                target = self.check(str(target.join(URL(response.headers.get("Location", "")))))
        raise EgressFailed(f"The URL redirects more than {self._policy.max_redirects} times.")

    def check(self, url: str) -> URL:
        """The URL parsed, when the policy allows it before its name is resolved. Raises EgressRefused."""
        try:
            target = URL(url.strip())
            scheme, host, port = target.scheme, target.host, target.port
        except ValueError:
            raise EgressRefused("The URL is not valid.") from None
        if scheme not in self._policy.schemes:
            raise EgressRefused(f"Only {' and '.join(sorted(self._policy.schemes))} URLs are fetched.")
        if not host or "\\" in url or target.user is not None or target.password is not None:
            raise EgressRefused("The URL is not valid.")
        if port not in self._policy.ports:
            raise EgressRefused("The URL names a port that is not fetched from.")
        self._check_host(host.rstrip("."))
        return target

    def _check_host(self, host: str) -> None:
        # aiohttp asks no resolver about addresses, so they are judged here.
        if is_disguised(host) or "%" in host:
            raise EgressRefused("The URL names its host in a form that is not accepted.")
        if is_address(host) and not self._policy.allow_private and not is_global(host):
            raise EgressRefused("The URL leads to an address that is not on the public internet.")

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if response.status != 200:
            raise EgressFailed(f"The URL answered with status {response.status}.")
        limit = self._policy.max_bytes
        if (response.content_length or 0) > limit:
            raise _too_large(limit)
        body = bytearray()
        async for chunk in response.content.iter_chunked(65536):
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
        return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"What the URL points at is over the limit of {limit} bytes.")

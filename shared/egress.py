"""Calling what a user's URL points at, without becoming the user's way into our network.

Every hop is checked: scheme, port, no credentials, no disguised address. A name is resolved once, all its answers must
be global, and the connection goes to exactly those addresses. Redirects, bytes and seconds are capped, and no proxy of
the environment, cookie or credential of this machine is used.

A proxy that the settings name is asked for an address that was judged here, so that it cannot be led elsewhere by the
name. With ``resolves`` it is asked for the name, and keeping out of networks is its duty; all other rules stay.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

from shared.addresses import is_address, is_disguised, is_global
from shared.egress_policy import EgressPolicy
from shared.errors import InvalidRequest, TooLarge

REDIRECTS = frozenset({301, 302, 303, 307, 308})
EXCERPT_BYTES = 1024
CHUNK_BYTES = 2**18
T = TypeVar("T")


class EgressRefused(InvalidRequest):
    """The URL leads where this server does not go; the message says which rule refused it."""

    code = "egress_refused"


class EgressFailed(InvalidRequest):
    """The URL is allowed, and nothing usable came back; ``details`` have the ``status`` when something answered."""

    code = "egress_failed"


@dataclass(frozen=True)
class PostAnswer:
    """What a receiver answered: status, headers, and how its body begins."""

    status: int
    headers: Mapping[str, str]
    excerpt: bytes


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
        self._guard = GuardedResolver(policy, lookup)
        self._session = aiohttp.ClientSession(
            # No connection outlives its request, so none can be reused after its name was checked for another.
            connector=aiohttp.TCPConnector(
                resolver=self._guard if policy.proxy is None else None,
                use_dns_cache=False,
                force_close=True,
                limit=policy.connections,
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
        return await self._in_time(self._follow(url, self._body))

    async def save(self, url: str, target: Path) -> str:
        """Write what is behind a URL to a file, which may be large; returns its sha256 in hex.

        Raises as ``fetch``; EgressFailed also when the file cannot be written.
        """
        return await self._in_time(self._follow(url, lambda response: self._saved(response, target)))

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostAnswer:
        """Send a body and return the answer, whatever its status. A redirect is an answer and is not followed.

        Raises:
            EgressRefused: the URL breaks the policy.
            EgressFailed: no answer, or too slow.
        """
        return await self.send("POST", url, body, headers)

    async def send(
        self,
        method: str,
        url: str,
        body: Any,
        headers: Mapping[str, str],
        answer_bytes: int = EXCERPT_BYTES,
        *,
        as_is: bool = False,
    ) -> PostAnswer:
        """As ``post`` with any method and any body that aiohttp takes; the excerpt has up to ``answer_bytes``.

        ``as_is`` leaves the path's percent-encoding alone, where a signature covers it.
        """
        target = self.check(url)
        target = URL(url, encoded=True) if as_is else target
        return await self._in_time(self._send(method, target, body, headers, answer_bytes))

    async def _in_time(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            return await asyncio.wait_for(call, self._policy.timeout_s)
        except asyncio.TimeoutError:
            raise EgressFailed(f"The URL did not answer within {self._policy.timeout_s:g} s.") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise EgressFailed("The URL could not be reached.") from None

    async def _send(
        self, method: str, target: URL, body: Any, headers: Mapping[str, str], answer_bytes: int
    ) -> PostAnswer:
        async with await self._request(method, target, headers, data=body) as response:
            excerpt = bytearray()
            while len(excerpt) < answer_bytes and (part := await response.content.read(answer_bytes - len(excerpt))):
                excerpt += part
            return PostAnswer(response.status, response.headers, bytes(excerpt))

    async def _follow(self, url: str, take: Callable[[aiohttp.ClientResponse], Awaitable[T]]) -> T:
        target = self.check(url)
        for _ in range(self._policy.max_redirects + 1):
            async with await self._request("GET", target, {}) as response:
                if response.status not in REDIRECTS:
                    return await take(response)
                target = self.check(str(target.join(URL(response.headers.get("Location", "")))))
        raise EgressFailed(f"The URL redirects more than {self._policy.max_redirects} times.")

    async def _request(self, method: str, target: URL, headers: Mapping[str, str], **options: Any) -> Any:
        """The answer to one request. Raises EgressRefused, and what aiohttp raises."""
        proxy, host = self._policy.proxy, target.host or ""
        if proxy is not None:
            options["proxy"] = proxy.url
        if proxy is not None and not proxy.resolves and not is_address(host):
            judged = await self._guard.resolve(host, target.port or 0)
            headers = {**headers, "Host": host if target.is_default_port() else f"{host}:{target.port}"}
            options["server_hostname"] = host if target.scheme == "https" else None
            target = target.with_host(judged[0]["host"])
        return await self._session.request(method, target, headers=headers, allow_redirects=False, **options)

    def check(self, url: str) -> URL:
        """The URL parsed, when the policy allows it before its name is resolved. Raises EgressRefused."""
        return check(url, self._policy)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in self._chunks(response):
            body += chunk
        return bytes(body)

    async def _saved(self, response: aiohttp.ClientResponse, target: Path) -> str:
        digest = hashlib.sha256()
        try:
            with target.open("wb") as file:
                async for chunk in self._chunks(response):
                    digest.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
        except OSError as error:
            if isinstance(error, aiohttp.ClientError):
                raise
            raise EgressFailed(f"What the URL points at could not be written: {error.strerror}.") from error
        return digest.hexdigest()

    async def _chunks(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """The body in parts, up to the limit. Raises EgressFailed for another status than 200, TooLarge."""
        if response.status != 200:
            raise EgressFailed(f"The URL answered with status {response.status}.", status=response.status)
        limit, size = self._policy.max_bytes, 0
        if (response.content_length or 0) > limit:
            raise _too_large(limit)
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            yield chunk


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"What the URL points at is over the limit of {limit} bytes.")


def check(url: str, policy: EgressPolicy) -> URL:
    """The URL parsed, when the policy allows it before its name is resolved. Raises EgressRefused."""
    try:
        target = URL(url.strip())
        scheme, host, port = target.scheme, target.host, target.port
    except ValueError:
        raise EgressRefused("The URL is not valid.") from None
    if scheme not in policy.schemes:
        raise EgressRefused(f"Only {' and '.join(sorted(policy.schemes))} URLs are called.")
    if not host or "\\" in url or target.user is not None or target.password is not None:
        raise EgressRefused("The URL is not valid.")
    if policy.ports is not None and port not in policy.ports:
        raise EgressRefused("The URL names a port that is not called.")
    _check_host(host.rstrip("."), policy)
    return target


def _check_host(host: str, policy: EgressPolicy) -> None:
    # aiohttp asks no resolver about addresses, so they are judged here.
    if is_disguised(host) or "%" in host:
        raise EgressRefused("The URL names its host in a form that is not accepted.")
    if is_address(host) and not policy.allow_private and not is_global(host):
        raise EgressRefused("The URL leads to an address that is not on the public internet.")

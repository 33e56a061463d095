"""Hosts that sinks send to: resolved once, judged, and the address used as it was judged.

A LAN is where a stream's results usually go, so private addresses are allowed; this very machine and the networks of
VISIONFLEET_STREAM_DENY_NETWORKS are not, unless the settings say so.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from shared.addresses import with_embedded
from shared.errors import InvalidRequest, SinkUnavailable
from stream_service.settings import StreamSettings


async def resolve(host: str, port: int, settings: StreamSettings) -> tuple[str, int]:
    """Address and port to send to. Raises SinkUnavailable for unknown names, InvalidRequest for forbidden addresses."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SinkUnavailable("The name of a sink's host cannot be resolved; is it spelled right?") from None
    addresses = [str(info[4][0]) for info in found]
    for address in addresses:
        check(address, settings)
    return addresses[0], port


def check(address: str, settings: StreamSettings) -> None:
    """Raises InvalidRequest when nothing may be sent to that address."""
    for parsed in with_embedded(address.partition("%")[0]):
        if (parsed.is_loopback or parsed.is_unspecified) and not settings.stream_allow_loopback:
            raise InvalidRequest(
                "A sink may not send to this very machine; VISIONFLEET_STREAM_ALLOW_LOOPBACK=true allows it."
            )
        if any(parsed in ipaddress.ip_network(network) for network in settings.stream_deny_networks):
            raise InvalidRequest("A sink may not send there: VISIONFLEET_STREAM_DENY_NETWORKS has the address.")

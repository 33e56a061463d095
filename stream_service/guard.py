"""Which sources this server may open: a source is chosen by a client and opened from inside our network."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from urllib.parse import urlsplit

from shared.errors import SourceNotFound, SourceRefused, SourceUnreachable, SourceUnsupported
from stream_service.settings import StreamSettings


def check_url(url: str, settings: StreamSettings) -> None:
    """Look up the URL's host and refuse forbidden networks. Blocks. Raises SourceRefused, SourceUnreachable."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise SourceUnsupported("The source's URL names no host.")
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise SourceUnreachable("The source's host name cannot be resolved.") from None
    for address in found:
        check_address(address, settings)


def check_address(address: str, settings: StreamSettings) -> None:
    """Raises SourceRefused for an address that no source may have."""
    parsed = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if (parsed.is_loopback or parsed.is_unspecified) and not settings.stream_allow_loopback:
        raise SourceRefused(
            "Sources on the server itself are not opened by URL (VISIONFLEET_STREAM_ALLOW_LOOPBACK allows it)."
        )
    for network in map(ipaddress.ip_network, settings.stream_deny_networks):
        if parsed.version == network.version and parsed in network:
            raise SourceRefused("The source lies in a network that is never opened (VISIONFLEET_STREAM_DENY_NETWORKS).")


def check_path(reference: str, settings: StreamSettings) -> Path:
    """The path, all links resolved, inside a folder that may be streamed. Raises SourceRefused, SourceNotFound."""
    resolved = Path(reference.removeprefix("file://")).resolve()
    if not any(resolved.is_relative_to(folder.resolve()) for folder in settings.stream_folders):
        raise SourceRefused(
            "The path lies in no folder of the server that may be streamed (VISIONFLEET_STREAM_FOLDERS)."
        )
    if not resolved.exists():
        raise SourceNotFound("There is no such file on the machine of the stream service.")
    return resolved

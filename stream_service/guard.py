"""Which sources this server may open: a source is chosen by a client and opened from inside our network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from shared.addresses import Address, is_address, is_disguised, with_embedded
from shared.errors import SourceNotFound, SourceRefused, SourceUnreachable, SourceUnsupported
from stream_service.settings import StreamSettings

OVER_TLS = frozenset({"https", "rtsps"})
Lookup = Callable[[str], Iterable[str]]


def system_lookup(host: str) -> set[str]:
    """What getaddrinfo says. Blocks. Raises OSError, UnicodeError."""
    return {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}


def check_url(url: str, settings: StreamSettings, lookup: Lookup = system_lookup) -> str:
    """The URL to open: its host looked up once, judged, and put in place of the name, which nobody can then redirect.

    Over TLS (https, rtsps) the name stays, because servers choose their certificate and site by it. Blocks.
    Raises SourceRefused, SourceUnreachable, SourceUnsupported.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        raise SourceUnsupported("The source's URL names no host.")
    if is_disguised(host.rstrip(".")):
        raise SourceRefused("The source's URL names its host in a form that is not accepted; write the plain address.")
    try:
        found = sorted(lookup(host), key=lambda address: (":" in address, address))
    except (OSError, UnicodeError):
        raise SourceUnreachable("The source's host name cannot be resolved.") from None
    if not found:
        raise SourceUnreachable("The source's host name cannot be resolved.")
    for address in found:
        check_address(address, settings)
    if parts.scheme.lower() in OVER_TLS or is_address(host):
        return url
    address = f"[{found[0]}]" if ":" in found[0] else found[0]
    login, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login}{at}{address}{'' if port is None else f':{port}'}"))


def check_address(address: str, settings: StreamSettings) -> None:
    """Raises SourceRefused for an address that no source may have, or that embeds one (v4-mapped, NAT64, 6to4)."""
    for parsed in with_embedded(address.split("%", 1)[0]):
        if (parsed.is_loopback or parsed.is_unspecified) and not settings.stream_allow_loopback:
            raise SourceRefused(
                "Sources on the server itself are not opened by URL (VISIONFLEET_STREAM_ALLOW_LOOPBACK allows it)."
            )
        if _in(parsed, settings.stream_deny_networks):
            raise SourceRefused("The source lies in a network that is never opened (VISIONFLEET_STREAM_DENY_NETWORKS).")
        if settings.stream_allow_networks and not _in(parsed, settings.stream_allow_networks):
            raise SourceRefused("The source lies in no network that is opened (VISIONFLEET_STREAM_ALLOW_NETWORKS).")


def _in(address: Address, networks: Sequence[str]) -> bool:
    known = (ipaddress.ip_network(network) for network in networks)
    return any(address.version == network.version and address in network for network in known)


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

"""Which internet addresses lie on the public internet.

``ipaddress.is_global`` alone is not enough: older Pythons call v4-mapped and multicast addresses global, and addresses
that embed another one (NAT64, 6to4, Teredo) lead to wherever the embedded one does.
"""

from __future__ import annotations

import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Networks that some supported Python version calls global although nothing public lives there. RFC 6890 and successors.
NEVER_GLOBAL = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # CGNAT, RFC 6598
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "198.18.0.0/15",
        "240.0.0.0/4",
        "64:ff9b:1::/48",  # local NAT64, RFC 8215
        "100::/64",
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",  # site-local, RFC 3879
    )
]
NAT64 = ipaddress.ip_network("64:ff9b::/96")
SIX_TO_FOUR = ipaddress.ip_network("2002::/16")
# What inet_aton would read as IPv4: decimal, octal and hexadecimal numbers in one to four parts.
NUMERIC_HOST = re.compile(r"(?:.*\.)?(?:0[xX][0-9a-fA-F]*|[0-9]+)\.?")


def is_global(address: str) -> bool:
    """Whether this address, and any that it embeds, is on the public internet. Not an address: False."""
    try:
        parsed = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    return _is_global(parsed)


def is_address(host: str) -> bool:
    """Whether this host is an address in its usual form."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_disguised(host: str) -> bool:
    """Whether this host is a number that some resolvers read as an IPv4 address, such as ``0x7f.1``."""
    return not is_address(host) and NUMERIC_HOST.fullmatch(host) is not None


def with_embedded(text: str) -> list[Address]:
    """The address and, innermost last, those that it embeds. Raises ValueError when it is none."""
    found: list[Address] = [ipaddress.ip_address(text)]
    while isinstance(found[-1], ipaddress.IPv6Address) and (inner := _embedded(found[-1])) is not None:
        if inner.is_unspecified or int(found[-1]) == 1:  # :: and ::1 are addresses of their own
            break
        found.append(inner)
    return found


def _is_global(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        embedded = _embedded(address)
        if embedded is not None:
            return _is_global(embedded)
    if address.is_multicast or not address.is_global:
        return False
    return not any(address.version == network.version and address in network for network in NEVER_GLOBAL)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in SIX_TO_FOUR:
        return address.sixtofour
    if address in NAT64 or int(address) >> 32 == 0:  # ::a.b.c.d, the old v4-compatible form
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None

"""Callers' network addresses: read from what a server or a proxy says, which may be anything."""

from ipaddress import IPv4Address, IPv6Address, ip_address


def parse_address(text: str | None) -> IPv4Address | IPv6Address | None:
    """Read an address, None when it is none; a socket for both families writes IPv4 as ::ffff:203.0.113.7."""
    try:
        address = ip_address(text or "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

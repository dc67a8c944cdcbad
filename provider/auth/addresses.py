"""Reads the network addresses of callers, and checks web addresses that we call ourselves."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def parse_address(text: str | None) -> IPv4Address | IPv6Address | None:
    """Read a network address; None when the text is not one. ::ffff:203.0.113.7 is read as the IPv4 address in it."""
    try:
        address = ip_address(text or "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_within(text: str | None, networks: Iterable[Network]) -> bool:
    """Return whether a network address is in one of these networks; False for text that is not an address."""
    address = parse_address(text)
    return address is not None and any(address in network for network in networks)


def is_trustworthy(url: str) -> bool:
    """Return whether a web address is safe to send secrets to: https, or plain http within this machine."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return bool(parts.hostname and port != 0) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )

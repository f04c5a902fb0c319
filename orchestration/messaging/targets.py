"""Which hosts a webhook may reach: addresses are looked up once, judged, and the judged one is connected to.

A name that resolves to a private address would let a tenant's setting reach our own network (server-side request
forgery); looking it up again when connecting would let it change in between (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from domain.errors import InputError

NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart; ``host`` is as written, ``port`` explicit."""

    scheme: str
    host: str
    port: int
    path: str


def parse_target(url: str, *, allow_private: bool = False) -> Target:
    """A webhook's URL.

    Raises:
        InputError: not http(s) with a host; with a user in it; http where private targets are not allowed.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(f"webhook: the URL is malformed: {error}") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise InputError("webhook: the URL must be https://host/path")
    if parts.username or parts.password:
        raise InputError("webhook: the URL must not hold a user or password")
    if parts.scheme == "http" and not allow_private:
        raise InputError("webhook: the URL must be https (http only with allow_private, for receivers at home)")
    if any(ord(one) <= 32 or ord(one) == 127 for one in url):
        raise InputError("webhook: the URL must not hold spaces or control characters")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), path)


def is_public(address: str) -> bool:
    """True for an address of the open internet, also when it is wrapped in IPv6 (mapped, 6to4, NAT64, Teredo)."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        inner = (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ()))
        if any(one is not None and not is_public(str(one)) for one in inner):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def resolve(target: Target, *, allow_private: bool = False) -> str:
    """The address to connect to.

    Raises:
        InputError: the name leads to an address that is not public, and private ones are not allowed.
        OSError: the name cannot be looked up.
    """
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    if not allow_private and (inside := [one for one in addresses if not is_public(one)]):
        raise InputError(f"webhook: {target.host} leads to {inside[0]}, which is not a public address")
    return addresses[0]

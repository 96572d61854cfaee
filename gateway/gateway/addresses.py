"""Where a request comes from: the socket's peer, or what our own proxies say of it.

Only the part of `X-Forwarded-For` that the trusted proxies wrote themselves is read; all before it is whatever the
client made up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

# A client that has IPv6 has at least a /64 of it, and could send each request from another address.
CLIENT_PREFIX = 64
# "[", an IPv6 address with a zone, "]" and a port; longer ones would only fill the cache.
LONGEST = 80


def address_of(environ: Mapping[str, Any], trusted_proxies: int) -> str:
    """The client's IP address in its usual form; empty when it has none (a UNIX socket).

    With `trusted_proxies` the entry that the outermost of them added. When a request has fewer entries, or that one is
    no address, it did not come through all of them, and is counted as what the socket says.
    """
    if trusted_proxies:
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(forwarded) >= trusted_proxies:
            address = normal(forwarded[-trusted_proxies].strip()[:LONGEST])
            if address:
                return address
    return normal(environ.get("REMOTE_ADDR", ""))


@lru_cache(maxsize=4096)
def normal(text: str) -> str:
    """The address in its one usual form, without port and zone; empty if it is none."""
    bare = text.partition("%")[0]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


@lru_cache(maxsize=4096)
def client_of(address: str) -> str:
    """What one client's requests are counted under: its IPv4 address, or the /64 of its IPv6 address."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, CLIENT_PREFIX), strict=False))

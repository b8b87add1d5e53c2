"""The client's address, from what trusted proxies say and nothing else."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address


def client_address(
    peer: str | None, forwarded_for: Sequence[str], trusted_proxies: int
) -> str | None:
    """Find the address of the client behind `trusted_proxies` proxies.

    Each proxy appends its own peer to `X-Forwarded-For`. So, from the right, as many entries
    as there are trusted proxies are facts; what stands further left was sent by the client.
    With no trusted proxy the header is not even read. None when the peer has no address
    (a Unix socket).
    """
    hops: list[str | None] = [peer]
    if trusted_proxies:
        facts = ",".join(forwarded_for).rsplit(",", trusted_proxies)[-trusted_proxies:]
        hops = [*facts, peer]
    addresses = (_parse(hop) for hop in hops if hop is not None)
    # An entry that is no address ("unknown") falls back to the next, nearer one.
    return next((str(address) for address in addresses if address is not None), None)


def network(address: str | None) -> str:
    """Group addresses for counting: an IPv6 client owns its whole /64 and may use any part."""
    parsed = None if address is None else _parse(address)
    match parsed:
        case None:
            return "unknown"
        case IPv6Address():
            return str(IPv6Network((int(parsed), 64), strict=False))
        case IPv4Address():
            return str(parsed)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if text.startswith("["):  # [2001:db8::1]:443
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # 192.0.2.1:443
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

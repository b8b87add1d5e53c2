"""The client's IP address behind trusted proxies."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address


def client_address(
    peer: str | None, forwarded_for: Sequence[str], trusted_proxies: int
) -> str | None:
    """Return the address of the client behind `trusted_proxies` proxies.

    Each proxy appends its peer to `X-Forwarded-For`. So the rightmost `trusted_proxies` entries
    are reliable; a client can forge all entries left of them. Without a trusted proxy the header
    is ignored. None when the peer has no address (a Unix socket).
    """
    hops: list[str | None] = [peer]
    if trusted_proxies:
        trusted = ",".join(forwarded_for).rsplit(",", trusted_proxies)[-trusted_proxies:]
        hops = [*trusted, peer]
    addresses = (_parse(hop) for hop in hops if hop is not None)
    # An entry that is not an address ("unknown") is skipped for the next one to the right.
    return next((str(address) for address in addresses if address is not None), None)


def network(address: str | None) -> str:
    """Return the key of a rate limit: an IPv6 client can use every address of its /64."""
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

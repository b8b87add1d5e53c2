import pytest

from app.core.security.client_ip import client_address, network


@pytest.mark.parametrize("header", [[], ["203.0.113.9"], ["203.0.113.9, 198.51.100.1"], ["junk"]])
def test_header_is_ignored_without_trusted_proxies(header: list[str]) -> None:
    assert client_address("192.0.2.1", header, 0) == "192.0.2.1"


@pytest.mark.parametrize(
    ("header", "proxies", "expected"),
    [
        (["203.0.113.9"], 1, "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9"], 1, "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9"], 1, "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9, 10.0.0.2"], 2, "203.0.113.9"),
        (["203.0.113.9"], 2, "203.0.113.9"),
        ([], 1, "192.0.2.1"),
        ([""], 1, "192.0.2.1"),
    ],
)
def test_address_is_the_one_appended_by_the_first_trusted_proxy(
    header: list[str], proxies: int, expected: str
) -> None:
    assert client_address("192.0.2.1", header, proxies) == expected


@pytest.mark.parametrize(
    "entry", ["unknown", "", "é", "\x00", "1.2.3", "1.2.3.4.5", "::::", "[", "]", "a:b", "9" * 9999]
)
def test_malformed_entry_falls_back_to_the_peer(entry: str) -> None:
    assert client_address("192.0.2.1", ["6.6.6.6," + entry], 1) == "192.0.2.1"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        (" 2001:DB8::1 ", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_address_formats_are_normalized(entry: str, expected: str) -> None:
    assert client_address("192.0.2.1", [entry], 1) == expected


def test_unix_socket_has_no_address() -> None:
    assert client_address(None, [], 0) is None
    assert client_address(None, ["203.0.113.9"], 1) == "203.0.113.9"
    assert client_address("testclient", [], 0) is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        (None, "unknown"),
        ("junk", "unknown"),
    ],
)
def test_network_of_ipv6_is_its_64_bit_prefix(address: str | None, expected: str) -> None:
    assert network(address) == expected

import pytest

from app.core.security.client_ip import client_address, network


@pytest.mark.parametrize("header", [[], ["203.0.113.9"], ["203.0.113.9, 198.51.100.1"], ["junk"]])
def test_without_trusted_proxies_the_header_is_ignored(header: list[str]) -> None:
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
def test_only_what_trusted_proxies_appended_counts(
    header: list[str], proxies: int, expected: str
) -> None:
    assert client_address("192.0.2.1", header, proxies) == expected


@pytest.mark.parametrize(
    "entry", ["unknown", "", "é", "\x00", "1.2.3", "1.2.3.4.5", "::::", "[", "]", "a:b", "9" * 9999]
)
def test_junk_from_a_proxy_falls_back_to_the_peer(entry: str) -> None:
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
def test_spellings_of_an_address(entry: str, expected: str) -> None:
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
def test_network_groups_what_one_client_owns(address: str | None, expected: str) -> None:
    assert network(address) == expected

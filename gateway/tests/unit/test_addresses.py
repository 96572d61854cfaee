"""Where a request comes from: the socket, or what trusted proxies say, never what a client makes up."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.addresses import address_of, client_of

SOCKET = "192.0.2.1"


def seen(forwarded: str | None, proxies: int) -> str:
    environ = {"REMOTE_ADDR": SOCKET}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    return address_of(environ, proxies)


@given(st.text())
def test_without_trusted_proxies_the_header_is_ignored(forwarded: str) -> None:
    assert seen(forwarded, 0) == SOCKET


@given(st.lists(st.text(st.characters(exclude_characters=","))), st.ip_addresses(v=4))
def test_what_a_client_writes_in_front_changes_nothing(made_up: list[str], real: object) -> None:
    assert seen(",".join([*made_up, str(real)]), 1) == str(real)


def test_proxies_are_counted_from_the_right() -> None:
    assert seen("203.0.113.9, 198.51.100.7, 10.0.0.2", 2) == "198.51.100.7"


@pytest.mark.parametrize("forwarded", [None, "", "unknown", "198.51.100.7, nonsense", "_hidden"])
def test_a_header_that_no_trusted_proxy_wrote_counts_as_the_socket(forwarded: str | None) -> None:
    assert seen(forwarded, 1) == SOCKET


def test_a_request_that_went_round_a_proxy_counts_as_the_socket() -> None:
    assert seen("198.51.100.7", 2) == SOCKET


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
    ],
)
def test_an_address_has_one_form(written: str, address: str) -> None:
    assert seen(written, 1) == address


def test_a_unix_socket_has_no_address() -> None:
    assert address_of({"REMOTE_ADDR": ""}, 0) == ""


@given(st.ip_addresses(v=6))
def test_an_ipv6_client_is_its_network(address: ipaddress.IPv6Address) -> None:
    network = ipaddress.ip_network(client_of(str(address)))
    assert network.prefixlen == 64
    assert address in network


def test_an_ipv4_client_is_its_address() -> None:
    assert client_of(SOCKET) == SOCKET

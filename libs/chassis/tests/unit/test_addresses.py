"""Servers that are several, written as one address."""

import pytest
from environs import Env

from chassis.addresses import Nodes, address_setting, broker_url, nodes_of
from chassis.broker_users import BrokerUser
from chassis.config import libpq_url, sqlalchemy_url


def test_every_node_is_an_address_of_its_own_with_the_same_login():
    assert set(nodes_of("amqp://u:p%2F@h1:5673,[::1]:5674,h3/place")) == {
        "amqp://u:p%2F@h1:5673/place",
        "amqp://u:p%2F@[::1]:5674/place",
        "amqp://u:p%2F@h3/place",
    }


@pytest.mark.parametrize("url", ["amqp://u:p@h:5672//", "amqps://h", "memory://"])
def test_an_address_of_one_server_stays_as_it_is(url):
    assert list(nodes_of(url)) == [url]


def test_all_connections_of_a_process_share_what_is_known_of_the_nodes():
    url = "amqp://u:p@shared1,shared2,shared3//"
    first, *others = nodes_of(url)
    nodes_of(url).is_down(first)
    assert list(nodes_of(url)) == [*others, first]


def test_processes_do_not_all_begin_at_the_same_node():
    assert len({next(iter(Nodes(["a", "b", "c"]))) for _ in range(100)}) == 3


def test_the_broker_user_is_the_same_on_each_node():
    user = BrokerUser.of("amqp://toy:word@h1:1,h2:2/place")
    assert (user.name, user.password, user.virtual_host) == ("toy", "word", "place")


@pytest.mark.parametrize(
    "url", ["amqp://u:secret@h1//;amqp://u:secret@h2//", "amqp://u:secret@h1:x,h2//"]
)
def test_an_address_that_makes_no_sense_is_named_without_its_password(monkeypatch, url):
    monkeypatch.setenv("AMQP_URL", url)
    with pytest.raises(ValueError, match=r"^AMQP_URL: ") as raised:
        address_setting(Env(), "AMQP_URL", broker_url)
    assert "secret" not in str(raised.value)


def test_several_database_servers_are_written_as_sqlalchemy_and_libpq_both_have_it():
    url = sqlalchemy_url("postgresql://u:p@h1:5433,h2/db?connect_timeout=3")
    asked = "?host=h1,h2&port=5433,5432&connect_timeout=3&target_session_attrs=read-write"
    assert url == f"postgresql+psycopg2://u:p@/db{asked}"
    assert libpq_url(url) == f"postgresql://u:p@/db{asked}"
    assert sqlalchemy_url(libpq_url(url)) == url


def test_one_database_server_stays_as_it_is():
    assert sqlalchemy_url("postgresql://u:p@h/db") == "postgresql+psycopg2://u:p@h/db"


def test_of_several_database_servers_only_the_one_that_takes_writes_will_do():
    with pytest.raises(ValueError, match="read-write"):
        sqlalchemy_url("postgresql://u:p@h1,h2/db?target_session_attrs=prefer-standby")

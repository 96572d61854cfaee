"""Servers that are several, written as one address."""

from urllib.parse import urlsplit

import psycopg2.extensions
import pytest
from environs import Env
from hypothesis import example, given
from hypothesis import strategies as st
from kombu import Connection
from sqlalchemy.engine import make_url

from chassis import commands
from chassis.addresses import (
    Host,
    MalformedAddress,
    Nodes,
    ServerUrl,
    address_setting,
    broker_url,
    nodes_of,
)
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
    "url",
    [
        "amqp://u:secret@h1//;amqp://u:secret@h2//",
        "amqp://u:secret@h1:x,h2//",
        "amqp://u:secret@h:65536//",
        "amqp://u:secret@::1//",
        "amqp://u:secret@[::1//",
        "amqp://u:secret@h1,//",
        "amqp://u:secret@a b//",
        "u:secret@h1",
        "amqp:u:secret@h1",
        "",
    ],
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


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}(\.[a-z0-9]{1,3})?", fullmatch=True)
IP_ADDRESSES = st.ip_addresses().map(str)
HOSTS = st.builds(Host, NAMES | IP_ADDRESSES, st.none() | st.integers(0, 65535))
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
RESTS = st.from_regex(r"(/[a-z%/]{0,6})?(\?[a-z]{1,3}=[a-z:/@,\[\]]{0,5})?", fullmatch=True)


@given(user=WORDS, password=WORDS, hosts=st.lists(HOSTS, min_size=1, max_size=4), rest=RESTS)
@example("u", "p", [Host("h1", 5673), Host("::1", 5674)], "/v")
def test_what_is_written_is_read_again_whatever_the_login_and_the_hosts(
    user, password, hosts, rest
):
    url = ServerUrl("amqp", None, tuple(hosts), rest).with_login(user, password)
    read = ServerUrl.read(f" {url}\n")
    assert read == url
    assert (read.user, read.password, list(read.hosts)) == (user, password, hosts)
    assert {node.partition("@")[2] for node in nodes_of(str(url))} == {
        f"{host}{rest}" for host in hosts
    }


def read_or_refused(text):
    """The address, or why it is none."""
    try:
        return ServerUrl.read(text)
    except ValueError as error:
        return str(error)


@given(hosts=st.text() | st.text(alphabet="ab:/@,[]?#%1.\n ", max_size=30))
def test_any_text_is_an_address_or_refused_without_repeating_it(hosts):
    found = read_or_refused(f"amqp://u:tell-nobody@{hosts}")
    if isinstance(found, str):
        assert "tell-nobody" not in found
    else:
        assert ServerUrl.read(str(found)) == found


@given(host=HOSTS, user=NAMES, password=NAMES, rest=RESTS)
def test_one_server_is_read_as_the_standard_library_reads_it(host, user, password, rest):
    text = f"amqp://{user}:{password}@{host}{rest}"
    ours, theirs = ServerUrl.read(text), urlsplit(text)
    assert (ours.user, ours.password) == (theirs.username, theirs.password)
    assert (ours.hosts[0].name, ours.hosts[0].port) == (theirs.hostname, theirs.port)
    assert (ours.path, ours.query) == (theirs.path, theirs.query)


@given(password=WORDS)
@example("[]#%/:@")
def test_each_node_is_an_address_that_kombu_reads(password):
    url = ServerUrl.read("amqp://u@h1,[::1]:5673/place").with_login("u", password)
    for node in nodes_of(str(url)):
        connection = Connection(node)
        assert connection.password == password
        assert (connection.hostname, connection.port) in {("h1", None), ("::1", 5673)}


@pytest.mark.parametrize("password", ["p[w", "p]w", "p#w", "p@w", "p@w@h", "50%off", "%zz", "%"])
def test_every_library_reads_one_password_where_it_is_written_as_it_is(password):
    (node,) = nodes_of(f"amqp://u:{password}@h:5672//")
    assert Connection(node).password == password
    assert ServerUrl.read(node).password == password
    url = sqlalchemy_url(f"postgresql://u:{password}@h:5432/db")
    assert make_url(url).password == password
    assert psycopg2.extensions.parse_dsn(libpq_url(url)) == {
        "user": "u", "password": password, "host": "h", "port": "5432", "dbname": "db"
    }  # fmt: skip


def test_a_sockets_folder_is_the_same_to_sqlalchemy_and_libpq():
    url = sqlalchemy_url("postgresql://u:p@%2Fvar%2Frun/db")
    assert make_url(url).query["host"] == "/var/run"
    assert psycopg2.extensions.parse_dsn(libpq_url(url))["host"] == "/var/run"


@pytest.mark.parametrize("url", ["postgresql://u:p@h/db", "http://h", "redis://h"])
def test_another_kind_of_server_is_no_broker(url):
    with pytest.raises(MalformedAddress, match="amqp://"):
        broker_url(url)


@pytest.mark.parametrize("text", ["host=h user=u password=secret", "mysql://u:secret@h/db", "h"])
def test_what_is_no_address_of_a_database_is_refused(text):
    with pytest.raises(MalformedAddress) as raised:
        sqlalchemy_url(text)
    assert "secret" not in str(raised.value)


def test_a_command_names_the_setting_that_makes_no_sense(monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:sec/ret@h/db")
    assert commands.dispatch(["outbox", "status"], "") == 2
    said = capsys.readouterr().err
    assert "DATABASE_URL: each host must look like" in said
    assert "sec" not in said


def test_an_address_shows_no_password_where_it_is_represented():
    assert "secret" not in repr(ServerUrl.read("amqp://u:secret@h1,h2/place"))


def test_another_database_has_the_same_login_hosts_and_parameters():
    url = ServerUrl.read("postgresql://u:p@h1:1,[::1]:2/postgres?target_session_attrs=primary")
    assert str(url.with_login("a@b", "/").with_path("/booking")) == (
        "postgresql://a%40b:%2F@h1:1,[::1]:2/booking?target_session_attrs=primary"
    )

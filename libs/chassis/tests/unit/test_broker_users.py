"""Which names a service's broker user gets at; that the broker keeps to it is for the interface tests."""

import base64
import hashlib
import http.server
import json
import re
import threading

import pytest
from toy_service.events import CONTRACT

from chassis import broker_users, commands, topology
from chassis.addresses import ServerUrl
from chassis.broker_users import BrokerUser, permissions_of
from chassis.events import Contract

OTHER = Contract("other", calls=("toy",))
EAR = Contract("ear", hears=("toy",))
ID = "0123456789abcdef" * 2


def names(contract, kind):
    pattern = re.compile(getattr(permissions_of(contract), kind))
    return lambda *candidates: [name for name in candidates if pattern.search(name)]


def test_nothing_that_is_declared_for_a_service_can_be_declared_or_deleted_by_it():
    declared = [entity.name for entity in topology.entities(CONTRACT)]
    assert names(CONTRACT, "configure")(*declared, "amq.default", "", f"rpc.reply-other-{ID}") == []
    assert names(CONTRACT, "configure")(f"rpc.reply-toy-{ID}")


def test_a_service_reads_its_own_queues_alone():
    own = ["rpc-toy", "toy.on_other_thing_done", f"rpc.reply-toy-{ID}"]
    foreign = ["rpc-other", "other.on_toy_thing_made", f"rpc.reply-other-{ID}", "other.events"]
    hidden = ["toy.dead-letters", "toy.retry-in.1s", "rpc-toys", "xrpc-toy", "toyXon_other_thing"]
    assert names(CONTRACT, "read")(*own, *foreign, *hidden) == own


def test_a_service_writes_where_it_must_and_nowhere_else():
    own = ["nameko-rpc", "toy.events", "toy.retry-in.5s", "toy.dead-letters", f"rpc.reply-toy-{ID}"]
    foreign = ["other.events", "other.retry-in.5s", "other.dead-letters", "rpc-toy", "toy.retried"]
    assert names(CONTRACT, "write")(*own, *foreign, "amq.default", "amq.topic", "") == own


def test_calls_go_to_whom_the_contract_names():
    assert names(OTHER, "topics_written")("toy.make_thing", "third.do", "#", "toy.#", ID) == [
        "toy.make_thing",
        ID,
    ]
    assert names(CONTRACT, "topics_written")("toy.make_thing", "other.do") == []


def test_nobody_listens_to_others_requests_or_guesses_replies():
    assert names(OTHER, "topics_read")("#", "*", "toy.*", "*.*", "toy.make_thing", "", ID) == [ID]


def test_who_hears_has_short_lived_queues_of_its_own():
    hears = names(EAR, "read")
    assert hears("toy.events", "other.events", "ear.limits", "amq.gen-x", "rpc-toy") == [
        "toy.events",
        "ear.limits",
        "amq.gen-x",
    ]
    assert names(EAR, "configure")("ear.limits", "toy.events", "rpc-toy") == ["ear.limits"]


def test_the_address_names_the_user():
    assert BrokerUser.of("amqp://a%40b:p%2Fw@h:5672//") == BrokerUser("a@b", "p/w", "/")
    assert BrokerUser.of("amqp://a:secret@h/place").virtual_host == "place"
    assert "secret" not in repr(BrokerUser.of("amqp://a:secret@h/place"))


def test_the_password_is_stored_as_the_broker_hashes_it():
    (stored,) = broker_users.definitions([(BrokerUser("a", "pw", "/"), OTHER)])["users"]
    raw = base64.b64decode(stored["password_hash"])
    assert raw[4:] == hashlib.sha256(raw[:4] + b"pw").digest()
    assert stored["tags"] == ""


def test_the_command_prints_what_rabbitmqctl_imports(monkeypatch, capsys):
    monkeypatch.setenv("AMQP_URL", "amqp://toy-user:secret@h/place")
    assert commands.dispatch(["broker-user", "toy_service"], "") == 0
    printed = capsys.readouterr().out
    found = json.loads(printed)
    assert {each["user"] for each in found["permissions"]} == {"toy-user"}
    assert "secret" not in printed
    assert commands.dispatch(["broker-user"], "") == 2


class Management(http.server.BaseHTTPRequestHandler):
    """Takes definitions as RabbitMQ's management plugin does."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, self.headers["Authorization"], json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_arguments):
        """Quietly."""


@pytest.fixture
def management():
    server = http.server.HTTPServer(("127.0.0.1", 0), Management)
    server.taken, server.status = [], 204
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_management_plugin_is_given_the_definitions(management):
    wanted = broker_users.definitions([(BrokerUser("a", "pw", "/"), OTHER)])
    url = ServerUrl.read(f"http://root:p%2Fw@127.0.0.1:{management.server_port}/")
    broker_users.admit(url, wanted)
    login = base64.b64encode(b"root:p/w").decode()
    assert management.taken == [("/api/definitions", f"Basic {login}", wanted)]


def test_an_account_that_may_not_administer_is_an_error(management):
    management.status = 401
    with pytest.raises(OSError, match="401"):
        broker_users.admit(ServerUrl.read(f"http://a:b@127.0.0.1:{management.server_port}"), {})

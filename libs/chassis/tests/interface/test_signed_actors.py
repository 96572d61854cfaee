"""Who may speak for whom, over the real broker: what a service does with an actor that reaches it."""

import base64
import json
import time
import uuid

import jwt
import pytest

from chassis import context
from chassis.context import CallContext
from chassis.errors import Unavailable
from chassis.rpc.client import RpcClient
from chassis.signing import BAD_ACTOR, LEEWAY_SECONDS, ActorSigner, SigningKey
from chassis.testing import FakeNeighbour, actor, keys, wait_until
from chassis.testing.servers import amqp_url

PERSON = actor("student")


class Header:
    """Puts any text where a signer puts a token."""

    def __init__(self, text):
        self.text = text

    def sign(self, _actor):
        return self.text


def said_to(signer, service="toy", method="say_who"):
    client = RpcClient(amqp_url(), name="forger", signer=signer)
    try:
        with context.bound(CallContext(deadline=time.time() + 5, actor=PERSON)):
            return client.call(service, method)
    finally:
        client.close()


def trusted_key():
    return keys.signer()._key


def token(key=None, **changes):
    key, now = key or trusted_key(), int(time.time())
    claims = {
        "iss": key.issuer,
        "sub": str(PERSON.user_id),
        "org": str(PERSON.organization_id),
        "roles": ["owner"],
        "iat": now,
        "exp": now + 60,
    }
    return jwt.encode({**claims, **changes}, key.key, "EdDSA", headers={"kid": key.id})


def without_signature():
    _, claims, _ = token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    return f"{head}.{claims}."


def tampered():
    head, _, signature = token().split(".")
    _, claims, _ = token(org=str(uuid.uuid4())).split(".")
    return f"{head}.{claims}.{signature}"


def stranger():
    return token(SigningKey.generate("gateway"))


def under_a_trusted_id():
    return token(SigningKey(trusted_key().id, "gateway", SigningKey.generate("x").key))


def expired():
    return token(exp=int(time.time()) - 60)


def as_it_was_before():
    person = {"user_id": str(PERSON.user_id), "organization_id": str(PERSON.organization_id)}
    return json.dumps({**person, "roles": ["owner"]})


FORGERIES = {
    "no signature": without_signature,
    "tampered": tampered,
    "unknown key": stranger,
    "another key under a trusted id": under_a_trusted_id,
    "another issuer": lambda: token(iss="import"),
    "expired": expired,
    "plain JSON": as_it_was_before,
    "empty": lambda: "",
    "no text": lambda: 5,
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_actor_is_refused_before_the_method_runs(toy, forgery):
    with pytest.raises(Unavailable, match=r"access\.bad_actor"):
        said_to(Header(FORGERIES[forgery]()))


def test_a_signed_actor_is_believed(toy):
    assert said_to(Header(token()))["roles"] == ["owner"]


def test_a_recorded_token_is_worth_nothing_after_its_time(toy):
    recorded = Header(token(exp=int(time.time()) - LEEWAY_SECONDS + 3))
    assert said_to(recorded)["roles"] == ["owner"]
    wait_until(lambda: is_refused(recorded), 10, every=0.1)


def is_refused(signer):
    try:
        said_to(signer)
    except Unavailable as error:
        return error.code == BAD_ACTOR
    return False


def test_a_service_hands_on_the_token_it_was_given(toy):
    seen = []

    def note(_arguments, call):
        seen.append(call.actor_token)
        return "told"

    with FakeNeighbour("other", {"tell": note}):
        sent = token()
        assert said_to(Header(sent), method="ask_other") == "told"
    assert [text for _, text in seen] == [sent]


@pytest.fixture
def restarted(toy):
    """Restarts toy with other settings; toy is as it was in the end."""
    before = dict(toy.settings)

    def restart(**settings):
        toy.stop()
        toy.settings = {**before, **settings}
        toy.start()

    yield restart
    restart()


def test_keys_are_exchanged_while_everything_runs(restarted):
    old, new = SigningKey.generate("gateway"), SigningKey.generate("gateway")
    restarted(ACTOR_VERIFYING_KEYS=str(old.public))
    assert said_to(ActorSigner(old))
    assert is_refused(ActorSigner(new))
    restarted(ACTOR_VERIFYING_KEYS=f"{old.public},{new.public}")
    assert said_to(ActorSigner(old))
    assert said_to(ActorSigner(new))
    restarted(ACTOR_VERIFYING_KEYS=str(new.public))
    assert said_to(ActorSigner(new))
    assert is_refused(ActorSigner(old))


def test_a_service_that_could_believe_nobody_does_not_start(restarted):
    with pytest.raises(AssertionError, match="ACTOR_VERIFYING_KEYS: there must be a key"):
        restarted(ACTOR_VERIFYING_KEYS="")

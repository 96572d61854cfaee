import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context
from chassis.context import Actor, CallContext, Operation
from chassis.errors import Forbidden, Unavailable
from chassis.signing import ActorSigner, ActorVerifier, SigningKey

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
KEY = SigningKey.generate("gateway")
SIGNER, VERIFIER = ActorSigner(KEY), ActorVerifier([KEY.public])

ACTORS = st.none() | st.builds(
    Actor, user_id=st.uuids(), organization_id=st.uuids(), roles=st.frozensets(TEXTS, max_size=5)
)


@given(ACTORS, st.uuids() | st.none())
def test_a_call_arrives_as_it_left(actor, operation_id):
    call = CallContext(deadline=2_000_000_000.25, actor=actor, address="2001:db8::1")
    headers = context.to_headers(call, operation_id, SIGNER.sign)
    assert all(isinstance(value, str | int) for value in headers.values())
    arrived = context.from_headers(
        headers, default_seconds=1, verify=VERIFIER.verify, fingerprint_of=lambda: "f"
    )
    assert context.to_headers(arrived, operation_id, None) == headers
    assert (arrived.deadline, arrived.actor) == (call.deadline, actor)
    assert arrived.address == "2001:db8::1"
    assert (arrived.request_id, arrived.traceparent) == (call.request_id, call.traceparent)
    assert arrived.operation == (Operation(operation_id, "f") if operation_id else None)


@pytest.mark.parametrize(
    "headers",
    [
        {"nameko.deadline": "soon"},
        {"nameko.operation_id": "x"},
        {"nameko.operation_id": 5},
    ],
)
def test_headers_that_make_no_sense_are_a_value_or_type_error(headers):
    with pytest.raises((ValueError, TypeError)):
        context.from_headers(headers, default_seconds=1, verify=VERIFIER.verify, fingerprint_of=str)


def test_a_call_without_headers_gets_a_deadline_and_ids_of_its_own():
    arrived = context.from_headers({}, default_seconds=3, verify=VERIFIER.verify)
    assert 2.5 < arrived.seconds_left() <= 3
    assert arrived.request_id
    assert arrived.actor is None


def test_past_the_deadline_there_is_no_time_left():
    with pytest.raises(Unavailable, match=r"deadline\.exceeded"):
        CallContext(deadline=time.time() - 1).seconds_left()


def test_without_a_signed_in_person_there_is_no_actor():
    with context.bound(CallContext(deadline=0)), pytest.raises(Forbidden):
        context.current_actor()


def test_a_mutation_that_nobody_named_cannot_be_repeated_but_stays_one():
    with context.bound(CallContext(deadline=0)):
        first = context.current_operation()
        assert context.current_operation() is first


def test_work_for_nobody_keeps_the_ids_of_what_caused_it():
    cause = CallContext(deadline=0, address="192.0.2.1", caused_by=uuid.uuid4())
    with context.bound(cause) as parent:
        with context.acting_as(None, seconds=5) as call:
            assert call.request_id == parent.request_id
            assert (call.address, call.actor_id) == (parent.address, parent.caused_by)
            assert call.seconds_left() > 4
        assert context.current() is parent
    assert context.current_or_none() is None


@given(st.dictionaries(st.text(), st.integers(0, 9) | st.text()))
def test_a_fingerprint_does_not_depend_on_the_order_of_arguments(arguments):
    turned = dict(reversed(arguments.items()))
    assert context.fingerprint("m", arguments) == context.fingerprint("m", turned)
    assert context.fingerprint("m", arguments) != context.fingerprint("n", arguments)
    more = {**arguments, "one more": str(uuid.uuid4())}
    assert context.fingerprint("m", arguments) != context.fingerprint("m", more)


def test_a_process_without_a_key_can_vouch_for_nobody():
    call = CallContext(deadline=0, actor=Actor(uuid.uuid4(), uuid.uuid4(), frozenset()))
    with pytest.raises(LookupError, match="ACTOR_SIGNING_KEY"):
        context.to_headers(call, None, None)


def test_a_token_is_not_handed_on_for_somebody_else():
    me, other = (Actor(uuid.uuid4(), uuid.uuid4(), frozenset()) for _ in range(2))
    call = CallContext(deadline=0, actor=other, actor_token=(me, SIGNER.sign(me)))
    assert context.to_headers(call, None, SIGNER.sign)["nameko.actor"] == SIGNER.sign(other)

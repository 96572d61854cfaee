import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_service.events import CONTRACT

from chassis.events import Event, UnreadableEvent, decode

NAMES = st.from_regex(r"[a-z][a-z_]{0,20}", fullmatch=True)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**63), 2**63 - 1)
DATA = st.dictionaries(TEXTS, st.none() | st.booleans() | NUMBERS | TEXTS | st.lists(TEXTS))
EVENTS = st.builds(
    Event,
    id=st.uuids(),
    source=NAMES,
    name=NAMES,
    time=st.datetimes(timezones=st.just(UTC)),
    subject=TEXTS,
    organization_id=st.uuids(),
    data=DATA,
    traceparent=TEXTS,
    actor_id=st.none() | st.uuids(),
    address=TEXTS,
)


@given(EVENTS)
def test_an_event_comes_back_as_it_was(event):
    assert decode(event.encode()) == event


@given(EVENTS)
def test_fields_of_tomorrow_are_passed_over(event):
    envelope = {**json.loads(event.encode()), "tomorrow": {"x": 1}}
    assert decode(json.dumps(envelope)) == event


@given(EVENTS)
def test_the_envelope_is_a_cloudevent(event):
    envelope = json.loads(event.encode())
    assert envelope["specversion"] == "1.0"
    assert envelope["type"] == f"tandem.{event.source}.{event.name}.v1"
    assert envelope["source"] == f"tandem/{event.source}"
    assert envelope["datacontenttype"] == "application/json"


@given(EVENTS, st.data())
def test_an_envelope_that_lacks_something_is_unreadable(event, data):
    envelope = json.loads(event.encode())
    for optional in ("traceparent", "actorid", "actoraddress"):
        envelope.pop(optional, None)
    envelope.pop("source")
    envelope.pop("datacontenttype")
    del envelope[data.draw(st.sampled_from(sorted(envelope)))]
    with pytest.raises(UnreadableEvent):
        decode(json.dumps(envelope))


@given(st.binary() | st.text())
def test_noise_is_unreadable(noise):
    with pytest.raises(UnreadableEvent):
        decode(noise)


@pytest.mark.parametrize(
    "change",
    [
        {"id": 5}, {"id": "x"}, {"type": "tandem.toy.thing_made.v2"}, {"type": "x"}, {"type": None}, {"time": "x"},
        {"time": 5}, {"specversion": "2.0"}, {"organizationid": None}, {"data": "text"}, {"data": None}, {"subject": 5},
        {"actorid": "x"}, {"actorid": 5},
    ],
)  # fmt: skip
def test_an_envelope_of_another_shape_is_unreadable(change):
    envelope = {
        "specversion": "1.0",
        "id": "00000000-0000-4000-8000-000000000000",
        "type": "tandem.toy.thing_made.v1",
        "time": "2030-01-31T15:00:00+00:00",
        "subject": "one",
        "organizationid": "00000000-0000-4000-8000-000000000000",
        "data": {},
    }
    assert decode(json.dumps(envelope))
    with pytest.raises(UnreadableEvent):
        decode(json.dumps({**envelope, **change}))


def test_what_must_be_routed_is_what_somebody_must_have():
    assert CONTRACT.required == {"thing_made", "thing_lost"}

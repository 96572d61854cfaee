import pytest

from chassis.errors import Invalid
from chassis.rpc import wire

TOO_MUCH = "x" * wire.MOST_BYTES


def test_a_request_that_no_message_holds_is_the_callers_mistake():
    with pytest.raises(Invalid, match=r"request\.too_large"):
        wire.encode_request({"text": TOO_MUCH})


def test_a_reply_that_no_message_holds_is_an_error_instead_of_a_closed_channel():
    with pytest.raises(TypeError):
        wire.encode_result(TOO_MUCH)


def test_what_just_fits_goes_both_ways():
    text = "x" * (wire.MOST_BYTES - 100)
    assert wire.decode_request(wire.encode_request({"text": text})) == {"text": text}
    assert wire.decode_reply(wire.encode_result(text)) == (text, False)

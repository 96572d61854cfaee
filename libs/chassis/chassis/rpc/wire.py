"""Nameko 2's RPC messages, written and read.

Request: exchange `nameko-rpc`, routing key `<service>.<method>`, body `{"args": [], "kwargs": {...}}`, `reply_to`,
`correlation_id`. Reply: the same exchange, routing key = `reply_to`, body `{"result": ..., "error": ...}`. We add
`problem` to the error, in the form of `ServiceError.to_wire`, and `replayed`; plain Nameko peers ignore both.
"""

from __future__ import annotations

from typing import Any

import orjson
from nameko.exceptions import serialize

from chassis.errors import Invalid, ServiceError, Unavailable, from_wire

CONTENT_TYPE = "application/json"
# RabbitMQ closes the channel, and with it the calls of everybody on it, at 16 MiB (from 4.0 on; 128 MiB before).
MOST_BYTES = 15 * 1024 * 1024
EXCHANGE = "nameko-rpc"


class UnreadableRequest(ValueError):
    """The message is no RPC request."""


def encode_request(kwargs: dict[str, Any]) -> bytes:
    """The request's body; Invalid for what JSON can't carry (integers over 64 bits, lone surrogates) or no message."""
    try:
        body = orjson.dumps({"args": [], "kwargs": kwargs})
    except orjson.JSONEncodeError as error:
        raise Invalid("request.invalid", f"Not plain JSON: {error}.") from error
    if len(body) > MOST_BYTES:
        raise Invalid("request.too_large", "Too large for one message.")
    return body


def decode_request(body: bytes | str) -> dict[str, Any]:
    """The request's keyword arguments; Invalid for positional ones, UnreadableRequest for anything else."""
    try:
        payload = orjson.loads(body)
        args, kwargs = payload["args"], payload["kwargs"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UnreadableRequest("not a Nameko RPC request") from error
    if not isinstance(kwargs, dict):
        raise UnreadableRequest("kwargs is no object")
    if args:
        raise Invalid("request.invalid", "Arguments must be given by keyword.")
    return kwargs


def encode_result(result: Any, *, replayed: bool = False) -> bytes:
    """The reply's body for a result; TypeError for one that is no plain JSON, or too large for a message."""
    payload = {"result": result, "error": None}
    if replayed:
        payload["replayed"] = True
    body = orjson.dumps(payload)
    if len(body) > MOST_BYTES:
        raise TypeError(f"a reply of {len(body)} bytes is too large for a message")
    return body


def encode_error(error: BaseException) -> bytes:
    """The reply's body for an error; one that is not ours says nothing of its insides."""
    known = error if isinstance(error, ServiceError) else internal_error()
    described = serialize(known)
    described["problem"] = known.to_wire()
    return orjson.dumps({"result": None, "error": described})


def internal_error() -> Unavailable:
    """What a caller learns of a bug."""
    return Unavailable("internal", "Something went wrong on our side.")


def decode_reply(body: bytes | str) -> tuple[Any, bool]:
    """The result and whether it is a replay; raises the error that the reply carries."""
    payload = orjson.loads(body)
    error = payload.get("error")
    if error is None:
        return payload["result"], bool(payload.get("replayed"))
    problem = error.get("problem")
    raise from_wire(problem) if problem else internal_error()

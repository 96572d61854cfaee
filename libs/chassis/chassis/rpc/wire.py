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
EXCHANGE = "nameko-rpc"


class UnreadableRequest(ValueError):
    """The message is no RPC request."""


def encode_request(kwargs: dict[str, Any]) -> bytes:
    """The request's body; Invalid for what JSON can't carry (integers over 64 bits, lone surrogates)."""
    try:
        return orjson.dumps({"args": [], "kwargs": kwargs})
    except orjson.JSONEncodeError as error:
        raise Invalid("request.invalid", f"Not plain JSON: {error}.") from error


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
    """The reply's body for a result, which must be plain JSON."""
    payload = {"result": result, "error": None}
    if replayed:
        payload["replayed"] = True
    return orjson.dumps(payload)


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

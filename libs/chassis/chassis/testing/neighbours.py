"""A stand-in for another service that answers its RPC queue on the real broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from amqp import Message
from kombu import Consumer

from chassis import context, topology
from chassis.connections import opened
from chassis.context import CallContext
from chassis.errors import NotFound
from chassis.rpc import wire
from chassis.testing import keys
from chassis.testing.servers import amqp_url

Handler = Callable[[dict[str, Any], CallContext], Any]


class FakeNeighbour:
    """Answers `<service>.<method>` with `handlers[method](kwargs, context)`, from a few threads.

    Handlers may raise ServiceErrors, may set `context.replayed`, and may be replaced while it runs. `calls` lists
    (method, kwargs).
    """

    def __init__(self, service: str, handlers: Mapping[str, Handler], *, threads: int = 8) -> None:
        self.service = service
        self.handlers = dict(handlers)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._pool = ThreadPoolExecutor(threads)
        self._publish_lock = threading.Lock()
        self._ready = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise AssertionError("the fake neighbour did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._thread.join(timeout=5)
        self._pool.shutdown(wait=True)

    def _serve(self) -> None:
        with opened(amqp_url()) as connection, opened(amqp_url()) as replies:
            channel = connection.channel()
            self._replies = replies.channel()
            queue = topology.rpc_queue(self.service)(channel)
            queue.declare()
            queue.purge()
            with Consumer(channel, [queue], on_message=self._on_message, no_ack=True):
                self._ready.set()
                while not self._stopping:
                    try:
                        connection.drain_events(timeout=0.2)
                    except TimeoutError:
                        continue

    def _on_message(self, message: Any) -> None:
        self._pool.submit(self._answer, message)

    def _answer(self, message: Any) -> None:
        try:
            body = self._handle(message)
        except BaseException as error:  # noqa: BLE001 - a caller must get every error
            body = wire.encode_error(error)
        reply = Message(body, correlation_id=message.properties["correlation_id"])
        with self._publish_lock:
            self._replies.basic_publish(reply, wire.EXCHANGE, message.properties["reply_to"])

    def _handle(self, message: Any) -> bytes:
        method = message.delivery_info["routing_key"].rpartition(".")[2]
        kwargs = wire.decode_request(message.body)
        self.calls.append((method, kwargs))
        handler = self.handlers.get(method)
        if handler is None:
            raise NotFound("rpc.unknown_method", f"The fake has no {method}.")
        call = context.from_headers(
            message.headers,
            default_seconds=5,
            verify=keys.verifier().verify,
            fingerprint_of=lambda: context.fingerprint(method, kwargs),
        )
        call.deadline = max(call.deadline, time.time() + 0.1)
        result = handler(kwargs, call)
        return wire.encode_result(result, replayed=call.replayed)

"""The `rpc` entrypoint: Nameko's, with what it does weakly replaced.

- A request past its deadline is dropped: its caller is gone.
- An actor that no trusted issuer signed is refused before anything else is looked at.
- A message that can't be read is set aside in the dead letters instead of killing the service.
- Replies are transient, unconfirmed, and share a packet with the request's acknowledgement.
- So many calls are at work at once; one that waits for costly work steps aside (`places`).
- Arguments travel by keyword; the call context is bound around the method; two transactions that met are run again.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import structlog
from amqp import Message
from nameko.exceptions import ContainerBeingKilled
from nameko.extensions import SharedExtension
from nameko.rpc import Rpc as NamekoRpc
from nameko.rpc import RpcConsumer

from chassis import context, metrics
from chassis.bus import RpcBusConsumer
from chassis.contention import run_again_on_contention
from chassis.direct import DirectPublisher
from chassis.errors import NotFound, ServiceError
from chassis.rpc import wire
from chassis.rpc.places import Place, Places
from chassis.topology import REASON_HEADER, dead_letter_exchange

log = structlog.get_logger()
Method = TypeVar("Method", bound=Callable[..., Any])


class SetAside(SharedExtension):
    """Keeps messages that are no requests for an operator."""

    def setup(self) -> None:
        """Called by Nameko."""
        self._publisher = DirectPublisher(self.container.config["AMQP_URI"])

    def keep(self, message: Any, service: str, reason: str) -> None:
        """Puts a copy into the service's dead letters."""
        kept = Message(message.body, application_headers={REASON_HEADER: reason})
        self._publisher.publish(kept, dead_letter_exchange(service).name, "rpc-" + service)

    def stop(self) -> None:
        """Called by Nameko."""
        self._publisher.close()


class Requests(RpcConsumer):
    """Reads the service's RPC queue and finds the method."""

    queue_consumer = RpcBusConsumer()
    unreadable = SetAside()

    @property
    def prefetch(self) -> int:
        """As many calls at once as the settings say, and those that stepped aside."""
        config = self.container.config
        return int(config["RPC_WORKERS"]) + int(config["WAITING_ROOM"])

    def setup(self) -> None:
        """Called by Nameko."""
        super().setup()
        self.places = Places(int(self.container.config["RPC_WORKERS"]))

    def start(self) -> None:
        """Called by Nameko when all methods are registered."""
        self._by_key = {
            f"{self.container.service_name}.{provider.method_name}": provider
            for provider in self._providers
        }

    def on_message(self, message: Any) -> None:
        """Starts a worker for one request as soon as there is a place, or answers at once what needs none."""
        routing_key = message.delivery_info["routing_key"]
        try:
            provider = self._by_key.get(routing_key)
            if provider is None:
                self._answer_without_worker(routing_key, message)
            else:
                provider.accept(message)
        except wire.UnreadableRequest as error:
            log.error("rpc.unreadable", routing_key=routing_key, error=str(error))
            self.unreadable.keep(message, self.container.service_name, str(error))
            self.queue_consumer.ack_message(message)
        except ServiceError as error:
            log.warning("rpc.refused", routing_key=routing_key, code=error.code)
            self.finish(message, wire.encode_error(error))

    def _answer_without_worker(self, routing_key: str, message: Any) -> None:
        method = routing_key.rpartition(".")[2]
        if method != "ping":
            raise NotFound("rpc.unknown_method", f"There is no method {method}.")
        self.finish(message, wire.encode_result("pong"))

    def finish(self, message: Any, body: bytes) -> None:
        """Replies, then acknowledges: a crash between the two means a second delivery, never none."""
        self.queue_consumer.reply_and_ack(message, reply_to(message, body), wire.EXCHANGE)


def reply_to(request: Any, body: bytes) -> Message | None:
    """The reply, if the request asked for one. Transient: one that gets lost is a timeout to its caller."""
    if "reply_to" not in request.properties:
        return None
    return Message(
        body,
        content_type=wire.CONTENT_TYPE,
        content_encoding="utf-8",
        delivery_mode=1,
        correlation_id=request.properties.get("correlation_id", ""),
    )


class Rpc(NamekoRpc):
    """Nameko's RPC entrypoint over `Requests`."""

    rpc_consumer = Requests()

    def __init__(self, **options: Any) -> None:
        options.setdefault("expected_exceptions", (ServiceError,))
        super().__init__(**options)

    def accept(self, message: Any) -> None:
        """Starts the worker for one request of this method, now or when its turn has come."""
        kwargs = wire.decode_request(message.body)
        call = self._context_of(message, kwargs)
        finish = partial(self._finish, message, call, time.monotonic())
        self.rpc_consumer.places.ask(lambda: self._start(message, kwargs, call, finish))

    def _start(
        self, message: Any, kwargs: dict[str, Any], call: context.CallContext, finish: Any
    ) -> bool:
        """Whether a worker took the place. What came over a lost connection is delivered again."""
        if not message.channel.connection:
            return False
        if call.deadline < time.time():
            log.info("rpc.too_late", method=self.method_name, request_id=call.request_id)
            metrics.late_requests.labels(self.method_name).inc()
            self.rpc_consumer.queue_consumer.ack_message(message)
            return False
        call.place = Place(self.rpc_consumer.places)
        try:
            self.container.spawn_worker(
                self, (), kwargs, context_data={"call": call}, handle_result=finish
            )
        except ContainerBeingKilled:
            self.rpc_consumer.requeue_message(message)
            return False
        return True

    def _context_of(self, message: Any, kwargs: dict[str, Any]) -> context.CallContext:
        try:
            return context.from_headers(
                message.headers,
                default_seconds=self.container.config["DEADLINE_SECONDS"],
                verify=self.container.config["ACTORS"].verify,
                fingerprint_of=lambda: context.fingerprint(self.method_name, kwargs),
            )
        except (ValueError, TypeError) as error:
            raise wire.UnreadableRequest("its headers make no sense") from error

    def _finish(
        self,
        message: Any,
        call: context.CallContext,
        started: float,
        _worker: Any,
        result: Any,
        exc_info: Any,
    ) -> tuple[Any, Any]:
        body, exc_info = self._reply_body(call, result, exc_info)
        outcome = "ok" if exc_info is None else _code_of(exc_info[1])
        metrics.handled_call(self.method_name, outcome, time.monotonic() - started)
        self.rpc_consumer.finish(message, body)
        if call.place is not None:
            call.place.end()
        return result, exc_info

    def _reply_body(
        self, call: context.CallContext, result: Any, exc_info: Any
    ) -> tuple[bytes, Any]:
        if exc_info is not None:
            return wire.encode_error(exc_info[1]), exc_info
        try:
            return wire.encode_result(result, replayed=call.replayed), None
        except TypeError as error:
            log.exception("rpc.unserializable_result", method=self.method_name)
            return wire.encode_error(error), sys.exc_info()


def _code_of(error: BaseException) -> str:
    return error.code if isinstance(error, ServiceError) else "internal"


def with_call_context(method: Method) -> Method:
    """Binds the request's context around a service method and runs it again when transactions met."""

    @functools.wraps(method)
    def bound_method(service: Any, /, **kwargs: Any) -> Any:
        with context.bound(service.call):
            return run_again_on_contention(lambda: method(service, **kwargs))

    return bound_method  # type: ignore[return-value]


def rpc(method: Method) -> Method:
    """Offers a method of a service class over RPC."""
    decorated: Method = Rpc.decorator(with_call_context(method))
    return decorated

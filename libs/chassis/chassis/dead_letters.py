"""What a service gave up on, for an operator: look at it, send it to its queue again, or discard it.

Nothing is lost on the way: a message leaves the dead letters only after the broker confirmed its copy, or when somebody
discards it by name. Everything else that was looked at goes back when the channel closes.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import AMQPError, NotFound
from environs import Env

from chassis.confirmed import ConfirmedPublisher, Outcome, Outgoing
from chassis.connections import RECOVERABLE, opened
from chassis.topology import (
    ATTEMPTS_HEADER,
    ERROR_HEADER,
    QUEUE_HEADER,
    REASON_HEADER,
    dead_letter_queue,
)

USAGE = "usage: python -m chassis dead-letters list|show|retry|discard SERVICE [ID|all]"
OWN_HEADERS = (ATTEMPTS_HEADER, QUEUE_HEADER, ERROR_HEADER, REASON_HEADER, "x-death")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message, held unacknowledged."""

    message: Any

    @property
    def headers(self) -> dict[str, Any]:
        """Its headers."""
        return self.message.headers or {}

    @property
    def id(self) -> str:
        """Its message id, or for one that never had any a digest of its body."""
        given = self.message.properties.get("message_id")
        return str(given) if given else "body-" + hashlib.sha256(self.body).hexdigest()[:16]

    @property
    def body(self) -> bytes:
        """Its body."""
        body = self.message.body
        return body if isinstance(body, bytes) else str(body).encode()

    @property
    def queue(self) -> str | None:
        """The queue it was meant for, None if nobody noted that."""
        if noted := self.headers.get(QUEUE_HEADER):
            return str(noted)
        deaths = self.headers.get("x-death") or []
        return str(deaths[0]["queue"]) if deaths else None

    @property
    def reason(self) -> str:
        """Why it was given up."""
        deaths = self.headers.get("x-death") or [{}]
        noted = self.headers.get(ERROR_HEADER) or self.headers.get(REASON_HEADER)
        return str(noted or deaths[0].get("reason", "unknown"))

    def line(self) -> str:
        """It in one line."""
        attempts = self.headers.get(ATTEMPTS_HEADER, "?")
        return f"{self.id}  {self.queue or '-'}  {attempts} attempts  {self.reason}"

    def outgoing(self, queue: str) -> Outgoing:
        """A copy for its queue that starts counting attempts afresh."""
        kept = {k: v for k, v in self.headers.items() if k not in OWN_HEADERS}
        return Outgoing(
            exchange="",
            routing_key=queue,
            body=self.body,
            message_id=str(self.message.properties.get("message_id", "")),
            content_type=self.message.properties.get("content_type", "application/octet-stream"),
            headers={k: v for k, v in kept.items() if not k.startswith("x-first-death")},
        )


class DeadLetters:
    """The dead letters of one service, while a connection to them is open."""

    def __init__(self, channel: Any, service: str, publisher: ConfirmedPublisher) -> None:
        self._channel = channel
        self._queue = dead_letter_queue(service).name
        self._publisher = publisher

    def each(self) -> Iterator[DeadLetter]:
        """Those that were there when it began, oldest first."""
        count = self._channel.queue_declare(self._queue, passive=True).message_count
        for _ in range(count):
            message = self._channel.basic_get(self._queue)
            if message is None:
                return
            yield DeadLetter(message)

    def named(self, wanted: str) -> list[DeadLetter]:
        """Those with an id (copies share one), or `all`."""
        return [letter for letter in self.each() if wanted in ("all", letter.id)]

    def list(self) -> int:
        """Prints each in a line."""
        for letter in self.each():
            print(letter.line())
        return 0

    def show(self, wanted: str) -> int:
        """Prints all there is."""
        found = self.named(wanted)
        for letter in found:
            print(letter.line())
            for name, value in sorted(letter.headers.items()):
                print(f"  {name}: {value}")
            print(letter.body.decode(errors="replace"))
        return known(found, wanted)

    def retry(self, wanted: str) -> int:
        """Sends to the original queue; 1 if one could not be sent, which is then kept."""
        found = self.named(wanted)
        kept = [letter for letter in found if not self._sent_again(letter)]
        print(f"sent again: {len(found) - len(kept)}, kept: {len(kept)}")
        return 1 if kept else known(found, wanted)

    def _sent_again(self, letter: DeadLetter) -> bool:
        queue = letter.queue
        if queue is None:
            print(f"{letter.id}: it is not known which queue it was meant for", file=sys.stderr)
            return False
        outgoing = letter.outgoing(queue)
        self._publisher.publish_all([outgoing])
        if outgoing.outcome is not Outcome.CONFIRMED:
            print(f"{letter.id}: {queue}: {outgoing.outcome.value}", file=sys.stderr)
            return False
        self._acknowledge(letter)
        return True

    def discard(self, wanted: str) -> int:
        """Removes for good."""
        found = self.named(wanted)
        for letter in found:
            self._acknowledge(letter)
        print(f"discarded: {len(found)}")
        return known(found, wanted)

    def _acknowledge(self, letter: DeadLetter) -> None:
        self._channel.basic_ack(letter.message.delivery_info["delivery_tag"])


def known(found: Sequence[DeadLetter], wanted: str) -> int:
    """1, saying so, if an id was not found."""
    if found or wanted == "all":
        return 0
    print(f"there is no dead letter {wanted}", file=sys.stderr)
    return 1


def main(arguments: Sequence[str]) -> int:
    """Runs one command; 1 if something could not be done, 2 with the usage if it makes no sense."""
    command, service, *ids = [*arguments, "", ""][: max(len(arguments), 2)]
    expected = {"list": 0, "show": 1, "retry": 1, "discard": 1}.get(command)
    if not service or len(ids) != expected:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        with dead_letters(Env().str("AMQP_URL"), service) as letters:
            status: int = getattr(letters, command)(*ids)
            return status
    except NotFound:
        print(f"{service} has no queue of dead letters here", file=sys.stderr)
        return 1
    except (*RECOVERABLE, AMQPError) as error:
        print(f"the broker does not answer: {type(error).__name__}", file=sys.stderr)
        return 1


@contextmanager
def dead_letters(amqp_url: str, service: str) -> Iterator[DeadLetters]:
    """A service's dead letters for as long as the block runs."""
    publisher = ConfirmedPublisher(amqp_url)
    try:
        with opened(amqp_url) as connection, connection.channel() as channel:
            channel.auto_decode = False  # bodies as they are, whatever they claim to be
            yield DeadLetters(channel, service, publisher)
    finally:
        publisher.close()

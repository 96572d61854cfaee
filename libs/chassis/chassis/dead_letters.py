"""What a service gave up on, for an operator: look at it, send it to its queue again, or discard it.

Nothing is lost on the way: a message leaves the dead letters only after the broker confirmed its copy, or when somebody
discards it by name. Everything else that was looked at goes back when the channel closes.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from amqp.exceptions import AMQPError, NotFound
from environs import Env

from chassis.addresses import address_setting, broker_url
from chassis.confirmed import ConfirmedPublisher, Outcome, Outgoing
from chassis.connections import RECOVERABLE, abandoned, opened
from chassis.topology import (
    ATTEMPTS_HEADER,
    ERROR_HEADER,
    FAILURES_HEADER,
    QUEUE_HEADER,
    REASON_HEADER,
    TIME_HEADER,
    dead_letter_queue,
)

USAGE = """usage: python -m chassis dead-letters list|summary SERVICE
       python -m chassis dead-letters show|retry|discard SERVICE ID|QUEUE|all"""
BROKERS_HEADERS = ("x-death", "x-delivery-count")
OWN_HEADERS = (
    ATTEMPTS_HEADER,
    FAILURES_HEADER,
    QUEUE_HEADER,
    ERROR_HEADER,
    REASON_HEADER,
    TIME_HEADER,
    "x-death",
)
BATCH = 100
INTERRUPTED = 130
LONGEST_REASON = 100
PUT_BACK_SECONDS = 2.0


class SeenEnough(Exception):
    """Who reads what is printed (`| head`) is gone."""


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

    @property
    def since(self) -> str:
        """When it was given up, as far as anybody noted that."""
        deaths = self.headers.get("x-death") or [{}]
        noted = self.headers.get(TIME_HEADER) or deaths[0].get("time", "-")
        return noted.isoformat() if isinstance(noted, datetime) else str(noted)

    def is_meant_by(self, wanted: str) -> bool:
        """Whether that is its id (copies share one), its queue, or `all`."""
        return wanted in ("all", self.id, self.queue)

    def line(self) -> str:
        """It in one line."""
        attempts = self.headers.get(ATTEMPTS_HEADER, "?")
        where = self.queue or "-"
        return f"{self.id}  {where}  {attempts} attempts  {self.since}  {self.reason}"

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
        self._held = 0

    def each(self) -> Iterator[DeadLetter]:
        """Those that were there when it began, oldest first."""
        count = self._channel.queue_declare(self._queue, passive=True).message_count
        for _ in range(count):
            message = self._channel.basic_get(self._queue)
            if message is None:
                return
            self._held += 1
            yield DeadLetter(message)

    def meant_by(self, wanted: str) -> Iterator[DeadLetter]:
        """Those of an id or a queue, or `all`."""
        return (letter for letter in self.each() if letter.is_meant_by(wanted))

    def list(self) -> int:
        """Prints each in a line."""
        for letter in self.each():
            say(letter.line())
        return 0

    def summary(self) -> int:
        """Prints how many there are for each queue and reason, and since when."""
        counts: Counter[tuple[str, str]] = Counter()
        since: dict[tuple[str, str], str] = {}
        for letter in self.each():
            kind = (letter.queue or "-", letter.reason[:LONGEST_REASON])
            counts[kind] += 1
            since.setdefault(kind, letter.since)
        for kind, count in counts.most_common():
            print(f"{count:6}  {kind[0]}  since {since[kind]}  {kind[1]}")
        print(f"{counts.total():6}  in all")
        return 0

    def show(self, wanted: str) -> int:
        """Prints all there is."""
        count = 0
        for letter in self.meant_by(wanted):
            count += 1
            say(letter.line())
            for name, value in sorted(letter.headers.items()):
                say(f"  {name}: {value}")
            say(letter.body.decode(errors="replace"))
        return known(count, wanted)

    def retry(self, wanted: str) -> int:
        """Sends to the original queues, oldest first; 1 if one could not be sent, which is then kept."""
        sent = kept = 0
        for letters in batched(self.meant_by(wanted), BATCH):
            settled = self._sent_again(letters)
            sent += settled
            kept += len(letters) - settled
        print(f"sent again: {sent}, kept: {kept}")
        return 1 if kept else known(sent, wanted)

    def _sent_again(self, letters: Sequence[DeadLetter]) -> int:
        copies = [(letter, letter.outgoing(letter.queue)) for letter in letters if letter.queue]
        for letter in letters:
            if not letter.queue:
                print(f"{letter.id}: it is not known which queue it was meant for", file=sys.stderr)
        self._publisher.publish_all([outgoing for _, outgoing in copies])
        sent = 0
        for letter, outgoing in copies:
            if outgoing.outcome is Outcome.CONFIRMED:
                self._acknowledge(letter)
                sent += 1
            else:
                said = f"{letter.id}: {letter.queue}: {outgoing.outcome.value}"
                print(said, file=sys.stderr)
        return sent

    def discard(self, wanted: str) -> int:
        """Removes for good."""
        count = 0
        for letter in self.meant_by(wanted):
            self._acknowledge(letter)
            count += 1
        print(f"discarded: {count}")
        return known(count, wanted)

    def _acknowledge(self, letter: DeadLetter) -> None:
        self._channel.basic_ack(letter.message.delivery_info["delivery_tag"])
        self._held -= 1

    def put_back(self, connection: Any) -> None:
        """Closes its channel; returns when whoever looks next finds what was not settled: the broker takes a moment."""
        self._channel.close()
        deadline = time.monotonic() + PUT_BACK_SECONDS
        with connection.channel() as channel:
            while (
                channel.queue_declare(self._queue, passive=True).message_count < self._held
                and time.monotonic() < deadline
            ):
                time.sleep(0.01)


def say(text: str) -> None:
    """Prints one of many lines. A connection to the broker breaks by the same error as a pipe."""
    try:
        print(text)
    except BrokenPipeError:
        raise SeenEnough from None


def batched(letters: Iterator[DeadLetter], size: int) -> Iterator[Sequence[DeadLetter]]:
    """So many at a time."""
    while batch := list(islice(letters, size)):
        yield batch


def known(found: int, wanted: str) -> int:
    """1, saying so, if nothing was found that was named."""
    if found or wanted == "all":
        return 0
    print(f"there is no dead letter {wanted}", file=sys.stderr)
    return 1


def main(arguments: Sequence[str]) -> int:
    """Runs one command; 1 if something could not be done, 2 with the usage if it makes no sense."""
    command, service, *ids = [*arguments, "", ""][: max(len(arguments), 2)]
    expected = {"list": 0, "summary": 0, "show": 1, "retry": 1, "discard": 1}.get(command)
    if not service or len(ids) != expected:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        with dead_letters(address_setting(Env(), "AMQP_URL", broker_url), service) as letters:
            status: int = getattr(letters, command)(*ids)
            return status
    except KeyboardInterrupt:
        print("stopped; nothing is lost, what was not settled is still there", file=sys.stderr)
        return INTERRUPTED
    except SeenEnough:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
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
    connection = opened(amqp_url)
    try:
        channel = connection.channel()
        channel.auto_decode = False  # bodies as they are, whatever they claim to be
        letters = DeadLetters(channel, service, publisher)
        yield letters
        letters.put_back(connection)
        connection.close()
    finally:
        # Who was interrupted in the middle of an answer can't take part in a goodbye.
        abandoned(connection)
        publisher.close()

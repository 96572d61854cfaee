"""One client: a signed-in person in a thread, doing one operation after the other as long as the crowd runs."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaos.clients.pace import Pace
from chaos.clients.wire import Answer, Call, Wire, change
from chaos.clients.world import Organization, Person

PASSWORD = "correct horse battery staple"  # noqa: S105 - of people who live for a run # nosec B105

# A revoked token must be refused everywhere after a second.
REVOKED_AFTER_SECONDS = 1.0


@dataclass(frozen=True)
class Unsettled:
    """A call whose outcome nobody knows yet."""

    call: Call
    organization: Organization
    person: Person
    client: str
    attempt: int


class Ledger:
    """What all clients of a crowd leave behind: calls to settle, and mistakes of their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.unsettled: list[Unsettled] = []
        self.mistakes: list[BaseException] = []

    def add(self, left: Unsettled) -> None:
        """Keeps a call for later."""
        with self._lock:
            self.unsettled.append(left)

    def take(self) -> list[Unsettled]:
        """All that is kept, which is forgotten here."""
        with self._lock:
            taken, self.unsettled = self.unsettled, []
            return taken


@dataclass
class Client:
    """A person at work; operations are functions of it."""

    name: str
    person: Person
    organization: Organization
    others: list[Organization]
    wire: Wire
    ledger: Ledger
    stop: threading.Event
    rng: random.Random

    def read(
        self, operation: str, path: str, parameters: Mapping[str, Any] | None = None
    ) -> Answer:
        """Asks once, as the person."""
        call = Call(operation, "GET", path, parameters=parameters)
        answer = self.wire.send(
            call, organization=self.organization.id, token=self.person.access_token
        )
        if answer.status == 401:
            self.sign_in()
        return answer

    def change(
        self, operation: str, method: str, path: str, body: Any = None, **more: Any
    ) -> Answer:
        """Changes something, as the person; repeated while nobody knows what came of it, and else kept to settle."""
        return self.perform(change(operation, method, path, body, **more))

    def perform(self, call: Call) -> Answer:
        """As `change`, for a call that is made already."""
        answer, attempt = self.wire.repeat(
            call,
            organization=self.organization.id,
            token=lambda: self.person.access_token,
            stop=self.stop,
        )
        if answer.outcome == "unknown":
            left = Unsettled(call, self.organization, self.person, self.name, attempt)
            self.ledger.add(left)
        elif answer.status == 401:
            self.sign_in()
        return answer

    def sign_in(self) -> None:
        """Signs the person in, if the system answers; else somebody tries again later."""
        answer = self.anonymously("log_in", "/auth/login", self.credentials)
        if answer.is_ok:
            self.person.sign_in(answer.body)

    @property
    def credentials(self) -> dict[str, str]:
        """Login and password."""
        return {"login": self.person.email, "password": PASSWORD}

    def anonymously(self, operation: str, path: str, body: Any) -> Answer:
        """A call without a token: signing in in one of the ways. It is not settled later; signing in anew will do."""
        call = change(operation, "POST", path, body)
        answer, _ = self.wire.repeat(
            call, organization=self.organization.id, token=lambda: None, stop=self.stop
        )
        return answer

    def sign_out_of_another_login(self) -> None:
        """Signs in once more, out of that, and shows the revoked token a second later."""
        answer = self.anonymously("log_in", "/auth/login", self.credentials)
        if not answer.is_ok:
            return
        token = answer.body["access_token"]
        done, _ = self.wire.repeat(
            change("log_out", "POST", "/auth/logout"),
            organization=self.organization.id,
            token=lambda: token,
            stop=self.stop,
        )
        if done.is_ok and not self.stop.wait(REVOKED_AFTER_SECONDS):
            again = Call("use_revoked_token", "GET", "/me")
            self.wire.send(again, organization=self.organization.id, token=token)

    @property
    def tokens_age(self) -> float:
        """Seconds since the person signed in."""
        return time.monotonic() - self.person.signed_in_at


def run(client: Client, pace: Pace, operations: Any) -> None:
    """Does what `operations` chooses until the crowd stops; a mistake of ours ends the client and is told later."""
    try:
        while pace.wait():
            operations(client)
    except Exception as error:  # noqa: BLE001 - raised by whoever stops the crowd
        client.ledger.mistakes.append(error)

"""All clients of a run: set up, let loose, stopped, and what they left unknown settled."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

from chaos.clients.client import PASSWORD, Client, Ledger, Unsettled, run
from chaos.clients.operations import do_something
from chaos.clients.pace import Pace
from chaos.clients.probing import Probe
from chaos.clients.setting_up import Founder
from chaos.clients.wire import Wire, change
from chaos.clients.world import Organization, Person
from chaos.history import History

STOP_SECONDS = 30.0
SETTLE_SECONDS = 120.0


class Crowd:
    """People of several organizations, each a client of its own, at `rate` operations a second together.

    The seed decides who does what; what comes of it, and so what is there to work with, is the system's.
    """

    def __init__(
        self,
        url: str,
        history: History,
        seed: int,
        *,
        organizations: int = 3,
        instructors: int = 3,
        students: int = 4,
        rate: float = 30.0,
    ) -> None:
        self._url = url
        self._history = history
        self._seed = seed
        self._sizes = (organizations, instructors, students)
        self._stop = threading.Event()
        self._pace = Pace(rate, self._stop)
        self.ledger = Ledger()
        self._threads: list[threading.Thread] = []
        self._probe: Probe | None = None
        self.organizations: list[Organization] = []

    def set_up(self) -> None:
        """Signs the organizations up. NotSetUp if the system does not do it."""
        count, instructors, students = self._sizes
        founder = Founder(self._wire("founder"), random.Random(self._seed), threading.Event())  # nosec B311 # chance, no secret
        self.organizations = [
            founder.found(number, instructors=instructors, students=students)
            for number in range(count)
        ]
        self._probe = Probe(self._wire("probe"), self.organizations[0])

    def start(self) -> None:
        """Lets the clients loose, each in a thread."""
        self._stop.clear()
        for organization in self.organizations:
            others = [one for one in self.organizations if one is not organization]
            for number, person in enumerate(organization.members):
                self._start(f"{organization.mark}.{number}", person, organization, others)

    def _start(
        self,
        name: str,
        person: Person,
        organization: Organization,
        others: Sequence[Organization],
    ) -> None:
        client = Client(
            name,
            person,
            organization,
            list(others),
            self._wire(name),
            self.ledger,
            self._stop,
            random.Random(f"{self._seed} {name}"),  # nosec B311 # chance, no secret
        )
        arguments = (client, self._pace, do_something)
        thread = threading.Thread(target=run, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """No client does anything more. Raises the mistake of one that made one, or TimeoutError after 30 s."""
        self._stop.set()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if busy := [thread.name for thread in self._threads if thread.is_alive()]:
            raise TimeoutError(f"clients did not stop: {busy}")
        self._threads.clear()
        if self.ledger.mistakes:
            raise self.ledger.mistakes[0]

    def settle(self, seconds: float = SETTLE_SECONDS) -> int:
        """Repeats what is unknown until it is known; answers how much still is not after `seconds`."""
        deadline = time.monotonic() + seconds
        waiting = self.ledger.take()
        while waiting and time.monotonic() < deadline:
            waiting = [left for left in waiting if not self._settled(left, deadline)]
        for left in waiting:
            self.ledger.add(left)
        return len(waiting)

    def _settled(self, left: Unsettled, deadline: float) -> bool:
        if time.monotonic() > deadline:
            return False
        with self._wire(left.client) as wire:
            answer, _ = wire.repeat(
                left.call,
                organization=left.organization.id,
                token=lambda: left.person.access_token,
                stop=threading.Event(),
                first=left.attempt + 1,
            )
            if answer.status == 401:
                self._sign_in(wire, left)
                return False
            return answer.outcome != "unknown"

    def _sign_in(self, wire: Wire, left: Unsettled) -> None:
        """The token that a call was made with may have expired since."""
        body = {"login": left.person.email, "password": PASSWORD}
        call = change("log_in", "POST", "/auth/login", body)
        answer = wire.send(call, organization=left.organization.id, token=None)
        if answer.is_ok:
            left.person.sign_in(answer.body)

    def probe(self) -> bool:
        """Whether every service writes and reads right now. For one thread at a time."""
        return self._probe is not None and self._probe.is_answered()

    def _wire(self, name: str) -> Wire:
        return Wire(self._url, self._history, name)

"""Whether the whole system works right now: the cheapest writes and reads that need every service."""

from __future__ import annotations

import threading
from typing import Any

from chaos.clients.client import PASSWORD
from chaos.clients.wire import Call, Wire, change
from chaos.clients.world import Organization, Pair


class Probe:
    """A person of an organization who tries something harmless in each service."""

    def __init__(self, wire: Wire, organization: Organization) -> None:
        self._wire = wire
        self._organization = organization
        self._lock = threading.Lock()
        self._session_id: str | None = None
        self._count = 0

    def is_answered(self) -> bool:
        """Whether all of it is answered with a 2xx, one after the other."""
        with self._lock:
            self._count += 1
            return all(self._tried(call) for call in self._calls()) and self._tried_booking()

    def _calls(self) -> list[Call]:
        owner = self._organization.owner
        pair = self._pair
        zone = {"time_zone": ("UTC", "Europe/Berlin")[self._count % 2]}
        return [
            change("probe_identity", "PATCH", f"/users/{owner.id}", zone),
            change("probe_assignment", "PUT", pair.path, about={"pairs": [pair.body]}),
            Call("probe_messaging", "GET", "/conversations", parameters={"limit": 1}),
            Call("probe_import", "GET", "/imports/template.csv"),
        ]

    @property
    def _pair(self) -> Pair:
        return Pair(self._organization.instructors[0].id, self._organization.students[0].id)

    def _tried_booking(self) -> bool:
        """A note on a session of the past, which is booked the first time."""
        if self._session_id is None:
            return self._booked()
        note = {"notes": f"Note {self._count}"}
        path = f"/sessions/{self._session_id}"
        about = {"session_id": self._session_id}
        return self._tried(change("probe_booking", "PATCH", path, note, about=about))

    def _booked(self) -> bool:
        owner = self._organization.owner
        call = change(
            "book_session",
            "POST",
            "/sessions",
            {
                **self._pair.body,
                "starts_at": self._organization.past_hour(),
                "duration_minutes": 5,
                "title": self._organization.text("Probe"),
            },
            about={"by": owner.id, "role": owner.role},
        )
        body = self._answer(call)
        self._session_id = body["id"] if body else None
        return body is not None

    def _tried(self, call: Call) -> bool:
        return self._answer(call) is not None

    def _answer(self, call: Call) -> Any:
        """The body of a 2xx, or an empty one; None for everything else."""
        organization = self._organization
        owner = organization.owner
        answer = self._wire.send(call, organization=organization.id, token=owner.access_token)
        if answer.status == 401:
            credentials = {"login": owner.email, "password": PASSWORD}
            login = change("log_in", "POST", "/auth/login", credentials)
            signed_in = self._wire.send(login, organization=organization.id, token=None)
            if signed_in.is_ok:
                owner.sign_in(signed_in.body)
        return (answer.body or {}) if answer.is_ok else None

"""A history in which every promise was kept, with the final state that belongs to it; tests spoil one thing of it."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chaos.checker import violations
from chaos.final import FinalState, Row
from chaos.history import FAULTS, Entry

Pair = dict[str, str]
SUBSCRIBERS = {
    "session_booked": ("assignment",),
    "assignment_created": ("messaging", "identity"),
    "assignment_ended": ("messaging", "identity", "booking"),
    "user_created": ("assignment", "booking", "identity"),
    "message_sent": (),
}


def new_id() -> str:
    return str(uuid.uuid4())


class Story:
    """Each deed takes a second, leaves its entry, and changes the final state as the system would."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.final = FinalState(idle_after=0.0)
        self._seconds = itertools.count(1_000.0)
        self._hours = itertools.count()
        self.organization = self.sign_up("mark0000000a")
        self.other = self.sign_up("mark0000000b")
        self.pair = {"instructor_id": self.person(), "student_id": self.person("student")}

    @property
    def broken(self) -> set[str]:
        """The invariants that the checker finds broken."""
        return {violation.invariant for violation in violations(self.entries, self.final)}

    def did(self, operation: str, request: Row, answer: Row | None, **more: Any) -> Entry:
        """One entry, of a second."""
        began = next(self._seconds)
        fields = {
            "client": "c",
            "operation": operation,
            "invoked": began,
            "ended": began + 0.5,
            "outcome": "ok",
            "status": 200,
            "organization": self.organization if self.entries else "",
            "request": {"method": "POST", **request},
            "answer": answer,
            "key": new_id(),
        }
        entry = Entry(**{**fields, **more})
        self.entries.append(entry)
        return entry

    def fault(self, operation: str, began: float, ended: float, **request: Any) -> None:
        """Something that was done to the system, which was well again at its end."""
        answer = {"recovered_after": 0.0, **request}
        entry = Entry(FAULTS, operation, began, ended, "ok", None, "", request, answer)
        self.entries.append(entry)

    def sign_up(self, mark: str) -> str:
        organization = new_id()
        body = {"owner": {"last_name": mark}}
        answer = {"organization": {"id": organization}}
        self.did("sign_up", {"body": body}, answer, organization="")
        return organization

    def event(
        self, service: str, name: str, at: float, said: Any = None, subject: str = ""
    ) -> None:
        """A published event, applied by all who must."""
        event_id = new_id()
        row = {
            "event_id": event_id,
            "organization_id": self.organization,
            "name": name,
            "subject": subject,
            "created_at": at,
            "is_sent": True,
            "last_error": None,
            "said": said,
        }
        self.final.outbox.setdefault(service, []).append(row)
        for subscriber in SUBSCRIBERS[name]:
            handler = f"on_{service}_{name}"
            inbox = {"event_id": event_id, "handler": handler, "received_at": at + 0.1}
            self.final.inbox.setdefault(subscriber, []).append(inbox)

    def audit(self, action: str, pairs: list[Pair] | None = None) -> None:
        number = len(self.final.audit) + 1
        row = {"organization_id": self.organization, "number": number, "action": action}
        self.final.audit.append({**row, "targets": [], "pairs": pairs})

    def person(self, role: str = "instructor", **fields: Any) -> str:
        """Somebody who was added, as everybody knows them."""
        user_id = new_id()
        body = {"first_name": "Sam", "email": f"{user_id}@example.org", **fields}
        answer = {"id": user_id}
        entry = self.did("create_person", {"body": body}, answer)
        self.add_user(user_id, role, body, entry.invoked)
        return user_id

    def add_user(self, user_id: str, role: str, body: Row, at: float) -> None:
        row = {"organization_id": self.organization, "id": user_id, "version": 1}
        state = {"roles": [role], "status": "invited"}
        self.final.users.append(
            {**row, **state, "email": body["email"], "first_name": "Sam", "phone": None}
        )
        people = self.final.participants
        people.setdefault("booking", []).append({**row, **state})
        kinds = {"is_instructor": role == "instructor", "is_student": role == "student"}
        people.setdefault("assignment", []).append({**row, **kinds, "is_archived": False})
        self.event("identity", "user_created", at)
        self.audit("user.created")

    def assigned(self, source: str, at: float, pair: Pair | None = None) -> Row:
        """The row, if there is no active one, and what is told of it."""
        pair = pair or self.pair
        for row in self.final.assignments:
            if row["ended_at"] is None and {name: row[name] for name in pair} == pair:
                return row
        row = {"organization_id": self.organization, "id": new_id(), **pair, "source": source}
        row |= {"assigned_at": at, "ended_at": None}
        self.final.assignments.append(row)
        self.event("assignment", "assignment_created", at, [pair])
        self.audit("assignment.created", [pair])
        return row

    def assign(self, **more: Any) -> Entry:
        entry = self.did("assign", {"method": "PUT", "pairs": [self.pair]}, {}, **more)
        self.assigned("manual", entry.invoked + 0.2)
        return entry

    def end(self, future_sessions: str = "keep", **more: Any) -> Entry:
        request: Row = {"method": "DELETE", "pairs": [self.pair]}
        request["future_sessions"] = future_sessions
        entry = self.did("end_assignment", request, {}, **more)
        for row in self.final.assignments:
            if row["ended_at"] is None:
                at = row["ended_at"] = entry.invoked + 0.2
                self.event("assignment", "assignment_ended", at, [self.pair])
                self.audit("assignment.ended", [self.pair])
        return entry

    def book(self, role: str = "owner", **more: Any) -> Row:
        """The session's row."""
        key, session_id = new_id(), new_id()
        starts_at = 2_000_000_000.0 + 3600 * next(self._hours)
        moment = datetime.fromtimestamp(starts_at, UTC).isoformat()
        body = {**self.pair, "starts_at": moment}
        answer = {"id": session_id, "starts_at": moment, "status": "scheduled"}
        entry = self.did("book_session", {"body": body, "role": role}, answer, key=key, **more)
        session: Row = {"organization_id": self.organization, "id": session_id, **self.pair}
        session |= {"status": "scheduled", "title": f"Session {key}", "allow_overlap": False}
        session |= {"starts_at": starts_at, "ends_at": starts_at + 3600}
        self.final.sessions.append(session)
        is_admin = role == "owner"
        self.event("booking", "session_booked", entry.invoked + 0.1, is_admin, session_id)
        if is_admin:
            self.assigned("booking", entry.invoked + 0.1)
        else:
            self.final.inbox["assignment"].pop()
        return session

    def act(self, operation: str, session: Row, **more: Any) -> Entry:
        request = {"session_id": session["id"], "role": "owner"}
        return self.did(operation, request, {"id": session["id"]}, **more)

    def converse(self) -> Row:
        conversation: Row = {"organization_id": self.organization, "id": new_id(), **self.pair}
        conversation |= {"status": "open", "last_sequence": 0}
        conversation |= {"instructor_read": 0, "student_read": 0}
        self.did("open_conversation", {}, {"id": conversation["id"]})
        self.final.conversations.append(conversation)
        return conversation

    def send(self, conversation: Row, **more: Any) -> Row:
        """The message's row."""
        key, message_id, sender = new_id(), new_id(), self.pair["student_id"]
        text = {"body": f"Message {key}"}
        message: Row = {"id": message_id, "conversation_id": conversation["id"]}
        message["sender_id"] = sender
        message |= text
        entry = self.did("send_message", {"body": text}, dict(message), key=key, **more)
        conversation["last_sequence"] += 1
        message["sequence"] = conversation["last_sequence"]
        message |= {"organization_id": self.organization, "sent_at": entry.invoked + 0.2}
        self.final.messages.append(message)
        self.event("messaging", "message_sent", entry.invoked, message_id)
        return message

    def upload(self, rows: int = 2) -> Row:
        """The import's row; every row made somebody."""
        key, import_id = new_id(), new_id()
        request = {"rows": rows, "filename": f"{key}.csv"}
        entry = self.did("upload", request, {"id": import_id}, key=key)
        counts = {"rows": rows, "create": rows, "update": 0, "unchanged": 0, "invalid": 0}
        upload: Row = {"organization_id": self.organization, "id": import_id}
        upload["status"] = "finished"
        upload |= {"filename": f"{key}.csv", "counts": counts, "errors": []}
        self.final.imports.append(upload)
        self.final.import_rows.append(
            {"import_id": import_id, **counts, "lines": rows, "unapplied": 0}
        )
        for number in range(rows):
            user_id = new_id()
            self.final.created_by_imports.append({"import_id": import_id, "user_id": user_id})
            email = f"{number}.{key}@example.org"
            self.add_user(user_id, "student", {"email": email}, entry.invoked)
            self.associate(import_id, {**self.pair, "student_id": user_id}, entry.invoked)
        return upload

    def associate(self, import_id: str, pair: Pair, at: float) -> None:
        """A pair that a file assigned."""
        self.assigned("import", at, pair)
        row = {"organization_id": self.organization, "import_id": import_id, **pair}
        self.final.import_pairs.append({**row, "outcome": "assigned"})

    def replace_entry(self, entry: Entry, **changes: Any) -> Entry:
        """Says something else of what was told."""
        changed = replace(entry, **changes)
        self.entries[self.entries.index(entry)] = changed
        return changed

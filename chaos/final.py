"""What there is in the end, once all has recovered: everything the checker compares the history with.

Read from the databases and the broker past all proxies, a table in one statement, so that tens of thousands of rows
take seconds. Kept beside the history as JSON, so that a run can be checked again.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

SERVICES: Final = ("identity", "assignment", "booking", "messaging", "import")
FINAL_FILE: Final = "final.json"
IDLE_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.5

Row = dict[str, Any]


class System(Protocol):
    """The running system, past its own API."""

    def sql(self, service: str, statement: str, parameters: Any = None) -> list[Any]:
        """Rows of a service's database."""

    def queues(self, *columns: str) -> list[Row]:
        """What `rabbitmqctl list_queues` says."""

    def chassis(self, *words: str) -> str:
        """What `python -m chassis` says."""


@dataclass
class FinalState:
    """Rows by table; ids are text, moments seconds since the epoch. Maps are by service."""

    users: list[Row] = field(default_factory=list)
    assignments: list[Row] = field(default_factory=list)
    sessions: list[Row] = field(default_factory=list)
    conversations: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    imports: list[Row] = field(default_factory=list)
    # One row for each import: how many rows it has by outcome, how many different lines and people.
    import_rows: list[Row] = field(default_factory=list)
    created_by_imports: list[Row] = field(default_factory=list)
    import_pairs: list[Row] = field(default_factory=list)
    audit: list[Row] = field(default_factory=list)
    participants: dict[str, list[Row]] = field(default_factory=dict)
    outbox: dict[str, list[Row]] = field(default_factory=dict)
    inbox: dict[str, list[Row]] = field(default_factory=dict)
    queues: dict[str, int] = field(default_factory=dict)
    dead_letters: dict[str, str] = field(default_factory=dict)
    # How long it took from the beginning of collecting until nothing waited any more; None if something still does.
    idle_after: float | None = None

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> FinalState:
        """What `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


MOMENT: Final = "extract(epoch FROM {0})::float8 AS {0}"
USERS: Final = (
    "SELECT organization_id, id, email, roles, status, first_name, phone, version FROM users"
)
ASSIGNMENTS: Final = f"""
    SELECT organization_id, id, instructor_id, student_id, source,
           {MOMENT.format("assigned_at")}, {MOMENT.format("ended_at")} FROM assignments
"""  # noqa: S608 - our own words # nosec B608
SESSIONS: Final = f"""
    SELECT organization_id, id, instructor_id, student_id, status, title, allow_overlap, booked_by_admin, version,
           {MOMENT.format("starts_at")}, {MOMENT.format("ends_at")}, {MOMENT.format("created_at")} FROM sessions
"""  # noqa: S608 - our own words # nosec B608
CONVERSATIONS: Final = """
    SELECT organization_id, id, instructor_id, student_id, status, assignment_id, last_sequence,
           instructor_read, student_read FROM conversations
"""
MESSAGES: Final = f"""
    SELECT organization_id, id, conversation_id, sequence, sender_id, body, {MOMENT.format("sent_at")} FROM messages
"""  # noqa: S608 - our own words # nosec B608
IMPORTS: Final = """
    SELECT organization_id, id, filename, status, counts, associations, errors FROM imports
"""
IMPORT_ROWS: Final = """
    SELECT organization_id, import_id, count(*) AS rows, count(DISTINCT line) AS lines,
           count(*) FILTER (WHERE outcome = 'create') AS create, count(*) FILTER (WHERE outcome = 'update') AS update,
           count(*) FILTER (WHERE outcome = 'unchanged') AS unchanged,
           count(*) FILTER (WHERE outcome = 'invalid') AS invalid,
           count(*) FILTER (WHERE outcome IS DISTINCT FROM 'invalid' AND NOT applied) AS unapplied
      FROM import_rows GROUP BY organization_id, import_id
"""
CREATED_BY_IMPORTS: Final = """
    SELECT organization_id, import_id, user_id FROM import_rows WHERE outcome = 'create' AND applied
"""
IMPORT_PAIRS: Final = """
    SELECT organization_id, import_id, instructor_id, student_id, outcome FROM import_pairs
"""
AUDIT: Final = """
    SELECT organization_id, number, action, targets,
           CASE WHEN action LIKE 'assignment.%%' THEN details -> 'pairs' END AS pairs
      FROM audit_entries ORDER BY organization_id, number
"""
PARTICIPANTS: Final = {
    "booking": "SELECT organization_id, id, roles, status, version FROM participants",
    "assignment": """
        SELECT organization_id, id, is_instructor, is_student, is_archived, version FROM participants
    """,
}
# An event's data only where the checker asks what it said.
OUTBOX: Final = f"""
    SELECT event_id, organization_id, name, subject, {MOMENT.format("created_at")},
           sent_at IS NOT NULL AS is_sent, last_error,
           CASE name WHEN 'session_booked' THEN body::jsonb #> '{{data,assigns_pair}}'
                     WHEN 'assignment_created' THEN body::jsonb #> '{{data,assignments}}'
                     WHEN 'assignment_ended' THEN body::jsonb #> '{{data,assignments}}'
                     WHEN 'message_sent' THEN body::jsonb #> '{{data,message,id}}' END AS said
      FROM outbox ORDER BY id
"""  # noqa: S608 - our own words # nosec B608
INBOX: Final = f"SELECT event_id, handler, {MOMENT.format('received_at')} FROM inbox"  # noqa: S608 - our own words # nosec B608

UNSENT: Final = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
UNFINISHED: Final = (
    "SELECT count(*) FROM imports WHERE status IN ('reading', 'applying') AND step IS NOT NULL"
)


def collect(system: System, seconds: float = IDLE_SECONDS) -> FinalState:
    """Waits until nothing is on its way any more, `seconds` at most, and reads everything."""
    idle_after = wait_until_idle(system, seconds)
    queues = waiting(system)
    return FinalState(
        users=rows(system, "identity", USERS),
        assignments=rows(system, "assignment", ASSIGNMENTS),
        sessions=rows(system, "booking", SESSIONS),
        conversations=rows(system, "messaging", CONVERSATIONS),
        messages=rows(system, "messaging", MESSAGES),
        imports=rows(system, "import", IMPORTS),
        import_rows=rows(system, "import", IMPORT_ROWS),
        created_by_imports=rows(system, "import", CREATED_BY_IMPORTS),
        import_pairs=rows(system, "import", IMPORT_PAIRS),
        audit=rows(system, "identity", AUDIT),
        participants={name: rows(system, name, text) for name, text in PARTICIPANTS.items()},
        outbox={name: rows(system, name, OUTBOX) for name in SERVICES},
        inbox={name: rows(system, name, INBOX) for name in SERVICES},
        queues=queues,
        dead_letters={
            name: system.chassis("dead-letters", "list", name)
            for name in SERVICES
            if queues.get(f"{name}.dead-letters")
        },
        idle_after=idle_after,
    )


def rows(system: System, service: str, statement: str) -> list[Row]:
    """A statement's rows, made JSON by the database itself."""
    whole = f"SELECT coalesce(json_agg(found), '[]'::json) FROM ({statement}) AS found"  # noqa: S608 - our own words # nosec B608
    ((found,),) = system.sql(service, whole.replace("%%", "%"))
    return list(found)


def waiting(system: System) -> dict[str, int]:
    """Queues in which messages are."""
    queues = system.queues("name", "messages")
    return {queue["name"]: queue["messages"] for queue in queues if queue["messages"]}


def wait_until_idle(system: System, seconds: float) -> float | None:
    """Returns when outboxes and queues are empty and uploads at their end, and after how long; None if they aren't."""
    began = time.monotonic()
    while not is_idle(system):
        if time.monotonic() - began > seconds:
            return None
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def is_idle(system: System) -> bool:
    """Whether nothing is on its way. The databases first: they are quicker to ask."""
    if any(system.sql(service, UNSENT)[0][0] for service in SERVICES):
        return False
    if system.sql("import", UNFINISHED)[0][0]:
        return False
    return not [name for name in waiting(system) if not name.endswith(".dead-letters")]

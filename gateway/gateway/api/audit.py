"""The audit log, for the organization's owners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from werkzeug.wrappers import Response

from gateway import access, answers, deadlines, rpc
from gateway.declarations import Answer
from gateway.routes import Routes
from gateway.schemas.audit import AuditPage, AuditQuery

routes = Routes("audit", "Who did what to whom, when, from where")

LINES = "application/jsonl"
ATTACHMENT = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}


@routes.get(
    "/audit",
    who=access.OWNERS,
    query=AuditQuery,
    answers={200: Answer(AuditPage, "Entries, newest first.")},
)
def list_audit(query: dict[str, Any]) -> Response:
    """Who did what to whom, when, from where."""
    return answers.json(rpc.call("identity", "list_audit", **query))


@routes.get(
    "/audit/export",
    who=access.OWNERS,
    answers={200: Answer(None, "All entries in order, and the head.", content_type=LINES)},
)
def export_audit() -> Response:
    """The whole log as lines of JSON, oldest first; the last line is `{"head": {"number", "hash"}}`.

    `python -m identity_service audit verify --file` checks it; docs/audit.md says how to do that without our code.
    """
    first = rpc.call("identity", "export_audit", after=0)
    lines = export_lines(deadlines.Detached(), first)
    return Response(lines, headers=ATTACHMENT, content_type=LINES)


def export_lines(client: deadlines.Detached, page: dict[str, Any]) -> Iterator[bytes]:
    """The log up to where it ended when the export began, read as fast as the caller takes it.

    A page that fails breaks the answer off before the head, so that nobody takes it for all.
    """
    head = page["head"]
    while page["items"]:
        yield b"".join(orjson.dumps(entry) + b"\n" for entry in page["items"])
        after = page["items"][-1]["number"]
        page = client.call("identity", "export_audit", after=after, up_to=head["number"])
    yield orjson.dumps({"head": head}) + b"\n"

"""The Multi-User Upload Tool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from werkzeug.wrappers import Response

from chassis.errors import Invalid
from gateway import access, answers, deadlines, rpc, uploads
from gateway.declarations import Answer
from gateway.routes import Routes
from gateway.schemas.imports import Import, NewImport, RowPage, RowQuery, StartedImport
from gateway.uploads import UploadBody

routes = Routes("imports", "The Multi-User Upload Tool")

IMPORT = "/imports/<uuid:import_id>"
CSV = "text/csv"
CSV_UTF8 = "text/csv; charset=utf-8"
STARTED = {202: Answer(StartedImport, "Under way.")}
TRUTH = {"true": True, "false": False}


@routes.post("/imports", who=access.ADMINS, body=UploadBody(NewImport), answers=STARTED)
def create_import(body: dict[str, Any]) -> Response:
    """Upload a file of people and their assignments.

    It is read and planned; with `apply` the plan is carried out at once.
    """
    storage = body["file"]
    file: IO[bytes] = storage.stream
    options = {
        "filename": uploads.name_of(storage),
        "size": uploads.size_of(file),
        "associations": body.get("associations", "add"),
        "send_invitations": truth(body, "send_invitations"),
        "apply": truth(body, "apply"),
    }
    # Receiving the file took its time; the services get theirs.
    deadlines.renew()
    created = rpc.change("import", "create_import", **options)
    return answers.json(transfer(created["id"], file), 202)


def truth(body: dict[str, Any], name: str) -> bool:
    """A form's `true` or `false`; false when it is not there."""
    text = body.get(name, "false")
    if text not in TRUTH:
        raise Invalid.field(f"/{name}", "Must be one of: true, false.")
    return TRUTH[text]


def transfer(import_id: str, file: IO[bytes]) -> dict[str, Any]:
    """Hands the file over piece by piece, each with a deadline of its own, and starts the import."""
    digest = uploads.sha256_of(file)
    count = 0
    for position, content in uploads.chunks(file):
        deadlines.renew()
        rpc.change(
            "import",
            "append_chunk",
            step=f"chunk-{position}",
            import_id=import_id,
            position=position,
            content=content,
        )
        count = position + 1
    started: dict[str, Any] = rpc.change(
        "import", "start_import", step="start", import_id=import_id, chunks=count, sha256=digest
    )
    return started


@routes.get(
    "/imports/template.csv",
    who=access.ADMINS,
    answers={200: Answer(None, "A file to fill in.", content_type=CSV)},
)
def get_template() -> Response:
    """A file that imports without error."""
    content = rpc.call("import", "template")["content"]
    return Response(content, headers=attachment("template.csv"), content_type=CSV_UTF8)


@routes.get(IMPORT, who=access.ADMINS, answers={200: Answer(Import, "The import.")})
def get_import(import_id: str) -> Response:
    """How far an import is."""
    return answers.json(rpc.call("import", "get_import", import_id=import_id))


@routes.get(
    f"{IMPORT}/rows",
    who=access.ADMINS,
    query=RowQuery,
    answers={200: Answer(RowPage, "In the file's order.")},
)
def list_rows(import_id: str, query: dict[str, Any]) -> Response:
    """What becomes, or became, of each row."""
    return answers.json(rpc.call("import", "list_rows", import_id=import_id, **query))


@routes.post(f"{IMPORT}/apply", who=access.ADMINS, answers=STARTED)
def apply_import(import_id: str) -> Response:
    """Carry the plan out."""
    return answers.json(rpc.change("import", "apply_import", import_id=import_id), 202)


@routes.post(f"{IMPORT}/cancel", who=access.ADMINS, answers=STARTED)
def cancel_import(import_id: str) -> Response:
    """Stop an import; what is done stays."""
    return answers.json(rpc.change("import", "cancel_import", import_id=import_id), 202)


@routes.get(
    f"{IMPORT}/report.csv",
    who=access.ADMINS,
    answers={200: Answer(None, "The rows with their outcome and errors.", content_type=CSV)},
)
def get_report(import_id: str) -> Response:
    """The uploaded rows with `outcome` and `errors`; its invalid rows, corrected, can be uploaded again."""
    first = rpc.call("import", "report", import_id=import_id)
    client = deadlines.Detached()
    pages = report_pages(client, import_id, first)
    return Response(pages, headers=attachment("report.csv"), content_type=CSV_UTF8)


def report_pages(
    client: deadlines.Detached, import_id: str, page: dict[str, Any]
) -> Iterator[bytes]:
    """The report, read as fast as the caller takes it. A page that fails breaks the answer off, visibly."""
    yield page["content"].encode()
    while page["next_cursor"]:
        page = client.call("import", "report", import_id=import_id, cursor=page["next_cursor"])
        yield page["content"].encode()


def attachment(name: str) -> dict[str, str]:
    """The header that makes a browser save it."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}

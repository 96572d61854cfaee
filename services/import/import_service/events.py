"""What the import service tells others, and the events by which it hands itself the next step."""

from __future__ import annotations

import uuid
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, fields, validate

from chassis.events import Contract, Published, Subscription
from import_service.domain import Step

SERVICE: Final = "import"


class CountsData(Schema):
    """How many rows and pairs, by what becomes of them; rows = create + update + unchanged + invalid."""

    rows = fields.Integer(required=True)
    create = fields.Integer(required=True)
    update = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    assign = fields.Integer(required=True)
    unassign = fields.Integer(required=True)
    invalid = fields.Integer(required=True)


class ImportData(Schema):
    """An import that reached a state people wait for."""

    import_id = fields.UUID(required=True)
    status = fields.String(required=True)
    counts = fields.Nested(CountsData, required=True)


class StepDueData(Schema):
    """The chunk of work that is to be done next."""

    class Meta:
        unknown = EXCLUDE

    import_id = fields.UUID(required=True)
    step = fields.Enum(Step, by_value=True, required=True)
    chunk = fields.Integer(required=True, validate=validate.Range(min=0))


CONTRACT: Final = Contract(
    service=SERVICE,
    calls=("identity", "assignment"),
    publishes=(
        Published("import_planned", ImportData, "A file was read and what it would do is known."),
        Published(
            "import_finished",
            ImportData,
            "An import finished, failed or was cancelled.",
            required=True,
        ),
        Published(
            "import_step_due", StepDueData, "A chunk of an import's work is due.", required=True
        ),
    ),
    subscribes=(
        Subscription(SERVICE, "import_step_due"),
        Subscription("identity", "user_erased"),
    ),
)


def import_data(import_id: uuid.UUID, status: str, counts: dict[str, int]) -> dict[str, Any]:
    """The data of `import_planned` and `import_finished`."""
    return {"import_id": str(import_id), "status": status, "counts": counts}


def step_data(import_id: uuid.UUID, step: str, chunk: int) -> dict[str, Any]:
    """The data of `import_step_due`."""
    return {"import_id": str(import_id), "step": step, "chunk": chunk}

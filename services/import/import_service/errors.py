"""The stable errors of the import service's RPCs. Why a file or a row is refused is data, not an error: see README."""

from __future__ import annotations

from chassis.errors import Conflict, FieldError, Forbidden, Invalid, NotFound


def unknown_import() -> NotFound:
    """There is no such import in the actor's organization."""
    return NotFound("import.unknown_import", "There is no such import.")


def admins_only() -> Forbidden:
    """Only admins and owners may import."""
    return Forbidden("access.admin_only", "Only an admin may do this.")


def wrong_status(status: str, wanted: str) -> Conflict:
    """Not possible in the import's present status."""
    return Conflict(
        "import.wrong_status", f"The import is {status}; {wanted}.", data={"status": status}
    )


def too_large(pointer: str, most: int) -> Invalid:
    """The file is bigger than files may be."""
    detail = f"A file may have at most {most // (1 << 20)} MB."
    return Invalid("import.too_large", detail, errors=[FieldError(pointer, detail)])


def incomplete_upload(pointer: str, detail: str) -> Invalid:
    """What was uploaded is not what was announced; it may be completed and started again."""
    return Invalid("import.incomplete_upload", detail, errors=[FieldError(pointer, detail)])

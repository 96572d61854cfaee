"""What the import service does: one function per operation, which owns its transaction."""

from import_service.use_cases.erasing import forget_erased
from import_service.use_cases.showing import get_import, list_rows, report, template
from import_service.use_cases.steering import apply_import, cancel_import
from import_service.use_cases.steps import run_step
from import_service.use_cases.uploading import append_chunk, create_import, start_import

__all__ = [
    "append_chunk",
    "apply_import",
    "cancel_import",
    "create_import",
    "forget_erased",
    "get_import",
    "list_rows",
    "report",
    "run_step",
    "start_import",
    "template",
]

"""The rules of imports, without any framework."""

from import_service.domain.cascade import fallen
from import_service.domain.erasing import FormerNames
from import_service.domain.lifecycle import (
    BUSY,
    CHUNK_NAMES,
    CHUNK_PAIRS,
    CHUNK_ROWS,
    LARGEST_FILE,
    ROWS_PER_IMPORT,
    Associations,
    Outcome,
    Status,
    Step,
    no_counts,
    operation_id,
    parts,
    positions_of,
    shown_progress,
)
from import_service.domain.pairs import Action, PairPlan, Pairs, failure_of
from import_service.domain.people import FilePerson, KnownPerson, Reference, Unresolved, resolve

__all__ = [
    "BUSY",
    "CHUNK_NAMES",
    "CHUNK_PAIRS",
    "CHUNK_ROWS",
    "LARGEST_FILE",
    "ROWS_PER_IMPORT",
    "Action",
    "Associations",
    "FilePerson",
    "FormerNames",
    "KnownPerson",
    "Outcome",
    "PairPlan",
    "Pairs",
    "Reference",
    "Status",
    "Step",
    "Unresolved",
    "failure_of",
    "fallen",
    "no_counts",
    "operation_id",
    "parts",
    "positions_of",
    "resolve",
    "shown_progress",
]

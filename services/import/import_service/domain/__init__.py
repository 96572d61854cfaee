"""The rules of imports, without any framework."""

from import_service.domain.lifecycle import (
    CHUNK_PAIRS,
    CHUNK_ROWS,
    LARGEST_FILE,
    Associations,
    Outcome,
    Status,
    Step,
    no_counts,
    operation_id,
    shown_progress,
)
from import_service.domain.pairs import Action, PairPlan, Pairs, failure_of
from import_service.domain.people import FilePerson, KnownPerson, Reference, Unresolved, resolve

__all__ = [
    "CHUNK_PAIRS",
    "CHUNK_ROWS",
    "LARGEST_FILE",
    "Action",
    "Associations",
    "FilePerson",
    "KnownPerson",
    "Outcome",
    "PairPlan",
    "Pairs",
    "Reference",
    "Status",
    "Step",
    "Unresolved",
    "failure_of",
    "no_counts",
    "operation_id",
    "resolve",
    "shown_progress",
]

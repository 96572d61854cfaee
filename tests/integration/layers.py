"""The two layers of tenancy, which are tested each without the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from .system import SERVICES, RunningSystem

BOTH_LAYERS: Final = "both layers"
FILTERS_ALONE: Final = "filters alone"
ROW_LEVEL_SECURITY_ALONE: Final = "row level security alone"


def on(*layers: str) -> pytest.MarkDecorator:
    """Runs a module's tests on a system with each of these."""
    return pytest.mark.parametrize("system", layers, indirect=True, scope="module")


@contextmanager
def without_row_level_security(system: RunningSystem) -> Iterator[None]:
    """Every table lies open meanwhile. PostgreSQL throws away the plans that it made before."""
    tables = [
        (service, table) for service in SERVICES for table in confined_tables(system, service)
    ]
    try:
        for service, table in tables:
            system.sql(service, f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        yield
    finally:
        for service, table in tables:
            system.sql(service, f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")


def confined_tables(system: RunningSystem, service: str) -> list[str]:
    """The service's tables whose rows row level security shows to their organization."""
    rows = system.sql(
        service,
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
        "WHERE relrowsecurity AND attname = 'organization_id' ORDER BY 1",
    )
    return [name for (name,) in rows]

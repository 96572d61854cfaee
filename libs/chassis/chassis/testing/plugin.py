"""pytest plugin: fails early and clearly when there are no servers for tests that need them."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Interface and integration tests need servers; unit tests never do."""
    needing = [item for item in items if "/unit/" not in str(item.path)]
    missing = [name for name in ("AMQP_URL", "DATABASE_URL") if name not in os.environ]
    if needing and missing:  # contract tests may be pure, but run with the same command
        names = " and ".join(missing)
        raise pytest.UsageError(f"{names} must be set for these tests; bin/test does that")

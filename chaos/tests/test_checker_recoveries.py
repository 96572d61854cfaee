from __future__ import annotations

from typing import Any

import pytest

from chaos.checker.recoveries import HEALED, RECOVERED
from chaos.tests.story import Story


@pytest.mark.parametrize(
    ("answer", "broken"),
    [
        ({"recovered_after": 14.5, "last_failure": 9.9, "limit": 10.0}, set()),
        ({"recovered_after": 14.5, "last_failure": 10.1, "limit": 10.0}, {RECOVERED}),
        ({"recovered_after": 14.5, "last_failure": 10.1, "limit": 60.0}, set()),
        ({"recovered_after": None, "limit": 60.0}, {RECOVERED}),
        ({"recovered_after": 0.1, "limit": 60.0, "error": "it did not come back"}, {HEALED}),
    ],
)
def test_a_fault_that_was_not_recovered_from_in_time_is_found(
    story: Story, answer: dict[str, Any], broken: set[str]
) -> None:
    story.fault("broker-kill", 500.0, 501.0, **answer)

    assert story.broken == broken

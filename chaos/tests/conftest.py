from __future__ import annotations

import pytest

from chaos.tests.story import Story


@pytest.fixture
def story() -> Story:
    return Story()

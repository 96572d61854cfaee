"""When an import is given up because a turn always takes too long."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from import_service.use_cases.overruns import MOST_IMPORTS, MOST_TRIES, Overruns


@dataclass
class Upload:
    """What is looked at of an import."""

    step: str = "plan_pairs"
    chunk: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)


def test_the_last_try_of_one_turn_gives_the_import_up() -> None:
    overruns, upload = Overruns(), Upload()
    assert [overruns.is_too_often(upload) for _ in range(MOST_TRIES)] == [
        *[False] * (MOST_TRIES - 1),
        True,
    ]


def test_an_import_that_gets_on_is_not_given_up() -> None:
    overruns, upload = Overruns(), Upload()
    for chunk in range(3 * MOST_TRIES):
        upload.chunk = chunk // 2
        assert not overruns.is_too_often(upload)


def test_imports_are_counted_apart_and_only_so_many_of_them() -> None:
    overruns = Overruns()
    for _ in range(2 * MOST_IMPORTS):
        assert not overruns.is_too_often(Upload())
    assert len(overruns._tries) == MOST_IMPORTS

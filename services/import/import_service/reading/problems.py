"""Why a file can't be used as a whole, and how what is wrong with a row is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

# A file must not grow in what is said of it: 500 bad names in a cell would each repeat its header.
MOST_PROBLEMS: Final = 20
QUOTED: Final = 50
MORE: Final = "import.more_errors"

Problem = dict[str, Any]


class UnreadableFile(Exception):
    """The file is refused. `code` is stable; `column` names a header where one is to blame."""

    def __init__(self, code: str, detail: str, *, column: str | None = None) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.column = column

    def to_json(self) -> dict[str, str | None]:
        """The shape that `get_import` shows."""
        return {"code": self.code, "column": self.column, "detail": self.detail}


def quoted(text: str) -> str:
    """The beginning of a text of the file, as errors show it."""
    return text[:QUOTED]


def at_most(problems: Iterable[Problem]) -> list[Problem]:
    """The problems of a row, or the first 19 and one that says how many more there are.

    Problems may be added to what this gave: they are counted together.
    """
    kept: list[Problem] = []
    more = 0
    for problem in problems:
        if problem["code"] == MORE:
            more += problem["more"]
        elif len(kept) < MOST_PROBLEMS:
            kept.append(problem)
        else:
            more += 1
    if not more:
        return kept
    shown = kept[: MOST_PROBLEMS - 1]
    return [*shown, and_more(more + len(kept) - len(shown))]


def and_more(number: int) -> Problem:
    """The problem that stands for all those which are not shown."""
    return {"column": None, "code": MORE, "detail": f"And {number} more.", "more": number}

"""Taking a person out of other people's rows: where a list names them, and where an error quotes that name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from import_service.domain.people import KEY_FIELDS
from import_service.reading.cells import SEPARATORS, value_of
from import_service.reading.problems import QUOTED
from import_service.reading.rows import key, reference_keys

ERASED: Final = "erased"
# A letter of a name may be written as up to four characters: itself and its accents.
CHARACTERS_PER_LETTER: Final = 4
# Names and the separators between them, in turn.
PARTS: Final = re.compile(f"({SEPARATORS.pattern})")


@dataclass(frozen=True, slots=True)
class FormerNames:
    """Whereby files name somebody who was erased: keys as rows have them, and the words themselves."""

    keys: frozenset[str]
    words: tuple[str, ...]
    # For a first look at a name: most are somebody else's, and there may be hundreds of thousands.
    lowered: frozenset[str]
    longest: int

    @classmethod
    def of(cls, names: Mapping[str, str]) -> FormerNames:
        """From what identity tells of an erased person."""
        found = {field: names[field] for field in KEY_FIELDS if names.get(field)}
        keys = frozenset(key(field, value) for field, value in found.items())
        lowered = frozenset(known.partition(":")[2].lower() for known in keys)
        letters = max(map(len, (*lowered, *found.values())), default=0)
        return cls(keys, tuple(found.values()), lowered, letters * CHARACTERS_PER_LETTER)

    def is_meant(self, name: str) -> bool:
        """Whether a list's name is one of theirs."""
        return self.may_be_meant(name) and not self.keys.isdisjoint(reference_keys(name))

    def may_be_meant(self, name: str) -> bool:
        """Whether the name must be looked at more closely."""
        return name.lower() in self.lowered if name.isascii() else len(name) <= self.longest

    def without(self, names: Sequence[str]) -> list[str]:
        """A list without the person."""
        return [name for name in names if not self.is_meant(name)]

    def in_cell(self, cell: str) -> str:
        """A list's cell as it stood in the file, with another word in the person's place."""
        # Each name by itself: another one may hold it, as "77" holds "7".
        return "".join(map(self._in_part, PARTS.split(cell)))

    def _in_part(self, part: str) -> str:
        return part.replace(part.strip(), ERASED) if self.is_meant(value_of(part)) else part

    def in_error(self, error: Mapping[str, Any]) -> dict[str, Any]:
        """A row's error that quotes no name of theirs."""
        detail = error["detail"]
        for quoted in quotations(detail):
            if self.is_meant(quoted) or self.begins_with(quoted):
                detail = detail.replace(f"“{quoted}”", f"“{ERASED}”")
        return {**error, "detail": detail}

    def begins_with(self, quoted: str) -> bool:
        """Whether an error quotes the beginning of one of their names, which was too long."""
        if len(quoted) != QUOTED:
            return False
        beginning = key("username", quoted)
        return any(key("username", word).startswith(beginning) for word in self.words)


def quotations(text: str) -> list[str]:
    """What stands between quotation marks."""
    return [part.partition("”")[0] for part in text.split("“")[1:]]

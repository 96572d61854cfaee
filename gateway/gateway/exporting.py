"""One person's data over all services as one archive.

It is written to a temporary file, record by record, so that memory stays small however much there is; and answered
only when every service has told everything, so that nobody takes half of it for all.
"""

from __future__ import annotations

import itertools
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any, Final

import orjson

from chassis.errors import Unavailable

SERVICES: Final = ("identity", "assignment", "booking", "messaging", "import")
# A page of each service takes some hundredths of a second: enough for some hundred thousand messages.
EXPORT_SECONDS: Final = 60.0
NAMES_AT_ONCE: Final = 500
PEOPLE: Final = "people.json"
OTHERS: Final = (
    "instructor_id",
    "student_id",
    "sender_id",
    "assigned_by",
    "ended_by",
    "booked_by",
    "actor_id",
)

README: Final = """\
The data of one person, as {organization} keeps them in Tandem.

Person:  {person_id}
Made at: {made_at}

Every file is a JSON array in UTF-8, one record a line. Moments are in UTC. Other people are named by their ids;
{people} says who they are, as far as they are in these records.

{files}
Not in here: the password and the tokens of sign-ins, which are kept as digests only; and copies in the operator's
backups.
"""

Call = Callable[..., Any]


@dataclass(slots=True)
class Archive:
    """An archive being written. `call` asks a service, as `RpcClient.call` does."""

    call: Call
    person_id: str
    target: IO[bytes]
    give_up: float = field(default_factory=lambda: time.monotonic() + EXPORT_SECONDS)
    organization: str = ""
    others: set[str] = field(default_factory=set)
    contents: dict[str, str] = field(default_factory=dict)

    def write(self) -> None:
        """Writes it all; Unavailable as soon as a service does not answer, or it takes too long."""
        with zipfile.ZipFile(self.target, "w", zipfile.ZIP_DEFLATED) as target:
            for service in SERVICES:
                self._write_service(target, service)
            about = "Who the other people in these records are."
            self._write_file(target, PEOPLE, about, self._names())
            target.writestr("README.txt", self._readme())

    def _write_service(self, target: zipfile.ZipFile, service: str) -> None:
        pages = self._pages(service)
        for (name, about), found in itertools.groupby(pages, lambda p: (p["file"], p["about"])):
            items = (item for page in found for item in page["items"])
            self._write_file(target, f"{service}/{name}.json", about, self._noted(items))

    def _pages(self, service: str) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            page = self._ask(service, "export_person", user_id=self.person_id, cursor=cursor)
            yield page
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _ask(self, service: str, method: str, **arguments: Any) -> Any:
        if time.monotonic() > self.give_up:
            raise Unavailable("export.too_slow", "The export took too long; try again.")
        return self.call(service, method, **arguments)

    def _noted(self, items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for item in items:
            self.others.update(item[name] for name in OTHERS if item.get(name))
            self.organization = self.organization or item.get("organization", {}).get("name", "")
            yield item

    def _names(self) -> Iterator[dict[str, Any]]:
        ids = sorted(self.others - {self.person_id})
        for start in range(0, len(ids), NAMES_AT_ONCE):
            some = ids[start : start + NAMES_AT_ONCE]
            for user in self._ask("identity", "get_users", user_ids=some)["items"]:
                yield {name: user[name] for name in ("id", "first_name", "last_name", "roles")}

    def _write_file(
        self, target: zipfile.ZipFile, name: str, about: str, items: Iterable[dict[str, Any]]
    ) -> None:
        self.contents[name] = about
        with target.open(name, "w", force_zip64=True) as file:
            file.write(b"[")
            for number, item in enumerate(items):
                file.write((b",\n" if number else b"\n") + orjson.dumps(item))
            file.write(b"\n]\n")

    def _readme(self) -> str:
        files = "".join(f"{name}\n    {about}\n" for name, about in sorted(self.contents.items()))
        return README.format(
            organization=self.organization,
            person_id=self.person_id,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            people=PEOPLE,
            files=files,
        )

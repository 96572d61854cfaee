"""Which column means what: headers match in any case, with spaces or dashes, and by common aliases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from import_service.reading.problems import UnreadableFile, quoted

MOST_COLUMNS: Final = 200

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "role": ("role", "roles", "user role", "user type", "account type", "person type"),
    "first_name": ("first name", "given name", "given names", "forename", "first"),
    "last_name": ("last name", "family name", "surname", "last"),
    "email": ("email", "email address", "mail", "mail address", "e-mail-address", "email id"),
    "username": ("username", "user name", "login", "login name", "user"),
    "external_id": (
        "external id", "external identifier", "external key", "external reference", "student id",
        "student number", "sis id", "sis user id", "id number", "idnumber",
    ),
    "time_zone": ("time zone", "timezone", "tz", "zone"),
    "phone": ("phone", "phone number", "telephone", "telephone number", "mobile", "mobile phone", "tel", "cell phone"),
    "instructors": (
        "instructors", "instructor", "assigned instructors", "assigned instructor", "instructor email",
        "instructor emails", "instructors email", "instructors emails", "teacher", "teachers", "tutor", "tutors",
    ),
    "students": (
        "students", "student", "assigned students", "assigned student", "student email", "student emails",
        "students email", "students emails", "pupil", "pupils", "learner", "learners",
    ),
    # Our own report has these; they say what became of a row and are not read back.
    "outcome": ("outcome",),
    "errors": ("errors",),
}  # fmt: skip
REPORT_FIELDS: Final = frozenset({"outcome", "errors"})
KEY_FIELDS: Final = ("email", "username", "external_id")

# A file must not grant rights by a header that somebody overlooks; `role` is the one way, and it is shown in the plan.
GRANTS_RIGHTS: Final = (
    "admin", "admins", "is admin", "administrator", "is administrator", "owner", "owners", "is owner", "superuser",
    "is superuser", "super admin", "is super admin", "is staff", "permission", "permissions", "rights",
    "access rights", "privilege", "privileges", "access level", "scope", "scopes",
)  # fmt: skip
SECRETS: Final = ("password", "passwords", "pass word", "initial password", "passwd", "pwd")


def compact(header: str) -> str:
    """A header without case, spaces, dashes and the like."""
    return "".join(c for c in header.casefold() if c.isalnum())


FIELDS: Final = {
    compact(alias): field for field, names in ALIASES.items() for alias in (field, *names)
}
REFUSED: Final = frozenset(map(compact, GRANTS_RIGHTS))
SECRET: Final = frozenset(map(compact, SECRETS))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file. `field` is None for one that is ignored, and `warning` says why."""

    header: str
    field: str | None
    status: str
    warning: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The shape in `detected.columns`."""
        return asdict(self)


def recognized(header: str) -> bool:
    """Whether the header says anything to us, be it that it is refused."""
    name = compact(header)
    return name in FIELDS or name in REFUSED


def read_columns(headers: Sequence[str]) -> list[Column]:
    """The meaning of each column. UnreadableFile when the header can't be used."""
    if not any(map(recognized, headers)):
        detail = "The first row names no known column, such as “email” or “first_name”."
        raise UnreadableFile("import.missing_header", detail)
    if len(headers) > MOST_COLUMNS:
        detail = f"The file has {len(headers)} columns; at most {MOST_COLUMNS} are read."
        raise UnreadableFile("import.too_many_columns", detail)
    columns = [read_column(header.strip()) for header in headers]
    check_no_column_twice(columns)
    check_people_can_be_found(columns)
    return columns


def read_column(header: str) -> Column:
    """The meaning of one column. UnreadableFile for one that would grant rights."""
    name = compact(header)
    if name in REFUSED:
        detail = f"The column “{quoted(header)}” would grant rights, and a file can't; use “role”."
        raise UnreadableFile("import.refused_column", detail, column=quoted(header))
    if name in SECRET:
        warning = "Passwords are never read or kept; people choose their own."
        return Column(header[:200], None, "ignored", warning)
    field = FIELDS.get(name)
    if field is None:
        return Column(header[:200], None, "ignored", "No known column; its cells are ignored.")
    return Column(header[:200], field, "report" if field in REPORT_FIELDS else "used")


def check_no_column_twice(columns: Sequence[Column]) -> None:
    """Two columns of one meaning could contradict each other."""
    uses = Counter(c.field for c in columns if c.status == "used")
    for column in columns:
        if column.status == "used" and uses[column.field] > 1:
            detail = f"More than one column means “{column.field}”; keep one."
            raise UnreadableFile("import.duplicate_column", detail, column=quoted(column.header))


def check_people_can_be_found(columns: Sequence[Column]) -> None:
    """Without one of these nobody could be found again."""
    if not any(column.field in KEY_FIELDS for column in columns):
        detail = "The file needs a column “email”, “username” or “external_id” to find people by."
        raise UnreadableFile("import.missing_key_column", detail)


def is_secret(column: Column) -> bool:
    """Whether the column's cells must not even be kept."""
    return compact(column.header) in SECRET

"""Headers are matched liberally; those that would grant rights are refused aloud."""

from __future__ import annotations

import pytest

from import_service.reading.columns import ALIASES, GRANTS_RIGHTS, read_columns
from import_service.reading.problems import UnreadableFile


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("First Name", "first_name"),
        ("first-name", "first_name"),
        ("FIRST_NAME", "first_name"),
        ("Given name", "first_name"),
        ("Surname", "last_name"),
        ("E-mail address", "email"),
        ("E-Mail", "email"),
        ("\ufeffEmail ", "email"),
        ("User Name", "username"),
        ("External ID", "external_id"),
        ("Timezone", "time_zone"),
        ("Phone number", "phone"),
        ("Teachers", "instructors"),
        ("Instructor", "instructors"),
        ("Pupils", "students"),
        ("User type", "role"),
    ],
)
def test_common_headers_are_known(header: str, field: str) -> None:
    columns = read_columns([header, *(["username"] if field != "username" else ["email"])])
    assert columns[0].field == field
    assert columns[0].status == "used"


@pytest.mark.parametrize("header", [*GRANTS_RIGHTS, "Is_Admin", "PERMISSIONS", "is-owner"])
def test_a_column_that_would_grant_rights_is_refused(header: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read_columns(["email", header])
    assert caught.value.code == "import.refused_column"
    assert caught.value.column == header
    assert header in caught.value.detail


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (["anna@x.org", "Anna"], "import.missing_header"),
        (["first_name", "last_name"], "import.missing_key_column"),
        (["email", "E-mail"], "import.duplicate_column"),
        (["email", *map(str, range(200))], "import.too_many_columns"),
    ],
)
def test_a_header_that_cannot_work_is_refused(headers: list[str], code: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read_columns(headers)
    assert caught.value.code == code


def test_unknown_columns_are_ignored_with_a_warning_and_the_reports_own_without() -> None:
    columns = read_columns(["email", "Notes", "", "outcome", "errors"])
    assert [(c.field, c.status) for c in columns[1:]] == [
        (None, "ignored"),
        (None, "ignored"),
        ("outcome", "report"),
        ("errors", "report"),
    ]
    assert columns[1].warning
    assert columns[3].warning is None


def test_no_alias_means_two_things() -> None:
    seen: dict[str, str] = {}
    for field, names in ALIASES.items():
        for name in (field, *names):
            assert seen.setdefault(name, field) == field

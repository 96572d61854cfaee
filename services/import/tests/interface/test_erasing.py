"""Taking a person whom identity erased out of what was uploaded, and handing out what is held about one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.context import Actor, CallContext
from chassis.errors import Forbidden, Invalid, Unavailable
from chassis.events import Event
from chassis.testing import FakeNeighbour, actor, wait_until

from .conftest import Organization

HEADER = "role,first_name,last_name,email,username,phone,remark,instructors\r\n"


class Erasures:
    """What identity keeps of erased people until it is told that nobody needs it any more."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, str]] = {}
        self.asked_by: list[Actor | None] = []
        self.is_silent = False

    def former_names(self, kwargs: dict[str, Any], call: CallContext) -> Any:
        if self.is_silent:
            raise Unavailable("service.timeout", "No.")
        self.asked_by.append(call.actor)
        return {"names": self.names.get(kwargs["user_id"], {})}

    def forget_former_names(self, kwargs: dict[str, Any], _call: CallContext) -> None:
        self.names.pop(kwargs["user_id"], None)


@pytest.fixture
def erasures(identity: FakeNeighbour) -> Iterator[Erasures]:
    found = Erasures()
    identity.handlers["former_names"] = found.former_names
    identity.handlers["forget_former_names"] = found.forget_former_names
    yield found
    del identity.handlers["former_names"], identity.handlers["forget_former_names"]


def erased_event(organization: Organization, user_id: str, **changes: Any) -> Event:
    participant = {
        "id": user_id,
        "roles": ["student"],
        "status": "archived",
        "time_zone": "UTC",
        "version": 9,
        "a_field_of_tomorrow": 1,
    }
    values: dict[str, Any] = {
        "id": uuid.uuid4(),
        "source": "identity",
        "name": "user_erased",
        "time": datetime.now(UTC),
        "subject": user_id,
        "organization_id": organization.id,
        "data": {"users": [participant]},
        "actor_id": uuid.uuid4(),
    }
    return Event(**{**values, **changes})


def forget_in_identity(organization: Organization, erasures: Erasures, user_id: str) -> None:
    user = organization.people[user_id]
    names = ("first_name", "last_name", "email", "username", "external_id", "phone")
    erasures.names[user_id] = {name: user[name] for name in names if user[name]}
    user.update(dict.fromkeys(names), status="archived")
    index = organization._people.index
    for key in [key for key, found in index.items() if found == user_id]:
        del index[key]


def is_done(organization: Organization, event: Event) -> bool:
    found = "SELECT 1 FROM inbox WHERE event_id = %s"
    return bool(organization.service.sql(found, (str(event.id),)))


def erase(organization: Organization, erasures: Erasures, user_id: str) -> Event:
    forget_in_identity(organization, erasures, user_id)
    event = erased_event(organization, user_id)
    organization.service.publish_to_it(event)
    wait_until(lambda: is_done(organization, event), 20)
    wait_until(lambda: user_id not in erasures.names)
    return event


def tables_with(organization: Organization, word: str) -> set[str]:
    """The tables of which any row of the organization says `word`."""
    service = organization.service
    names = service.sql(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name = 'organization_id'"
    )
    statement = (
        'SELECT EXISTS (SELECT FROM "{}" AS row WHERE organization_id = %s'
        " AND (strpos(lower(row::text), %s) > 0 OR strpos(row::text, encode(%s, 'hex')) > 0))"
    )
    own = (str(organization.id), word, word.encode())
    return {name for (name,) in names if service.sql(statement.format(name), own)[0][0]}


def person(organization: Organization, email: str) -> str:
    return next(u["id"] for u in organization.people.values() if u["email"] == email)


def test_nothing_uploaded_names_an_erased_person_any_more(
    organization: Organization, erasures: Erasures
) -> None:
    text = HEADER + (
        "instructor,Quirin,Zwingenberger,zwingenberger@example.org,zwingi,555123,likes Quirin,\r\n"
        "student,Sam,Small,sam@example.org,sammy,1,,Zwingenberger@example.org; zwingi\r\n"
        "student,Pat,Plain,pat@example.org,patty,2,,\r\n"
    )
    done = organization.finish(text)
    before = organization.rows(done["id"])
    assert {"import_rows", "import_keys", "import_chunks"} <= tables_with(
        organization, "zwingenberger"
    )
    erase(organization, erasures, person(organization, "zwingenberger@example.org"))
    for word in ("zwing", "quirin", "555123"):
        assert tables_with(organization, word) == set()
        assert word not in organization.report(done["id"]).lower()
    after = organization.rows(done["id"])
    facts = ("row", "outcome", "applied", "user_id", "assignments")
    assert [{f: row[f] for f in facts} for row in after] == [
        {f: row[f] for f in facts} for row in before
    ]
    assert organization.call("get_import", import_id=done["id"])["counts"] == done["counts"]
    report = organization.report(done["id"])
    assert "sam@example.org" in report
    assert "erased; erased" in report


def test_identity_is_asked_as_an_owner_and_told_when_it_is_done(
    organization: Organization, erasures: Erasures
) -> None:
    user = organization.add("student", email="one@example.org", first_name="O", last_name="P")
    event = erase(organization, erasures, user["id"])
    [asker] = erasures.asked_by
    assert asker is not None
    assert (asker.user_id, asker.roles) == (event.actor_id, frozenset({"owner"}))
    assert asker.organization_id == organization.id


def test_a_planned_row_of_an_erased_person_is_not_applied(
    organization: Organization, erasures: Erasures
) -> None:
    user = organization.add("student", email="late@example.org", first_name="La", last_name="Te")
    text = HEADER + (
        "student,La,Te,late@example.org,,,new remark,\r\nstudent,Sam,Small,sam@example.org,,,,\r\n"
    )
    planned = organization.plan(text)
    erase(organization, erasures, user["id"])
    organization.call("apply_import", import_id=planned["id"])
    done = organization.wait(planned["id"], "finished")
    first, second = organization.rows(done["id"])
    assert (first["outcome"], first["errors"][0]["code"]) == ("invalid", "import.erased")
    assert second["outcome"] == "create"
    emails = [found["email"] for found in organization.people.values()]
    assert "late@example.org" not in emails
    assert done["counts"]["rows"] == 2


def test_a_planned_row_that_names_an_erased_person_is_applied_without_them(
    organization: Organization, erasures: Erasures
) -> None:
    user = organization.add("instructor", email="ines@example.org", first_name="I", last_name="N")
    planned = organization.plan(
        HEADER + "student,Sam,Small,sam@example.org,,,,ines@example.org\r\n"
    )
    erase(organization, erasures, user["id"])
    organization.call("apply_import", import_id=planned["id"])
    done = organization.wait(planned["id"], "finished")
    [row] = organization.rows(done["id"])
    assert row["applied"]
    assert "ines@" not in organization.report(done["id"])
    assert organization.pairs == set()


def test_errors_quote_no_erased_person(organization: Organization, erasures: Erasures) -> None:
    user = organization.add(
        "instructor", email="ines@example.org", first_name="I", last_name="N", status="archived"
    )
    planned = organization.plan(
        HEADER + "student,Sam,Small,sam@example.org,,,,ines@example.org\r\n"
    )
    assert "“ines@example.org”" in organization.report(planned["id"])
    erase(organization, erasures, user["id"])
    assert "ines@" not in organization.report(planned["id"])
    assert "“erased”" in organization.report(planned["id"])


def test_a_later_file_that_names_the_person_makes_a_new_one(
    organization: Organization, erasures: Erasures
) -> None:
    text = HEADER + "student,Sam,Small,sam@example.org,,,,\r\n"
    organization.finish(text)
    old = person(organization, "sam@example.org")
    erase(organization, erasures, old)
    done = organization.finish(text)
    assert done["counts"]["create"] == 1
    assert person(organization, "sam@example.org") != old


def test_an_erasure_waits_until_identity_answers(
    organization: Organization, erasures: Erasures
) -> None:
    organization.finish(HEADER + "student,Sam,Small,sam@example.org,,,,\r\n")
    user_id = person(organization, "sam@example.org")
    forget_in_identity(organization, erasures, user_id)
    erasures.is_silent = True
    event = erased_event(organization, user_id)
    organization.service.publish_to_it(event)
    wait_until(lambda: "event.retried" in organization.service.log(), 20)
    assert tables_with(organization, "sam@example.org")
    erasures.is_silent = False
    wait_until(lambda: is_done(organization, event), 20)
    assert tables_with(organization, "sam@example.org") == set()


def test_an_erasure_told_twice_or_anew_does_no_harm(
    organization: Organization, erasures: Erasures
) -> None:
    done = organization.finish(HEADER + "student,Sam,Small,sam@example.org,,,,\r\n")
    user_id = person(organization, "sam@example.org")
    event = erase(organization, erasures, user_id)
    rows = organization.rows(done["id"])
    organization.service.publish_to_it(event)
    again = erased_event(organization, user_id)
    organization.service.publish_to_it(again)
    wait_until(lambda: is_done(organization, again), 20)
    assert organization.rows(done["id"]) == rows


def test_an_erasure_during_an_import_leaves_nothing_behind(
    organization: Organization, erasures: Erasures
) -> None:
    user = organization.add("student", email="racing@example.org", first_name="R", last_name="G")
    lines = [f"student,N{n},M{n},n{n}@example.org,,,,\r\n" for n in range(1500)]
    lines.insert(1400, "student,R,G,racing@example.org,,,changed,\r\n")
    import_id = organization.upload(HEADER + "".join(lines), apply=True)
    wait_until(
        lambda: organization.service.sql(
            "SELECT 1 FROM imports WHERE id = %s AND detected IS NOT NULL", (import_id,)
        )
    )
    erase(organization, erasures, user["id"])
    done = organization.wait(import_id, "finished", seconds=60)
    assert done["counts"]["rows"] == 1501
    assert done["counts"]["create"] + done["counts"]["invalid"] + done["counts"]["update"] == 1501
    assert "racing@" not in organization.report(import_id)


def test_another_organizations_rows_stay(
    organization: Organization, other_organization: Organization, erasures: Erasures
) -> None:
    text = HEADER + "student,Sam,Small,sam@example.org,,,,\r\n"
    organization.finish(text)
    theirs = other_organization.finish(text)
    erase(organization, erasures, person(organization, "sam@example.org"))
    assert "sam@example.org" in other_organization.report(theirs["id"])


def test_owners_learn_whether_it_is_done(organization: Organization, erasures: Erasures) -> None:
    user = organization.add("student", email="one@example.org", first_name="O", last_name="P")
    owner = actor("owner", organization_id=organization.id)
    ask = {"actor": owner, "user_id": user["id"]}
    assert organization.call("erasure", **ask) == {"erased_at": None}
    erase(organization, erasures, user["id"])
    assert organization.call("erasure", **ask)["erased_at"]
    with pytest.raises(Forbidden, match=r"access\.owner_only"):
        organization.call("erasure", user_id=user["id"])


def exported(organization: Organization, user_id: str, by: Actor) -> dict[str, list[Any]]:
    files: dict[str, list[Any]] = {}
    cursor = None
    while True:
        page = organization.call("export_person", actor=by, user_id=user_id, cursor=cursor)
        files.setdefault(page["file"], []).extend(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return files


def test_an_export_holds_the_rows_about_a_person_and_the_files_they_uploaded(
    organization: Organization,
) -> None:
    done = organization.finish(
        HEADER + "instructor,Ines,Example,ines@example.org,,,,\r\n"
        "student,Sam,Small,sam@example.org,,12,quick,ines@example.org\r\n"
    )
    owner = actor("owner", organization_id=organization.id)
    files = exported(organization, person(organization, "sam@example.org"), owner)
    [row] = files["uploaded_rows"]
    assert (row["import_id"], row["row"], row["outcome"]) == (done["id"], 3, "create")
    assert row["cells"]["remark"] == "quick"
    assert "ines@" not in str(row)
    assert files["uploads"] == []
    own = exported(organization, str(organization.admin.user_id), organization.admin)
    assert [upload["id"] for upload in own["uploads"]] == [done["id"]]
    with pytest.raises(Forbidden, match=r"access\.owner_only"):
        exported(organization, person(organization, "sam@example.org"), organization.admin)


@pytest.mark.parametrize("cursor", ["", "x", "WzksbnVsbF0", "WzAsWyJ4Il1d", "WzAsW3RydWVdXQ"])
def test_a_broken_cursor_of_an_export_is_named(organization: Organization, cursor: str) -> None:
    owner = actor("owner", organization_id=organization.id)
    with pytest.raises(Invalid) as refused:
        organization.call("export_person", actor=owner, user_id=owner.user_id, cursor=cursor)
    assert [e.pointer for e in refused.value.errors] == ["/cursor"]

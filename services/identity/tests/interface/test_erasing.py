"""Erasing a person, and handing out what is held about them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, NotFound
from chassis.testing import ServiceProcess, wait_until

from .conftest import PASSWORD, Organization, email

NAMES = {
    "first_name": "Wilhelmina",
    "last_name": "Zwingenberger",
    "username": "zwingi",
    "phone": "+49 30 901820",
    "external_id": "pupil-4711",
}


def somebody(organization: Organization, *roles: str, **fields: Any) -> dict[str, Any]:
    own = {**NAMES, "username": f"zwingi{uuid.uuid4().hex[:6]}", **fields}
    return organization.add(*(roles or ("student",)), **own)


def erase(organization: Organization, user: dict[str, Any], **more: Any) -> dict[str, Any]:
    confirm = more.pop("confirm", f"{user['first_name']} {user['last_name']}")
    by = more.pop("by", organization.actor())
    return organization.service.call(
        "erase_user", actor=by, user_id=user["id"], confirm=confirm, **more
    )


def is_done(organization: Organization, user: dict[str, Any]) -> bool:
    found = organization.service.call("erasure", actor=organization.actor(), user_id=user["id"])
    return found["erased_at"] is not None


def test_an_erased_person_keeps_the_id_and_nothing_to_be_told_by(
    organization: Organization,
) -> None:
    user = somebody(organization, time_zone="Asia/Tokyo", password=PASSWORD)
    erased = erase(organization, user)
    assert (erased["first_name"], erased["last_name"]) == ("Erased", "person")
    assert (erased["id"], erased["roles"], erased["status"]) == (
        user["id"],
        ["student"],
        "archived",
    )
    for field in ("email", "username", "phone", "external_id"):
        assert erased[field] is None
    assert erased["time_zone"] == "Europe/Berlin"
    assert erased["erased_at"] is not None
    assert erased["version"] == user["version"] + 1
    found = organization.service.call("get_user", actor=organization.actor(), user_id=user["id"])
    assert found == erased


def test_nothing_in_the_database_names_an_erased_person(
    service: ServiceProcess, organization: Organization
) -> None:
    words = {"first_name": "Quirinius", "last_name": "Xanthopoulos", "phone": "+30 210 5551234"}
    address = f"{uuid.uuid4().hex[:8]}.xanthopoulos@example.org"
    user = organization.add("student", email=address, password=PASSWORD, **words)
    service.call("authenticate", login=address, password=PASSWORD, operation_id=uuid.uuid4())
    service.call(
        "update_user",
        actor=organization.actor(),
        operation_id=uuid.uuid4(),
        user_id=user["id"],
        changes={"first_name": "Quirin"},
    )
    assert "logins" in columns_with(service, user["id"])
    assert {"users", "name_words", "operations"} <= columns_with(service, "quirin")
    erase(organization, {**user, "first_name": "Quirin"})
    wait_until(lambda: is_done(organization, user))
    service.call("forget_former_names", actor=organization.actor(), user_id=user["id"])
    for word in ("quirin", "xanthopoulos", "5551234"):
        assert columns_with(service, word) == set()
    assert "logins" not in columns_with(service, user["id"])


def columns_with(service: ServiceProcess, word: str) -> set[str]:
    """The tables of which any row says `word`."""
    names = service.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    statement = 'SELECT EXISTS (SELECT FROM "{}" AS row WHERE strpos(lower(row::text), %s) > 0)'
    return {name for (name,) in names if service.sql(statement.format(name), (word,))[0][0]}


def test_words_that_others_are_called_by_stay_known(
    service: ServiceProcess, organization: Organization
) -> None:
    user = somebody(organization)
    organization.add("student", first_name="Hanna", last_name=NAMES["last_name"])
    erase(organization, user)
    wait_until(lambda: is_done(organization, user))
    statement = "SELECT word FROM name_words WHERE organization_id = %s"
    words = {word for (word,) in service.sql(statement, (str(organization.id),))}
    assert "zwingenberger" in words
    assert "wilhelmina" not in words


def test_an_erasure_is_told_to_the_others_without_a_name(
    service: ServiceProcess, organization: Organization
) -> None:
    user = somebody(organization, password=PASSWORD)
    erased = erase(organization, user)
    told = [e for e in service.events("user_erased") if e.subject == user["id"]]
    [event] = told
    [person] = event.data["users"]
    assert person == {
        "id": user["id"],
        "roles": ["student"],
        "status": "archived",
        "time_zone": "Europe/Berlin",
        "version": erased["version"],
    }
    assert [e for e in service.events("credentials_revoked") if e.subject == user["id"]]


def test_an_erased_person_is_signed_out_and_can_not_sign_in(
    service: ServiceProcess, organization: Organization
) -> None:
    user = somebody(organization, password=PASSWORD)
    signed_in = service.call("authenticate", login=user["email"], password=PASSWORD)
    erase(organization, user)
    with pytest.raises(Forbidden, match=r"identity\.bad_token"):
        service.call("verify_token", access_token=signed_in["access_token"])
    with pytest.raises(Forbidden):
        service.call("refresh", refresh_token=signed_in["refresh_token"])
    with pytest.raises(Forbidden, match=r"identity\.bad_credentials"):
        service.call("authenticate", login=user["email"], password=PASSWORD)


def test_erasing_again_changes_nothing(service: ServiceProcess, organization: Organization) -> None:
    user = somebody(organization)
    operation_id = uuid.uuid4()
    first = erase(organization, user, operation_id=operation_id)
    assert erase(organization, user, operation_id=operation_id) == first
    assert service.last_replayed
    assert erase(organization, user, confirm="whoever") == first
    assert len([e for e in service.events("user_erased") if e.subject == user["id"]]) == 1


def test_the_name_must_be_written_to_confirm(organization: Organization) -> None:
    user = somebody(organization)
    for wrong in ("Wilhelmina", "Somebody Else", user["id"]):
        with pytest.raises(Invalid, match=r"identity\.wrong_confirmation") as refused:
            erase(organization, user, confirm=wrong)
        assert [e.pointer for e in refused.value.errors] == ["/confirm"]
    assert erase(organization, user, confirm=" wilhelmina  ZWINGENBERGER ")["erased_at"]


@pytest.mark.parametrize("role", ["admin", "instructor", "student"])
def test_only_an_owner_erases(organization: Organization, role: str) -> None:
    user = somebody(organization)
    with pytest.raises(Forbidden, match=r"access\.owner_only"):
        erase(organization, user, by=organization.actor(organization.add(role)))


def test_an_owner_erases_another_owner_but_not_themselves(organization: Organization) -> None:
    with pytest.raises(Conflict, match=r"identity\.own_account"):
        erase(organization, organization.owner)
    other = organization.add("owner", password=PASSWORD)
    assert erase(organization, other)["erased_at"]


def test_two_owners_who_erase_each_other_leave_one(organization: Organization) -> None:
    other = organization.add("owner", password=PASSWORD)
    outcomes: list[str] = []

    def attempt(by: dict[str, Any], whom: dict[str, Any]) -> None:
        try:
            erase(organization, whom, by=organization.actor(by))
            outcomes.append("erased")
        except Conflict as error:
            outcomes.append(error.code)

    at_once(
        [lambda: attempt(organization.owner, other), lambda: attempt(other, organization.owner)]
    )
    assert sorted(outcomes) == ["erased", "identity.last_owner"]


def at_once(actions: list[Callable[[], Any]]) -> None:
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_nobody_erases_people_of_another_organization(
    organization: Organization, other_organization: Organization
) -> None:
    user = somebody(organization)
    with pytest.raises(NotFound, match=r"identity\.unknown_user"):
        erase(other_organization, user)
    with pytest.raises(NotFound, match=r"identity\.unknown_user"):
        other_organization.service.call(
            "export_person", actor=other_organization.actor(), user_id=user["id"]
        )


def test_nothing_brings_an_erased_person_back(
    service: ServiceProcess, organization: Organization
) -> None:
    user = somebody(organization)
    erase(organization, user)
    owner = organization.actor()
    with pytest.raises(Conflict, match=r"identity\.erased"):
        service.call("restore_user", actor=owner, user_id=user["id"])
    with pytest.raises(Conflict, match=r"identity\.erased"):
        service.call("update_user", actor=owner, user_id=user["id"], changes={"first_name": "W"})
    person = {"role": "student", **NAMES, "email": user["email"]}
    person["username"] = user["username"]
    answer = service.call("upsert_users", actor=owner, people=[person], dry_run=False)
    [result] = answer["results"]
    assert result["outcome"] == "create"
    assert result["user_id"] != user["id"]


def test_an_upload_that_races_an_erasure_changes_the_old_person_or_makes_a_new_one(
    service: ServiceProcess, organization: Organization
) -> None:
    owner = organization.actor()
    for _ in range(5):
        user = somebody(organization, external_id=None)
        person = {"role": "student", "email": user["email"], "first_name": "New", "last_name": "P"}
        results: list[Any] = []

        def upsert(person: dict[str, Any] = person, results: list[Any] = results) -> None:
            found = service.call("upsert_users", actor=owner, people=[person], dry_run=False)
            results.append(found["results"][0])

        def end(user: dict[str, Any] = user) -> None:
            try:
                erase(organization, user)
            except Invalid:  # the upload came first, and with it another name
                erase(organization, user, confirm="New P")

        at_once([upsert, end])
        left = service.call("get_user", actor=owner, user_id=user["id"])
        assert left["first_name"] == "Erased"
        assert left["email"] is None
        assert (results[0]["outcome"] == "create") == (results[0]["user_id"] != user["id"])


def test_a_repeated_call_answers_with_the_erased_person(
    service: ServiceProcess, organization: Organization
) -> None:
    operation_id = uuid.uuid4()
    arguments: dict[str, Any] = {"roles": ["student"], **NAMES, "email": email()}
    made = service.call(
        "create_user", actor=organization.actor(), operation_id=operation_id, **arguments
    )
    erase(organization, made["user"])
    wait_until(lambda: is_done(organization, made["user"]))
    again = service.call(
        "create_user", actor=organization.actor(), operation_id=operation_id, **arguments
    )
    assert service.last_replayed
    assert again["user"]["id"] == made["user"]["id"]
    assert again["user"]["first_name"] == "Erased"
    assert again["user"]["email"] is None


def test_former_names_are_told_to_owners_until_they_are_forgotten(
    service: ServiceProcess, organization: Organization
) -> None:
    user = somebody(organization)
    erase(organization, user)
    ask = {"actor": organization.actor(), "user_id": user["id"]}
    assert service.call("former_names", **ask)["names"] == {
        name: user[name] for name in (*NAMES, "email")
    }
    admin = organization.actor(organization.add("admin"))
    for method in ("former_names", "forget_former_names", "erasure"):
        with pytest.raises(Forbidden, match=r"access\.owner_only"):
            service.call(method, actor=admin, user_id=user["id"])
    service.call("forget_former_names", **ask)
    assert service.call("former_names", **ask) == {"names": {}}


def exported(organization: Organization, user: dict[str, Any], **more: Any) -> dict[str, list[Any]]:
    """An export's files, page by page."""
    files: dict[str, list[Any]] = {}
    cursor = None
    while True:
        page = organization.service.call(
            "export_person",
            actor=more.get("by", organization.actor()),
            user_id=user["id"],
            cursor=cursor,
        )
        assert page["about"]
        files.setdefault(page["file"], []).extend(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            return files


def test_an_export_holds_the_profile_and_the_sign_ins(
    service: ServiceProcess, organization: Organization
) -> None:
    user = somebody(organization, password=PASSWORD)
    for _ in range(2):
        service.call("authenticate", login=user["email"], password=PASSWORD)
    user = service.call("get_user", actor=organization.actor(), user_id=user["id"])
    files = exported(organization, user, by=organization.actor(user))
    [profile] = files["profile"]
    assert profile.pop("organization")["id"] == str(organization.id)
    assert profile == user
    assert len(files["sign_ins"]) == 2
    assert "password" not in str(files)


@pytest.mark.parametrize("role", ["admin", "instructor", "student"])
def test_others_than_owners_export_themselves_only(organization: Organization, role: str) -> None:
    user, other = somebody(organization), organization.add(role)
    assert exported(organization, other, by=organization.actor(other))
    with pytest.raises(Forbidden, match=r"access\.owner_only"):
        exported(organization, user, by=organization.actor(other))


@pytest.mark.parametrize("cursor", ["", "x", "WzEwLG51bGxd", "WzAsWyJ4Il1d", "WzAsWzEsMl1d", "W10"])
def test_a_broken_cursor_of_an_export_is_named(organization: Organization, cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        organization.service.call(
            "export_person",
            actor=organization.actor(),
            user_id=organization.owner["id"],
            cursor=cursor,
        )
    assert [e.pointer for e in refused.value.errors] == ["/cursor"]


def test_an_erased_persons_links_and_mails_are_gone(
    service: ServiceProcess, organization: Organization
) -> None:
    user = somebody(organization)
    service.call("invite_user", actor=organization.actor(), user_id=user["id"])
    assert exported(organization, user)["links"]
    erase(organization, user)
    wait_until(lambda: is_done(organization, user))
    for table in ("links", "mails"):
        statement = f"SELECT 1 FROM {table} WHERE user_id = %s"  # noqa: S608 - our own words # nosec B608
        assert service.sql(statement, (user["id"],)) == []


def test_an_export_holds_audit_entries_without_the_addresses_of_others(
    service: ServiceProcess, organization: Organization
) -> None:
    user = somebody(organization)
    exported(organization, user)
    wait_until(lambda: len(exported(organization, user)["audit"]) > 2)
    entries = exported(organization, user)["audit"]
    assert {"user.created", "user.exported"} <= {entry["action"] for entry in entries}
    assert {entry["address"] for entry in entries} == {None}
    assert all(user["id"] in entry["targets"] for entry in entries)

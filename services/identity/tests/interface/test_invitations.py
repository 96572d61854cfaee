"""Invitations: sent with a new person, later, to one or to all; accepted once."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, NotFound, ServiceError
from chassis.testing import ServiceProcess, wait_until

from .conftest import PASSWORD, Organization, email, sign_up
from .mailbox import Mailbox, text_of


def invited(organization: Organization, *roles: str, **fields: Any) -> dict[str, Any]:
    return organization.add(*(roles or ("student",)), send_invitation=True, **fields)


def accept(service: ServiceProcess, token: str, password: str = PASSWORD, **more: Any) -> Any:
    return service.call("accept_invitation", token=token, password=password, **more)


def refusal(service: ServiceProcess, token: str) -> ServiceError:
    with pytest.raises(Invalid) as refused:
        accept(service, token)
    return refused.value


def is_bad_link(error: ServiceError) -> bool:
    return error.code == "identity.bad_link" and [e.pointer for e in error.errors] == ["/token"]


def mails_of(organization: Organization) -> list[Any]:
    statement = "SELECT kind, status FROM mails WHERE organization_id = %s ORDER BY created_at"
    return organization.service.sql(statement, (str(organization.id),))


def actions_of(organization: Organization) -> list[str]:
    return [
        event.data["action"]
        for event in organization.service.events("audit_recorded")
        if event.organization_id == organization.id
    ]


def test_a_new_person_gets_a_link_and_signs_in_by_it(
    organization: Organization, mailbox: Mailbox
) -> None:
    person = invited(organization, "instructor")
    assert person["status"] == "invited"
    answer = accept(organization.service, mailbox.token_for(person["email"]))
    assert answer["user"]["id"] == person["id"]
    assert answer["user"]["status"] == "active"
    assert answer["organization"]["slug"] == organization.slug
    seen = organization.service.call("verify_token", access_token=answer["access_token"])
    assert seen["user_id"] == person["id"]
    again = organization.service.call("authenticate", login=person["email"], password=PASSWORD)
    assert again["user"]["id"] == person["id"]
    assert {"invitation.sent", "invitation.accepted"} <= set(actions_of(organization))


def test_the_mail_names_the_organization_and_has_a_plain_and_an_html_form(
    organization: Organization, mailbox: Mailbox
) -> None:
    person = invited(organization, first_name="<b>Ada</b>", last_name="O'Byron & Söhne")
    mail = mailbox.newest_to(person["email"])
    name = organization.signed_up["organization"]["name"]
    assert name in mail["Subject"]
    assert "<b>Ada</b> O'Byron & Söhne" in str(mail["To"])
    assert name in text_of(mail)
    assert "&lt;b&gt;Ada" in text_of(mail, "html")
    assert "<b>Ada" not in text_of(mail, "html")
    assert mail["Message-ID"].startswith("<")


@pytest.mark.parametrize("send", [False, None])
def test_nothing_is_mailed_to_who_is_held_back_or_has_a_password(
    organization: Organization, send: bool | None
) -> None:
    if send is None:
        organization.add("student", password=PASSWORD, send_invitation=True)
        organization.add("student", email=None, username="a" + uuid.uuid4().hex[:9])
    else:
        organization.add("student", send_invitation=send)
    assert mails_of(organization) == []


def test_a_link_works_once(organization: Organization, mailbox: Mailbox) -> None:
    token = mailbox.token_for(invited(organization)["email"])
    accept(organization.service, token)
    assert is_bad_link(refusal(organization.service, token))


def test_of_many_who_use_one_link_at_once_one_gets_in(
    organization: Organization, mailbox: Mailbox
) -> None:
    token = mailbox.token_for(invited(organization)["email"])

    def attempt(number: int) -> str:
        try:
            accept(organization.service, token, f"{PASSWORD} {number}")
        except ServiceError as error:
            return error.code
        return "in"

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(attempt, range(6)))
    assert sorted(outcomes) == ["identity.bad_link"] * 5 + ["in"]


def test_a_repeated_call_answers_the_same_tokens(
    organization: Organization, mailbox: Mailbox
) -> None:
    token = mailbox.token_for(invited(organization)["email"])
    operation_id = uuid.uuid4()
    first = accept(organization.service, token, operation_id=operation_id)
    assert accept(organization.service, token, operation_id=operation_id) == first
    assert organization.service.last_replayed


def test_a_newer_link_ends_the_older_one(organization: Organization, mailbox: Mailbox) -> None:
    service, person = organization.service, invited(organization)
    first = mailbox.token_for(person["email"])
    answer = service.call("invite_user", actor=organization.actor(), user_id=person["id"])
    assert answer["id"] == person["id"]
    second = mailbox.token_for(person["email"], count=2)
    assert first != second
    assert is_bad_link(refusal(service, first))
    assert accept(service, second)["user"]["id"] == person["id"]


@pytest.mark.parametrize("how", ["nonsense", "forged", "of another kind", "cut", "", "ä" * 64])
def test_a_token_that_is_none_of_ours_is_refused(
    organization: Organization, mailbox: Mailbox, how: str
) -> None:
    token = mailbox.token_for(invited(organization)["email"])
    last = "A" if token[-1] != "A" else "B"
    given = {"forged": token[:-1] + last, "cut": token[:-4], "of another kind": token}.get(how, how)
    method = "reset_password" if how == "of another kind" else "accept_invitation"
    with pytest.raises(Invalid) as refused:
        organization.service.call(method, token=given, password=PASSWORD)
    assert [error.pointer for error in refused.value.errors] == ["/token"]


def test_an_expired_link_is_refused(organization: Organization, mailbox: Mailbox) -> None:
    token = mailbox.token_for(invited(organization)["email"])
    organization.service.sql(
        "UPDATE links SET expires_at = now() - interval '1 second' WHERE organization_id = %s",
        (str(organization.id),),
    )
    assert is_bad_link(refusal(organization.service, token))


def test_an_invitation_lives_for_14_days_and_a_reset_for_an_hour(
    organization: Organization, mailbox: Mailbox
) -> None:
    invited(organization)
    organization.service.call("forgot_password", login=organization.owner["email"])
    lives = organization.service.sql(
        "SELECT purpose, extract(epoch FROM expires_at - created_at)::int FROM links WHERE organization_id = %s",
        (str(organization.id),),
    )
    assert dict(lives) == {"invitation": 14 * 86_400, "password_reset": 3_600}  # nosec B105 # made up for a test


@pytest.mark.parametrize("restored", [False, True])
def test_an_archived_persons_link_does_not_work(
    organization: Organization, mailbox: Mailbox, restored: bool
) -> None:
    service, person = organization.service, invited(organization)
    token = mailbox.token_for(person["email"])
    service.call("archive_user", actor=organization.actor(), user_id=person["id"])
    if restored:
        service.call("restore_user", actor=organization.actor(), user_id=person["id"])
    assert is_bad_link(refusal(service, token))


@pytest.mark.parametrize("by", ["update_user", "upsert_users"])
def test_another_address_ends_what_was_sent_to_the_old_one(
    organization: Organization, mailbox: Mailbox, by: str
) -> None:
    service = organization.service
    person = invited(organization, username="u" + uuid.uuid4().hex[:9])
    token = mailbox.token_for(person["email"])
    if by == "update_user":
        changes = {"email": email()}
        service.call(
            "update_user", actor=organization.actor(), user_id=person["id"], changes=changes
        )
    else:
        people = [{"username": person["username"], "email": email()}]
        service.call("upsert_users", actor=organization.actor(), people=people)
    assert is_bad_link(refusal(service, token))


def test_only_who_is_invited_and_has_an_address_can_be_invited(organization: Organization) -> None:
    active = organization.add("student", password=PASSWORD)
    unreachable = organization.add("student", email=None, username="n" + uuid.uuid4().hex[:9])
    archived = organization.add("student")
    call = organization.service.call
    call("archive_user", actor=organization.actor(), user_id=archived["id"])
    for person, code in (
        (active, "identity.already_active"),
        (unreachable, "identity.no_email"),
        (archived, "identity.archived_person"),
    ):
        with pytest.raises(Conflict) as refused:
            call("invite_user", actor=organization.actor(), user_id=person["id"])
        assert refused.value.code == code
    with pytest.raises(NotFound):
        call("invite_user", actor=organization.actor(), user_id=uuid.uuid4())


def test_only_managers_invite(organization: Organization, other_organization: Organization) -> None:
    person = organization.add("student")
    instructor = organization.actor(organization.add("instructor"))
    for method, arguments in (("invite_user", {"user_id": person["id"]}), ("invite_users", {})):
        with pytest.raises(Forbidden) as refused:
            organization.service.call(method, actor=instructor, **arguments)
        assert refused.value.code == "access.admin_only"
    stranger = other_organization.actor()
    with pytest.raises(NotFound):
        organization.service.call("invite_user", actor=stranger, user_id=person["id"])
    answer = organization.service.call("invite_users", actor=stranger, user_ids=[person["id"]])
    assert answer == {"invited": 0, "more": False}


def test_everybody_who_was_held_back_is_invited_at_once_and_nobody_twice(
    organization: Organization, mailbox: Mailbox
) -> None:
    service = organization.service
    held_back = [organization.add("student") for _ in range(3)]
    invited(organization)
    organization.add("student", password=PASSWORD)
    organization.add("student", email=None, username="h" + uuid.uuid4().hex[:9])
    operation_id = uuid.uuid4()
    actor = organization.actor()
    first = service.call("invite_users", actor=actor, operation_id=operation_id)
    assert first == {"invited": 3, "more": False}
    assert service.call("invite_users", actor=actor, operation_id=operation_id) == first
    assert service.call("invite_users", actor=actor) == {"invited": 0, "more": False}
    for person in held_back:
        assert accept(service, mailbox.token_for(person["email"]))["user"]["id"] == person["id"]


def test_chosen_people_are_invited_again(organization: Organization, mailbox: Mailbox) -> None:
    first, second = invited(organization), organization.add("student")
    ids = [first["id"], second["id"], str(uuid.uuid4()), organization.owner["id"]]
    answer = organization.service.call("invite_users", actor=organization.actor(), user_ids=ids)
    assert answer["invited"] == 2
    mailbox.newest_to(first["email"], count=2)
    mailbox.newest_to(second["email"])


def test_an_upload_invites_whom_it_adds_and_who_was_held_back(
    organization: Organization, mailbox: Mailbox
) -> None:
    service, held_back, known = organization.service, organization.add("student"), email()
    organization.add("student", email=known, password=PASSWORD)
    names = {"first_name": "A", "last_name": "B", "role": "student"}
    addresses = [email(), held_back["email"], known]
    people = [{**names, "email": address} for address in addresses]
    actor = organization.actor()
    service.call("upsert_users", actor=actor, people=people, send_invitations=False)
    assert mails_of(organization) == []
    service.call("upsert_users", actor=actor, people=people, dry_run=True, send_invitations=True)
    assert mails_of(organization) == []
    for _ in range(2):
        service.call("upsert_users", actor=actor, people=people, send_invitations=True)
    assert len(mails_of(organization)) == 2
    for address in addresses[:2]:
        mailbox.newest_to(address)


def test_twenty_thousand_are_invited_in_one_call(service: ServiceProcess) -> None:
    organization, count = sign_up(service), 20_000
    service.sql(
        "INSERT INTO users (organization_id, id, roles, first_name, last_name, email, time_zone, status) "
        "SELECT %s, gen_random_uuid(), '{student}', 'A', 'B', 'many' || n || '@example.org', 'UTC', 'invited' "
        "FROM generate_series(1, %s) AS n",
        (str(organization.id), count),
    )
    # They came over weeks; PostgreSQL has counted them since.
    service.sql("ANALYZE users")
    answer = service.call("invite_users", actor=organization.actor(), seconds=30.0)
    assert answer == {"invited": count, "more": False}
    # They would be many files to write.
    service.sql("DELETE FROM mails WHERE organization_id = %s", (str(organization.id),))


def test_no_token_is_stored_or_told_or_logged(organization: Organization, mailbox: Mailbox) -> None:
    service, person = organization.service, invited(organization)
    token = mailbox.token_for(person["email"])
    accept(service, token, operation_id=uuid.uuid4())
    service.call("forgot_password", login=person["email"], operation_id=uuid.uuid4())
    reset = mailbox.token_for(person["email"], count=2)
    service.call("reset_password", token=reset, password=PASSWORD + "!", operation_id=uuid.uuid4())
    tables = ("operations", "outbox", "links", "mails", "users", "audit_entries", "throttles")
    stored = "".join(str(service.sql(f"SELECT * FROM {table}")) for table in tables)  # noqa: S608 - our own words, values are parameters # nosec B608
    for secret in (token, reset, token[22:60], reset[22:60], PASSWORD):
        assert secret not in stored
        assert secret not in service.log()
    assert person["email"] not in service.log()


def test_a_mail_whose_link_is_no_use_any_more_is_not_sent(organization: Organization) -> None:
    service, person = organization.service, organization.add("student")
    link, mail = uuid.uuid4(), uuid.uuid4()
    service.sql(
        "INSERT INTO links (organization_id, id, user_id, purpose, expires_at) "
        "VALUES (%s, %s, %s, 'invitation', now() - interval '1 second')",
        (str(organization.id), str(link), person["id"]),
    )
    service.sql(
        "INSERT INTO mails (organization_id, id, user_id, kind, link_id, priority) "
        "VALUES (%s, %s, %s, 'invitation', %s, 1)",
        (str(organization.id), str(mail), person["id"], str(link)),
    )
    wait_until(lambda: mails_of(organization) == [("invitation", "dropped")])

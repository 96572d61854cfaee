"""The rules of who may, and the page that shows them."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from chassis.context import Actor
from chassis.errors import Forbidden
from gateway import access, access_table
from gateway.access import CALLERS, FOREIGN, ROLES_OF_CALLER, Outcome, Rule
from gateway.declarations import Answer
from gateway.routes import Routes

FILE = Path(__file__).parents[3] / "docs" / "access.md"
RULES = [rule for rule in vars(access).values() if isinstance(rule, Rule)]


def person(*roles: str) -> Actor:
    return Actor(uuid.uuid4(), uuid.uuid4(), frozenset(roles))


def test_an_operation_without_a_rule_can_not_be_declared() -> None:
    routes = Routes("nothing", "Nothing")
    with pytest.raises(TypeError, match="who"):
        routes.get("/nothing", answers={200: Answer()})


def test_the_page_is_what_the_code_says(tmp_path: Path) -> None:
    assert access_table.main(["--check", str(FILE)]) == 0
    assert access_table.main([str(tmp_path / "new.md")]) == 0
    assert (tmp_path / "new.md").read_bytes() == FILE.read_bytes()


def test_every_operation_of_the_document_has_a_row() -> None:
    names = [operation.name for operation in access_table.operations()]
    assert len(set(names)) == len(names)
    page = FILE.read_text()
    assert all(f"| `{name}` |" in page for name in names)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_roles_that_a_rule_requires_are_those_that_its_row_lets_in(rule: Rule) -> None:
    for caller, outcome in zip(CALLERS, rule.outcomes, strict=True):
        role = ROLES_OF_CALLER[caller]
        if rule.roles and role:
            assert (outcome is Outcome.NO) == (role not in rule.roles), caller


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_whoever_is_no_owner_may_nothing_that_an_owner_may_not(rule: Rule) -> None:
    *_, admin, owner = rule.outcomes
    assert admin is owner or (admin, owner) == (Outcome.NO, Outcome.YES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_only_a_rule_for_anyone_lets_anyone_in(rule: Rule) -> None:
    assert rule.signed_in or set(rule.outcomes) == {Outcome.YES}
    assert rule.outcomes[0] in {Outcome.YES, Outcome.SIGN_IN}


@pytest.mark.parametrize("rule", [r for r in RULES if r.signed_in], ids=lambda rule: rule.name)
def test_what_another_organization_has_is_not_there_whatever_the_role(rule: Rule) -> None:
    assert rule.outcome(FOREIGN, names_something=True) in {Outcome.UNKNOWN, Outcome.NO}


def test_any_of_the_roles_is_enough_and_none_is_refused() -> None:
    access.ADMINS.require_role(person("student", "admin"))
    access.SIGNED_IN.require_role(person())
    with pytest.raises(Forbidden, match=r"access\.role_required"):
        access.ADMINS.require_role(person("student", "instructor"))


def test_a_row_has_an_outcome_for_each_kind_of_caller() -> None:
    with pytest.raises(ValueError, match="each kind"):
        access.outcomes("yes yes")

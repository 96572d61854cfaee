"""docs/access.md, asked of the running system: every operation, by every kind of caller, with real data."""

from __future__ import annotations

import pytest

from gateway import access_table
from gateway.access import CALLERS, Outcome, Rule

from .client import Answer
from .openapi import documented_calls
from .recipes import ECHOES, FOREIGN, REACHED, RECIPES, Attempt, World, new_world
from .system import RunningSystem

ALLOWED = {Outcome.YES, Outcome.OWN}
ROWS: dict[str, dict[str, Outcome]] = {
    operation.name: dict(zip(CALLERS, access_table.outcomes(operation), strict=True))
    for operation in access_table.operations()
}
RULES: dict[str, Rule] = {operation.name: operation.who for operation in access_table.operations()}


@pytest.fixture(scope="module")
def world(shared_system: RunningSystem) -> World:
    return new_world(shared_system.url)


def test_every_documented_operation_has_a_row_and_a_way_to_ask_for_it(
    shared_system: RunningSystem,
) -> None:
    documented = {call.name for call in documented_calls(shared_system.url)}
    assert documented == set(ROWS) == set(RECIPES)


@pytest.mark.parametrize("caller", CALLERS)
def test_a_caller_who_may_not_is_refused_as_the_table_says_and_changes_nothing(
    world: World, caller: str
) -> None:
    before = world.everything()
    wrong = []
    for name, row in ROWS.items():
        if row[caller] not in ALLOWED:
            answer = RECIPES[name](Attempt(world, caller, succeeds=False))
            if complaint := refusal_is_wrong(name, row[caller], answer):
                wrong.append(complaint)
    assert wrong == []
    assert world.everything() == before


def refusal_is_wrong(name: str, expected: Outcome, answer: Answer) -> str:
    """What is wrong with a refusal, or nothing."""
    said = f"{name}: {answer.status} {answer.body} instead of {expected}"
    if expected is Outcome.SIGN_IN:
        return "" if (answer.status, answer.code) == (401, "access.sign_in_required") else said
    if expected is Outcome.UNKNOWN:
        # An id in a body that can't be seen is a wrong field.
        is_unknown = answer.status == 404 or ("{" not in name and answer.status == 422)
        return "" if is_unknown else said
    is_for_the_role = answer.code == "access.role_required"
    return "" if answer.status == 403 and is_for_the_role == bool(RULES[name].roles) else said


@pytest.mark.parametrize("caller", CALLERS)
def test_a_caller_who_may_reaches_every_operation_of_theirs(world: World, caller: str) -> None:
    wrong = []
    for name, row in ROWS.items():
        if row[caller] in ALLOWED:
            answer = RECIPES[name](Attempt(world, caller, succeeds=caller != FOREIGN))
            if not (200 <= answer.status < 300 or answer.code == REACHED.get(name, answer)):
                wrong.append(f"{name}: {answer.status} {answer.body}")
            elif row[caller] is Outcome.OWN and (seen := others_in(world, caller, name, answer)):
                wrong.append(f"{name} shows {seen}")
    assert wrong == []


def others_in(world: World, caller: str, name: str, answer: Answer) -> list[str]:
    """Whom the answer names although they are none of the caller's business."""
    hidden = [world.stranger]
    if caller == FOREIGN:
        hidden += [person for kind, person in world.people.items() if kind != FOREIGN]
    text = str(answer.body)
    return [
        person.email
        for person in hidden
        if person.email in text or (person.id in text and name not in ECHOES)
    ]


@pytest.mark.parametrize("caller", ["admin", "owner"])
def test_administrators_see_everybody(world: World, caller: str) -> None:
    ids = {person["id"] for person in world.api(caller).items("/users")}
    assert world.stranger.id in ids
    assert {person.id for kind, person in world.people.items() if kind != FOREIGN} <= ids

"""Whatever the order in which facts arrive, a conversation is shown as what is true in the end."""

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from messaging_service.domain import Fact, Standing

START = datetime(2030, 1, 1, tzinfo=UTC)


def history(changes: int) -> list[Fact]:
    """Assignments that begin and end in turn, a minute apart."""
    facts: list[Fact] = []
    for number in range(changes):
        at = START + timedelta(minutes=number)
        if number % 2 == 0:
            facts.append(Fact("open", uuid.uuid4(), at))
        else:
            facts.append(Fact("closed", facts[-1].assignment_id, at))
    return facts


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Fact], int, list[Fact]]:
    """A history, the fact after which the pair opened its conversation, and what arrived from then on."""
    facts = history(draw(st.integers(1, 9)))
    opened_after = 2 * draw(st.integers(0, (len(facts) - 1) // 2))
    late = draw(st.lists(st.sampled_from(facts[: opened_after + 1])))
    arriving = draw(st.permutations([*facts[opened_after + 1 :], *late]))
    repeated = draw(st.lists(st.sampled_from(arriving))) if arriving else []
    return facts, opened_after, [*arriving, *repeated]


@given(deliveries())
def test_late_repeated_and_shuffled_facts_end_in_the_truth(delivery):
    facts, opened_after, arriving = delivery
    basis = facts[opened_after]
    standing = Standing("open", basis.assignment_id, basis.at + timedelta(seconds=30))
    for fact in arriving:
        standing = standing.after(fact)
    assert standing.status == facts[-1].status


@given(deliveries(), st.integers(0, 8))
def test_opening_in_between_does_not_hide_the_truth(delivery, position):
    """The pair opens again on the strength of the newest assignment, before or after its facts arrive."""
    facts, opened_after, arriving = delivery
    basis = facts[opened_after]
    standing = Standing("open", basis.assignment_id, basis.at + timedelta(seconds=30))
    newest = next(fact for fact in reversed(facts) if fact.status == "open")
    for fact in arriving[:position]:
        standing = standing.after(fact)
    standing = standing.after_authorized(newest.assignment_id, newest.at + timedelta(seconds=30))
    for fact in arriving[position:]:
        standing = standing.after(fact)
    if facts[-1] in arriving[position:] or facts[-1].status == "open":
        assert standing.status == facts[-1].status


def test_a_decision_that_the_end_has_overtaken_opens_nothing():
    assignment_id = uuid.uuid4()
    closed = Standing("closed", assignment_id, START)
    assert closed.after_authorized(assignment_id, START + timedelta(seconds=1)) is closed

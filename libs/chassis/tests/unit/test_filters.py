import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys

import pytest

from chassis import filters


@pytest.mark.parametrize(
    "condition",
    [
        "organization_id = %(organization_id)s",
        "users.organization_id = %(organization_id)s::UUID",
        "a.organization_id = (SELECT %(organization_id)s::uuid)",
        "organization_id = :organization_id",
        "o.organization_id = $1",
        "organization_id = %s",
        "organization_id = CAST(%(organization_id)s AS uuid)",
        "u.organization_id = t.organization_id",
        "operations.organization_id IS NOT DISTINCT FROM $2",
    ],
)
def test_each_way_to_write_the_filter_is_made_true(condition):
    changed, count = filters.without_filters(f"DELETE ... WHERE {condition} AND id = 1")
    assert changed == f"DELETE ... WHERE ({condition} OR true) AND id = 1"
    assert count == 1


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO outbox (event_id, organization_id) VALUES (%s, %s)",
        "INSERT INTO users AS u SELECT %(organization_id)s, id ON CONFLICT (organization_id, id) DO NOTHING",
        "SELECT organization_id FROM users ORDER BY organization_id, id",
        "SELECT set_config('app.organization_id', 'x', true)",
    ],
)
def test_what_is_no_filter_stays(statement):
    assert filters.without_filters(statement) == (statement, 0)


def test_nothing_is_changed_unless_the_switch_is_used():
    statement = "SELECT 1 FROM users WHERE organization_id = %s"
    assert not filters.ARE_OFF
    assert filters.as_switched(statement, is_confined=True) is statement


@pytest.mark.parametrize(
    "environment", [{}, {"ORGANIZATION_FILTERS": "on"}, {"TANDEM_IS_UNDER_TEST": "yes"}]
)
def test_the_filters_are_on_as_a_rule(environment):
    assert not filters.is_off(environment)


def test_the_filters_are_off_only_for_somebody_who_says_twice_that_it_is_a_test():
    off = {"ORGANIZATION_FILTERS": "off"}
    assert filters.is_off({**off, "TANDEM_IS_UNDER_TEST": "yes"})
    with pytest.raises(RuntimeError, match="for tests alone"):
        filters.is_off(off)
    with pytest.raises(RuntimeError, match="on or off"):
        filters.is_off({"ORGANIZATION_FILTERS": "0"})


def test_a_service_refuses_to_start_without_its_filters_outside_of_tests():
    environment = {**os.environ, "ORGANIZATION_FILTERS": "off"}
    environment.pop("TANDEM_IS_UNDER_TEST", None)
    command = [sys.executable, "-m", "chassis", "run", "toy_service"]
    done = subprocess.run(  # nosec B603 # our own words, without a shell
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "ORGANIZATION_FILTERS=off is for tests alone" in done.stderr

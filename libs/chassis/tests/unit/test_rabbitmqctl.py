"""How `rabbitmqctl` is called and read; programs of the tests' own stand in its place here."""

import json
import stat

import pytest

from chassis.rabbitmqctl import Rabbitmqctl, RabbitmqctlFailed, json_in, split_at_program

REPORT = "=ERROR REPORT==== 28-Nov-2026::10:00:00.000000 ===\nFile operation error: eacces.\n"


@pytest.fixture
def program(tmp_path):
    """Writes a `rabbitmqctl` that does what the given lines of a shell say; answers how to call it."""

    def written(*lines, name="rabbitmqctl"):
        path = tmp_path / name
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return written


@pytest.mark.parametrize("said", ["", REPORT, f"{REPORT}[stack of something]\n", "Timeout: 60 s\n"])
def test_json_is_read_behind_whatever_erlang_reports(said):
    assert json_in(f'{said}[\n{{"name":"a","messages":1}}\n,{{"name":"b","messages":0}}]\n') == [
        {"name": "a", "messages": 1},
        {"name": "b", "messages": 0},
    ]


@pytest.mark.parametrize("said", ["", REPORT, "[", '{"half": '])
def test_what_holds_no_json_is_an_error(said):
    with pytest.raises(ValueError, match="no JSON"):
        json_in(said)


def test_it_runs_in_a_folder_that_every_account_can_read(program):
    assert Rabbitmqctl([program("pwd")]).run() == "/\n"


def test_definitions_are_handed_over_as_a_file_that_is_gone_afterwards(program, tmp_path):
    copy = tmp_path / "copy"
    command = program(
        '[ "$1" = version ] && echo 4.0.5 && exit',
        f'stat -c "%a $2" "$2" >"{copy}.mode"',
        f'[ "$1" = import_definitions ] && cat "$2" >"{copy}"',
    )
    Rabbitmqctl([command]).import_definitions({"users": [{"name": 'Zoë\'s "user"'}]})
    assert json.loads(copy.read_text()) == {"users": [{"name": 'Zoë\'s "user"'}]}
    mode, _, file = (tmp_path / "copy.mode").read_text().strip().partition(" ")
    assert mode == "600"
    assert not (tmp_path / file).exists()


@pytest.mark.parametrize(
    ("command", "before", "program"),
    [
        (
            ["env", "A=/opt/rabbitmqctl", "docker", "exec", "-i", "rabbitmqctl", "rabbitmqctl"],
            ["env", "A=/opt/rabbitmqctl", "docker", "exec", "-i", "rabbitmqctl"],
            ["rabbitmqctl"],
        ),
        (["rabbitmqctl"], [], ["rabbitmqctl"]),
        (["env", "A=b", "/usr/sbin/rabbitmqctl"], ["env", "A=b"], ["/usr/sbin/rabbitmqctl"]),
        (
            ["docker", "exec", "-i", "broker", "rabbitmqctl", "-n", "rabbit@a"],
            ["docker", "exec", "-i", "broker"],
            ["rabbitmqctl", "-n", "rabbit@a"],
        ),
        (["/opt/our-control", "--site", "x"], [], ["/opt/our-control", "--site", "x"]),
    ],
)
def test_the_file_is_made_where_the_program_runs(command, before, program):
    assert split_at_program(command) == (before, program)


@pytest.mark.parametrize("version", ["3.10.8", "4.0.6", "4.0.50", "4.1.0", "14.0.5"])
def test_definitions_come_by_standard_input_where_that_works(program, tmp_path, version):
    copy = tmp_path / "copy"
    command = program(
        f'[ "$1" = version ] && echo {version} && exit',
        f'[ "$*" = "--node x import_definitions" ] && exec cat >"{copy}"',
        '[ "$3" = version ] && echo ' + version,
    )
    Rabbitmqctl([command, "--node", "x"]).import_definitions({"users": []})
    assert json.loads(copy.read_text()) == {"users": []}


def test_a_failure_says_what_the_program_said_and_not_what_it_was_given(program):
    command = program("echo no such node >&2; exit 69")
    with pytest.raises(RabbitmqctlFailed, match=r"status 69:\nno such node") as raised:
        Rabbitmqctl([command]).import_definitions({"users": ["hidden"]})
    assert "hidden" not in str(raised.value)


def test_a_program_that_is_missing_is_named():
    with pytest.raises(RabbitmqctlFailed, match="nowhere/rabbitmqctl"):
        Rabbitmqctl(["/nowhere/rabbitmqctl"]).run("status")


def test_one_that_never_ends_is_ended(program, monkeypatch):
    monkeypatch.setattr("chassis.rabbitmqctl.SECONDS", 0.2)
    with pytest.raises(RabbitmqctlFailed, match="did not end"):
        Rabbitmqctl([program("exec tail -f /dev/null")]).run("import_definitions")

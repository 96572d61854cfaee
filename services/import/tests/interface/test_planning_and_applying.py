"""What an upload plans, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

HEADER = "role,first_name,last_name,email,username,instructors,students\n"


def test_a_file_of_new_people_and_pairs_is_planned_and_then_applied(organization: Any) -> None:
    planned = organization.plan(
        HEADER
        + "student,Sam,S,sam@x.org,,ines@x.org,\n"  # names somebody of a later row
        + "instructor,Ines,I,ines@x.org,,,tim\n"
        + "student,Tim,T,,tim,,\n"
    )
    assert planned["counts"] == {
        "rows": 3, "create": 3, "update": 0, "unchanged": 0, "assign": 2, "unassign": 0, "invalid": 0,
    }  # fmt: skip
    assert planned["progress"] == {"done": 3, "total": 3}
    assert organization.people == {}

    assert organization.call("apply_import", import_id=planned["id"])["status"] == "applying"
    finished = organization.wait(planned["id"], "finished")
    assert finished["counts"] == planned["counts"]
    assert finished["progress"] == {"done": 3, "total": 3}
    assert finished["finished_at"] is not None
    by_name = {p["first_name"]: p["id"] for p in organization.people.values()}
    assert organization.pairs == {
        (by_name["Ines"], by_name["Sam"]),
        (by_name["Ines"], by_name["Tim"]),
    }
    rows = organization.rows(planned["id"])
    assert [row["row"] for row in rows] == [2, 3, 4]
    assert [row["user_id"] for row in rows] == [by_name[n] for n in ("Sam", "Ines", "Tim")]
    assert all(row["applied"] and row["outcome"] == "create" and not row["errors"] for row in rows)
    assert rows[0]["assignments"] == [
        {"instructor_id": by_name["Ines"], "student_id": by_name["Sam"], "outcome": "assigned"}
    ]
    names = [e.name for e in organization.service.events() if e.subject == planned["id"]]
    assert names[-1] == "import_finished"
    assert names.count("import_planned") == names.count("import_finished") == 1


@pytest.mark.parametrize("send_invitations", [True, False])
def test_invitations_are_sent_with_what_is_applied_if_the_upload_says_so(
    organization: Any, people: Any, send_invitations: bool
) -> None:
    file = HEADER + "student,Sam,S,sam@x.org,,,\n"
    organization.plan(file, send_invitations=send_invitations)
    assert organization.id not in people.invited_to
    organization.finish(file, send_invitations=send_invitations)
    assert (organization.id in people.invited_to) == send_invitations


def test_the_template_imports_without_error(organization: Any) -> None:
    template = organization.call("template")["content"]
    finished = organization.finish(template)
    assert finished["counts"]["invalid"] == 0
    assert finished["counts"]["create"] == 2
    assert finished["counts"]["assign"] == 1


def test_the_same_file_again_changes_nothing(organization: Any) -> None:
    file = HEADER + "student,Sam,S,sam@x.org,,ines@x.org,\ninstructor,Ines,I,ines@x.org,,,\n"
    organization.finish(file)
    again = organization.finish(file)
    assert again["counts"]["unchanged"] == 2
    assert again["counts"]["assign"] == 0
    assert len(organization.people) == 2
    assert len(organization.pairs) == 1
    (assignment,) = organization.rows(again["id"])[0]["assignments"]
    assert assignment["outcome"] == "already_assigned"


def test_known_people_are_found_by_email_else_username_else_external_id(organization: Any) -> None:
    organization.add("student", email="a@x.org", first_name="A", last_name="L")
    organization.add("student", username="bee", first_name="B", last_name="L")
    organization.add("student", external_id="C-3", first_name="C", last_name="L")
    planned = organization.plan(
        "email,username,external_id,phone\nA@x.org,,,1\n,BEE,,2\n,,C-3,3\n,,C-4,4\n"
    )
    rows = organization.rows(planned["id"])
    assert [row["outcome"] for row in rows] == ["update"] * 3 + ["invalid"]
    assert rows[0]["changes"]
    assert {error["column"] for error in rows[3]["errors"]} == {"role", "first_name", "last_name"}


def test_an_empty_cell_leaves_what_is_known(organization: Any) -> None:
    sam = organization.add("student", email="s@x.org", first_name="Sam", last_name="S", phone="1")
    counts = organization.finish("email,phone,first_name\ns@x.org,,\n")["counts"]
    assert counts["unchanged"] == 1
    assert sam["phone"] == "1"


def test_a_pair_named_from_both_sides_counts_once(organization: Any) -> None:
    finished = organization.finish(
        HEADER + "student,S,S,s@x.org,,i@x.org,\ninstructor,I,I,i@x.org,,,s@x.org\n"
    )
    assert finished["counts"]["assign"] == 1
    assert [len(row["assignments"]) for row in organization.rows(finished["id"])] == [1, 1]


def test_lists_may_be_separated_by_semicolons_commas_bars_and_line_breaks(
    organization: Any,
) -> None:
    teachers = "".join(f"instructor,I,{n},{n}@x.org,,,\n" for n in "abcd")
    finished = organization.finish(
        HEADER + 'student,S,S,s@x.org,,"a@x.org; b@x.org,|c@x.org\nd@x.org",\n' + teachers
    )
    assert finished["counts"]["assign"] == 4
    assert [row["row"] for row in organization.rows(finished["id"])] == [2, 4, 5, 6, 7]


def test_a_row_that_names_somebody_unknown_is_invalid_as_a_whole(organization: Any) -> None:
    finished = organization.finish(
        HEADER + "student,S,S,s@x.org,,i@x.org;nobody,\ninstructor,I,I,i@x.org,,,\n"
    )
    assert finished["counts"] == {
        "rows": 2, "create": 1, "update": 0, "unchanged": 0, "assign": 0, "unassign": 0, "invalid": 1,
    }  # fmt: skip
    (row,) = organization.rows(finished["id"], outcome="invalid")
    (error,) = row["errors"]
    assert (error["column"], error["code"]) == ("instructors", "import.unknown_reference")
    assert "nobody" in error["detail"]
    assert organization.pairs == set()
    assert [person["email"] for person in organization.people.values()] == ["i@x.org"]


def test_rows_that_name_a_row_which_turns_out_invalid_are_invalid_too(organization: Any) -> None:
    planned = organization.plan(
        HEADER
        + "student,A,A,a@x.org,,b@x.org,\n"  # invalid because of the next one
        + "instructor,B,B,b@x.org,,,c@x.org\n"  # invalid because of the next one
        + "student,C,C,c@x.org,,nobody@x.org,\n"
        + "instructor,D,D,d@x.org,,,e@x.org\n"
        + "student,E,E,e@x.org,,,\n"
    )
    rows = organization.rows(planned["id"])
    assert [row["outcome"] for row in rows] == ["invalid"] * 3 + ["create"] * 2
    assert [row["errors"][0]["code"] for row in rows[:3]] == [
        "import.invalid_reference",
        "import.invalid_reference",
        "import.unknown_reference",
    ]
    assert "line 3" in rows[0]["errors"][0]["detail"]
    assert planned["counts"]["assign"] == 1


def test_an_invalid_row_of_a_known_person_does_not_harm_those_who_name_them(
    organization: Any,
) -> None:
    organization.add("instructor", email="i@x.org", first_name="I", last_name="I")
    finished = organization.finish(
        HEADER.replace("username", "time_zone")
        + "instructor,I,I,i@x.org,nowhere,,\n"
        + "student,S,S,s@x.org,,i@x.org,\n"
    )
    assert finished["counts"]["invalid"] == 1
    assert organization.pairs_by_email() == {("i@x.org", "s@x.org")}


def test_only_students_have_instructors_and_only_instructors_are_named(organization: Any) -> None:
    organization.add("admin", email="admin@x.org", first_name="A", last_name="A")
    planned = organization.plan(
        HEADER
        + "instructor,I,I,i@x.org,,j@x.org,\n"
        + "student,S,S,s@x.org,,admin@x.org,\n"
        + "student,T,T,t@x.org,,s@x.org,\n"
        + "student,U,U,u@x.org,,u@x.org,\n"
        + "instructor,J,J,j@x.org,,,\n"
    )
    codes = [[e["code"] for e in row["errors"]] for row in organization.rows(planned["id"])]
    assert codes == [
        ["import.column_not_for_role"],
        ["import.wrong_role_reference"],
        ["import.wrong_role_reference"],
        ["import.wrong_role_reference"],
        [],
    ]


def test_an_archived_person_cannot_be_named(organization: Any) -> None:
    organization.add("instructor", email="i@x.org", status="archived")
    planned = organization.plan(HEADER + "student,S,S,s@x.org,,i@x.org,\n")
    (row,) = organization.rows(planned["id"])
    assert row["errors"][0]["code"] == "import.archived_reference"


def test_a_second_row_of_a_person_is_invalid_and_names_the_first(organization: Any) -> None:
    organization.add("student", email="k@x.org", username="kay", first_name="K", last_name="K")
    planned = organization.plan(
        HEADER
        + "student,A,A,a@x.org,,,\n"
        + "student,B,B,A@X.org,,,\n"
        + "student,K,K,k@x.org,,,\n"
        + "student,L,L,,kay,,\n"  # found by another key
    )
    rows = organization.rows(planned["id"])
    assert [row["outcome"] for row in rows] == ["create", "invalid", "unchanged", "invalid"]
    assert rows[1]["errors"][0]["code"] == "import.duplicate_row"
    assert "line 2" in rows[1]["errors"][0]["detail"]
    assert "line 4" in rows[3]["errors"][0]["detail"]


def test_roles_have_common_words_and_owner_is_refused(organization: Any) -> None:
    finished = organization.finish(
        "Role;Given name;Surname;E-mail Address\n"
        "TEACHER;A;A;a@x.org\npupil;B;B;b@x.org\nAdministrator;C;C;c@x.org\n"
        "owner;D;D;d@x.org\nboss;E;E;e@x.org\n"
    )
    roles = {p["email"]: p["roles"] for p in organization.people.values()}
    assert roles == {"a@x.org": ["instructor"], "b@x.org": ["student"], "c@x.org": ["admin"]}
    errors = [row["errors"][0] for row in organization.rows(finished["id"], outcome="invalid")]
    assert [(e["column"], e["code"]) for e in errors] == [
        ("Role", "import.owner_refused"),
        ("Role", "import.unknown_role"),
    ]


def test_people_of_the_file_may_take_a_role_and_be_named_for_it(organization: Any) -> None:
    organization.add("admin", email="i@x.org", first_name="I", last_name="I")
    organization.finish(HEADER + "student,S,S,s@x.org,,i@x.org,\ninstructor,I,I,i@x.org,,,\n")
    assert organization.pairs_by_email() == {("i@x.org", "s@x.org")}


def test_a_row_without_a_role_uses_the_persons_own(organization: Any) -> None:
    organization.add("student", email="s@x.org", first_name="S", last_name="S")
    organization.add("instructor", username="ines", first_name="I", last_name="I")
    counts = organization.finish("email,instructors\ns@x.org,ines\n")["counts"]
    assert counts["assign"] == 1
    refused = organization.plan("username,instructors\nines,s@x.org\n")
    assert refused["counts"]["invalid"] == 1


def test_other_columns_are_ignored_with_a_warning(organization: Any) -> None:
    planned = organization.plan("email,Shoe size,Password\na@x.org,44,hunter2secret\n")
    columns = planned["detected"]["columns"]
    assert [(c["field"], c["status"]) for c in columns] == [
        ("email", "used"),
        (None, "ignored"),
        (None, "ignored"),
    ]
    assert columns[1]["warning"]
    assert "hunter2secret" not in organization.report(planned["id"])
    stored = organization.service.sql("SELECT cells::text FROM import_rows")
    assert not any("hunter2secret" in cells for (cells,) in stored)


def test_the_report_says_what_became_of_each_row_and_can_be_uploaded_again(
    organization: Any,
) -> None:
    file = (
        "\ufeffrole;first_name;last_name;email;phone\r\n"
        "student;Sam;S;sam@x.org;+49 1\r\n"
        'wizard;"=HYPERLINK(""x"")";W;w@x.org;\r\n'
        "student;short\r\n"
    )
    finished = organization.finish(file)
    report = organization.report(finished["id"])
    lines = report.removeprefix("\ufeff").splitlines()
    assert report.startswith("\ufeff")
    assert lines[0] == "role;first_name;last_name;email;phone;outcome;errors"
    assert lines[1] == "student;Sam;S;sam@x.org;'+49 1;create;"
    assert "'=HYPERLINK" in lines[2]
    assert ";invalid;" in lines[2]
    assert "wizard" in lines[2].rpartition(";invalid;")[2]
    (sam,) = organization.people.values()
    assert sam["phone"] == "+49 1"

    again = organization.finish(report.replace("wizard", "teacher", 1))
    assert again["counts"]["unchanged"] == 1
    assert {p["first_name"] for p in organization.people.values()} == {"Sam", '=HYPERLINK("x")'}
    headers = organization.report(again["id"]).removeprefix("\ufeff").splitlines()[0]
    assert headers == lines[0]

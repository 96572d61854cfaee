from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest

from chaos.history import HIDDEN, Entry, History, read, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "history.jsonl"


def test_what_was_recorded_is_read_back(path: Path) -> None:
    clock = itertools.count(100.0, 0.5)
    with History(path, clock=lambda: next(clock)) as history:
        number = history.invoke(
            "olivia", "book_session", organization="one", request={"a": 1}, key="k", attempt=2
        )
        history.end(number, "ok", status=201, answer={"id": "s"})

    assert read(path) == [
        Entry(
            "olivia", "book_session", 100.0, 100.5, "ok", 201, "one", {"a": 1}, {"id": "s"}, "k", 2
        )
    ]


def test_a_request_under_way_at_a_kill_is_unknown_until_the_last_moment(path: Path) -> None:
    clock = itertools.count(100.0)
    with History(path, clock=lambda: next(clock)) as history:
        history.invoke("olivia", "book_session")
        history.end(history.invoke("olivia", "list_sessions"), "ok", status=200)

    cut_off, whole = read(path)

    assert (cut_off.outcome, cut_off.status, cut_off.ended) == ("unknown", None, 102.0)
    assert whole.outcome == "ok"


def test_a_line_cut_off_in_the_middle_is_left_out(path: Path) -> None:
    with History(path) as history:
        history.invoke("olivia", "book_session")
    whole = path.read_text()
    path.write_text(whole + '{"number": 1, "ended"')

    assert [entry.operation for entry in read(path)] == ["book_session"]


def test_no_secret_reaches_the_file_however_deep_it_lies(path: Path) -> None:
    with History(path) as history:
        number = history.invoke("o", "sign_up", request={"owner": [{"password": "sesame"}]})  # nosec B105 # made up for a test
        history.end(number, "ok", status=201, answer={"access_token": "opensesame", "id": "x"})  # nosec B105 # made up for a test

    assert "sesame" not in path.read_text()
    (entry,) = read(path)
    assert entry.request == {"owner": [{"password": HIDDEN}]}
    assert entry.answer == {"access_token": HIDDEN, "id": "x"}


def test_many_threads_write_whole_lines(path: Path) -> None:
    with History(path) as history:

        def work() -> None:
            for _ in range(50):
                history.end(history.invoke("c", "read"), "failed", status=404)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [entry.status for entry in read(path)] == [404] * 400


def test_entries_written_at_once_are_the_same_when_read(tmp_path: Path) -> None:
    entries = [Entry("faults", "kill", 1.0, 2.0, "ok", None, "", {"name": "booking"}, {"r": 1})]
    write(tmp_path / "h.jsonl", entries)

    assert read(tmp_path / "h.jsonl") == entries
    assert entries[0].is_fault
    assert entries[0].seconds == 1.0

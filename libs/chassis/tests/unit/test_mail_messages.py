"""Composing messages: whatever names contain, and the same bytes again."""

from __future__ import annotations

import datetime as dt
import uuid
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.mail.folder import FolderCarrier
from chassis.mail.message import Letter, compose
from chassis.mail.problems import Refused, Unreachable, without_addresses

ID = uuid.UUID("6a3f0f52-5a5e-4f6e-9a2b-0d6f0b6f1a02")
NOW = dt.datetime(2030, 1, 2, 3, 4, tzinfo=dt.UTC)
SENDER = "Tandem <no-reply@tandem.example>"


def letter(name: str = "Ada", address: str = "ada@example.org", subject: str = "Hi") -> Letter:
    return Letter(ID, NOW, name, address, subject, "Text\n", "<p>Text</p>\n")


@settings(deadline=None)
@given(name=st.text(max_size=60), subject=st.text(max_size=300))
def test_no_name_adds_a_header(name: str, subject: str) -> None:
    content = compose(letter(name=name, subject=subject), SENDER).as_bytes()
    read = BytesParser(policy=policy.default).parsebytes(content)
    assert set(read.keys()) == {
        *("Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted"),
        *("MIME-Version", "Content-Type"),
    }
    assert [one.addr_spec for one in read["To"].addresses] == ["ada@example.org"]


@pytest.mark.parametrize("line", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028"])
def test_an_injected_line_stays_in_its_header(line: str) -> None:
    message = compose(letter(subject=f"Hi{line}Bcc: eve@example.org"), SENDER)
    assert message["Subject"] == "Hi Bcc: eve@example.org"
    assert message["Bcc"] is None


def test_a_message_that_is_composed_again_is_the_same() -> None:
    first, second = compose(letter(), SENDER), compose(letter(), SENDER)
    assert first.as_bytes() == second.as_bytes()
    assert first["Message-ID"] == f"<{ID}@tandem.example>"


@pytest.mark.parametrize("address", ["no address", "a@" + "x" * 70 + ".org", "@example.org"])
def test_an_address_that_can_not_be_written_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        compose(letter(address=address), SENDER)


def test_a_file_is_whole_or_not_there_and_a_repeat_is_the_same_file(tmp_path: Path) -> None:
    carrier = FolderCarrier(tmp_path / "mail")
    for _ in range(2):
        carrier.deliver(ID, compose(letter(), SENDER))
    (file,) = (tmp_path / "mail").iterdir()
    assert file.name == f"{ID}.eml"
    assert file.read_bytes() == compose(letter(), SENDER).as_bytes()
    assert file.stat().st_mode & 0o077 == 0


def test_a_folder_that_can_not_be_written_is_no_mails_fault(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(Unreachable):
        FolderCarrier(tmp_path / "mail").deliver(ID, compose(letter(), SENDER))


def test_a_servers_words_keep_no_address() -> None:
    assert without_addresses("550 <a.b@c.example>:\r\n no\x00") == "550 <(address)>: no"

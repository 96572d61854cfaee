"""What bin/run tells of mails."""

from __future__ import annotations

import os
from email.message import EmailMessage
from pathlib import Path

import pytest

from local_runner.mailbox import Mailbox


def put(folder: Path, name: str, **changes: str) -> Path:
    fields = {"To": "Ann <ann@example.org>", "Subject": "Hello", **changes}
    message = EmailMessage()
    text = fields.pop("text", "Choose a password:\n\nhttp://127.0.0.1:8080/accept?token=abc\n")
    for header, value in fields.items():
        message[header] = value
    message.set_content(text, cte="quoted-printable")
    message.add_alternative("<a href='http://elsewhere'>x</a>", subtype="html")
    path = folder / name
    path.write_bytes(message.as_bytes())
    return path


def test_each_mail_is_told_of_once_with_its_link(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    path = put(tmp_path, "1.eml")

    assert mailbox.news() == [
        f"Mail to Ann <ann@example.org>: Hello\n  http://127.0.0.1:8080/accept?token=abc\n  {path}"
    ]
    assert mailbox.news() == []


def test_mails_of_earlier_runs_are_old(tmp_path: Path) -> None:
    put(tmp_path, "1.eml")

    assert Mailbox(tmp_path).news() == []


def test_a_half_written_mail_and_a_missing_folder_are_no_mail(tmp_path: Path) -> None:
    (tmp_path / ".x.part").write_text("half")

    assert Mailbox(tmp_path).news() == []
    assert Mailbox(tmp_path / "nowhere").news() == []


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    secret = put(tmp_path, "elsewhere", Subject="secret")
    mailbox = Mailbox(tmp_path)
    (tmp_path / "link.eml").symlink_to(secret)
    (tmp_path / "folder.eml").mkdir()
    os.mkfifo(tmp_path / "pipe.eml")

    assert not [paragraph for paragraph in mailbox.news() if "secret" in paragraph]


def test_a_long_link_stays_whole(tmp_path: Path) -> None:
    link = "https://tandem.example/reset-password?token=" + "x" * 200
    mailbox = Mailbox(tmp_path)
    put(tmp_path, "1.eml", text=f"Here:\n{link}\n")

    assert link in mailbox.news()[0]


def test_a_mails_words_cannot_steer_the_terminal(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    put(tmp_path, "1.eml", Subject="a\x1b[2Jb", text="https://x/\x1b]0;y\x07\n")

    (paragraph,) = mailbox.news()
    assert not {"\x1b", "\x07"} & set(paragraph)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain; charset=nonsense",
        b"Content-Type: text/plain; charset=idna",
        b'Content-Type: text/plain; charset="a\0b"',
        b"To: =?utf-8?q?=?= <",
    ],
)
def test_what_is_no_mail_ends_nothing(tmp_path: Path, head: bytes) -> None:
    mailbox = Mailbox(tmp_path)
    (tmp_path / "odd\x1b]0;owned\x07.eml").write_bytes(head + b"\n\n\xff\xfe")

    (paragraph,) = mailbox.news()

    assert paragraph.endswith(f"{tmp_path}/odd ]0;owned .eml")


def test_a_mail_that_is_removed_meanwhile_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = Mailbox(tmp_path)
    monkeypatch.setattr(mailbox, "_names", lambda: ["gone.eml"])

    assert len(mailbox.news()) == 1

"""The README's tour: its commands and the answers it shows.

`GATEWAY_URL=... python -m tests.integration.tour` runs the commands and writes the answers into the README.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import tempfile
from dataclasses import dataclass
from typing import Any

from .system import ROOT

README = ROOT / "README.md"
BLOCK = re.compile(
    r"```bash\n(?P<commands>.*?)```\n(?:\n```json\n(?P<answers>.*?)```\n)?", re.DOTALL
)
END_OF_BLOCK = "--- end of block ---"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+\+00:00")


@dataclass(frozen=True)
class Block:
    """Commands, and what the README says they print."""

    commands: str
    answers: list[str]


def blocks(text: str) -> list[Block]:
    """The tour, in order."""
    return [
        Block(match["commands"], (match["answers"] or "").splitlines())
        for match in BLOCK.finditer(text)
    ]


def run(commands: list[str], url: str, seconds: float = 90.0) -> list[list[str]]:
    """What each block's commands print, typed line by line into one shell, which ends at the first that fails."""
    typed = "".join(f"{block}\necho '{END_OF_BLOCK}'\n" for block in commands)
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(  # nosec B603, B607 # our own words, without a shell, found on the PATH
            ["bash", "-e"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "GATEWAY_URL": url},
            text=True,
            start_new_session=True,
        ) as shell,
    ):
        how = f"did not end within {seconds:g} s"
        try:
            printed, complaints = shell.communicate(typed, timeout=seconds)
            how = f"ended with status {shell.returncode}"
        except subprocess.TimeoutExpired:
            os.killpg(shell.pid, signal.SIGKILL)
            printed, complaints = shell.communicate()
    if shell.returncode or complaints:
        said = f"It complained:\n{complaints}\nIt had printed:\n{printed[-4000:]}"
        raise AssertionError(f"the tour {how}. {said}")
    parts = printed.split(f"{END_OF_BLOCK}\n")[:-1]
    return [part.splitlines() for part in parts]


def shape(answer: str) -> Any:
    """An answer without what differs from run to run: ids, moments, tokens, the slug's number."""
    text = UUID.sub("<id>", answer)
    text = MOMENT.sub("<moment>", text)
    text = re.sub(r'"(\w+_token)":"[^"]+"', r'"\1":"<token>"', text)
    return json.loads(re.sub(r'"slug":"harbor-tutoring[^"]*"', '"slug":"<slug>"', text))


def rewritten(text: str, answers: list[list[str]]) -> str:
    """The README with these answers."""
    remaining = iter(answers)

    def replaced(match: re.Match[str]) -> str:
        shown = next(remaining)
        if match["answers"] is None:
            return match[0]
        lines = "".join(f"{without_secrets(line)}\n" for line in shown)
        return f"```bash\n{match['commands']}```\n\n```json\n{lines}```\n"

    return BLOCK.sub(replaced, text)


def without_secrets(answer: str) -> str:
    """Tokens cut short: nobody should get used to seeing whole ones in a file."""
    return re.sub(r'"(\w+_token)":"([^"]{6})[^"]*"', r'"\1":"\2..."', answer)


def main() -> None:
    """Brings the README up to date."""
    text = README.read_text()
    answers = run([block.commands for block in blocks(text)], os.environ["GATEWAY_URL"])
    README.write_text(rewritten(text, answers))


if __name__ == "__main__":
    main()

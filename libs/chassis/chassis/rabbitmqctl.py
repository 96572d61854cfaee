"""Runs `rabbitmqctl`, wherever the broker is: on this machine, or in a container by way of `docker exec`.

The command is given as words that end in `rabbitmqctl` and its options. It needs no terminal and reads standard input.
"""

from __future__ import annotations

import json
import re
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

PROGRAM: Final = "rabbitmqctl"
SECONDS: Final = 60.0

# These never end reading standard input (rabbitmq-server issue 13157).
NEVER_ENDING: Final = re.compile(r"^4\.0\.[0-5](?!\d)", re.MULTILINE)
# So the definitions become a file where the broker is. Debian's `rabbitmqctl` steps down from root to the broker's
# account.
IMPORT_FROM_A_FILE: Final = """\
umask 077
file=$(mktemp /tmp/definitions.XXXXXXXX) || exit
trap 'rm -f "$file"' EXIT
cat >"$file" || exit
if [ "$(id -u)" = 0 ]; then chown rabbitmq "$file" 2>/dev/null || :; fi
"$@" import_definitions "$file"
"""


class RabbitmqctlFailed(RuntimeError):
    """The command ended with another status than 0, or did not end. Holds what it said, never what it was given."""


class Rabbitmqctl:
    """The broker's command line. Every call raises RabbitmqctlFailed unless it succeeds within 60 s."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    def run(self, *words: str) -> str:
        """What it prints."""
        return finished([*self._command, *words])

    def json(self, *words: str) -> Any:
        """What a listing or status command prints, as JSON."""
        return json_in(self.run("--quiet", *words, "--formatter", "json"))

    def import_definitions(self, definitions: Mapping[str, Any]) -> None:
        """Creates users and permissions, or brings them up to date.

        RabbitMQ 4.0.0 to 4.0.5 needs a file for that, which nobody else can read, and a command that runs `sh`, too.
        """
        command = [*self._command, "import_definitions"]
        if NEVER_ENDING.search(self.run("version")):
            before, program = split_at_program(self._command)
            command = [*before, "sh", "-c", IMPORT_FROM_A_FILE, "sh", *program]
        finished(command, given=json.dumps(definitions))


def finished(command: Sequence[str], *, given: str = "") -> str:
    """What the command prints; it runs in a folder that every account may read, which Erlang asks for."""
    try:
        done = subprocess.run(  # nosec B603 # our own words, without a shell
            command,
            cwd="/",
            input=given,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RabbitmqctlFailed(f"{PROGRAM} did not end within {SECONDS:.0f} s") from None
    except OSError as error:
        raise RabbitmqctlFailed(f"{PROGRAM} can't be run: {error}") from None
    if done.returncode:
        said = f"{done.stdout[-1000:]}{done.stderr[-2000:]}"
        raise RabbitmqctlFailed(f"{PROGRAM} ended with status {done.returncode}:\n{said}")
    return done.stdout


def split_at_program(command: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What comes before `rabbitmqctl`, and it with its options. A wrapper of another name is taken for a local one."""
    named = (
        at for at, word in enumerate(command) if PurePath(word).name == PROGRAM and "=" not in word
    )
    at = max(named, default=0)
    return command[:at], command[at:]


def json_in(text: str) -> Any:
    """The JSON that the text ends with. Erlang may write reports in front of it. ValueError if there is none."""
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines):
        if line.startswith(("[", "{")):
            try:
                return json.loads("".join(lines[at:]))
            except ValueError:
                continue
    raise ValueError("there is no JSON in what was printed")

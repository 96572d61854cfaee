"""The Docker engine: whether it answers and has the images or can get them, and whether it can run a container of them.

Each question has a limit in time: an engine may answer one and never the next.
"""

from __future__ import annotations

import contextlib
import secrets
import select
import shutil
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import time

from local_runner.errors import CannotStart

ANSWER_SECONDS = 5.0
FIRST_WORD_SECONDS = 15.0
PULL_SECONDS = 300.0
TRIAL_SECONDS = 30.0
READY_SECONDS = 60.0

WITHOUT_DOCKER = "DOCKER_HOST=unix:///none"
ADVICE = f"To do without Docker, on private servers of this machine, put {WITHOUT_DOCKER} before the command."


def engine_can_run(*images: str) -> bool:
    """Whether containers of all the images can be started. An engine that can get no image counts as none."""
    return engine_answers() and all(has_image(image) or can_pull(image) for image in images)


def engine_answers() -> bool:
    """Whether there is an engine behind the client."""
    return shutil.which("docker") is not None and docker(
        "version", "--format", "{{.Server.Version}}"
    )


def has_image(image: str) -> bool:
    """Whether the engine has the image already."""
    return docker("image", "inspect", image)


def docker(*arguments: str) -> bool:
    """Whether the command succeeds, in a few seconds."""
    try:
        done = subprocess.run(  # nosec B603, B607 # our own words, without a shell, found on the PATH
            ["docker", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def can_pull(image: str) -> bool:
    """Pulls the image. A registry that says nothing for some seconds can't be reached."""
    with subprocess.Popen(  # nosec B603, B607 # our own words, without a shell, found on the PATH
        ["docker", "pull", image],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as pull:
        try:
            if (
                pull.stdout is None
                or not select.select([pull.stdout], [], [], FIRST_WORD_SECONDS)[0]
            ):
                return False
            print(f"Docker is getting {image} ...", flush=True)
            pull.communicate(timeout=PULL_SECONDS)
            return pull.returncode == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            with contextlib.suppress(ProcessLookupError):
                pull.kill()


def try_out(image: str, *options: str, advice: str = ADVICE) -> None:
    """Has a container of the image do nothing; CannotStart with Docker's own words where that fails.

    Given the options for volume and port, it fails of whatever keeps Docker from running a container, at once.
    """
    name = f"tandem-trial-{secrets.token_hex(4)}"
    command = ["docker", "run", "--rm", "--name", name, *options, "--entrypoint", "true", image]
    try:
        done = subprocess.run(  # nosec B603 # our own words, without a shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        docker("rm", "--force", name)
        said = f"`docker run` has not ended after {TRIAL_SECONDS:g} seconds."
        raise cannot_run(image, said, advice) from None
    if done.returncode:
        raise cannot_run(image, done.stdout[-2000:], advice)


def cannot_run(image: str, said: str, advice: str = ADVICE) -> CannotStart:
    """What to tell a person whose Docker engine answers, and runs no container."""
    return CannotStart(f"Docker can't run a container of {image}:\n{said.strip()}\n\n{advice}")


class Patience:
    """How long a container may take until its server answers, from the first question on."""

    def __init__(self) -> None:
        self._until: float | None = None

    def is_over(self) -> bool:
        """Whether there has been time enough."""
        now = time.monotonic()
        if self._until is None:
            self._until = now + READY_SECONDS
        return now >= self._until

"""Schemathesis against the served description: no 5xx, no undocumented answer, with a token and without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .client import sign_up
from .system import RunningSystem

EXAMPLES = 12
LIMIT_SECONDS = 180  # usually half a minute
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.timeout(LIMIT_SECONDS + 10)
@pytest.mark.parametrize("signed_in", [True, False], ids=["with a token", "without"])
def test_the_served_openapi_keeps_its_word(
    shared_system: RunningSystem, tmp_path: Path, *, signed_in: bool
) -> None:
    command = [str(Path(sys.executable).parent / "schemathesis"), "run"]
    command += [f"{shared_system.url}/api/openapi.json", "--checks", CHECKS, "--seed", "20"]
    command += ["--max-examples", str(EXAMPLES), "--workers", "2"]
    command += ["--phases", "examples,coverage,fuzzing", "--generation-database", "none"]
    command += ["--no-color", "--warnings", "off", "--request-timeout", "10", "--no-shrink"]
    # It would sign itself out.
    command += ["--exclude-path-regex", "/auth/logout$"]
    if signed_in:
        token = sign_up(shared_system.url).owner_token
        command += ["--header", f"Authorization: Bearer {token}"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-15_000:] + done.stderr[-2_000:]

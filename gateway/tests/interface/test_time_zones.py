"""The gateway's zone data."""

from __future__ import annotations

from pathlib import Path

import requests
import tzdata

from chassis.testing.processes import free_port
from chassis.testing.zone_files import write_wrong_zone_files
from gateway.testing import running


def test_the_process_uses_the_pinned_data_whatever_files_the_machine_has(tmp_path: Path) -> None:
    no_broker = f"amqp://nobody:nothing@127.0.0.1:{free_port()}/none"
    with running(no_broker, **write_wrong_zone_files(tmp_path)) as gateway:
        metrics = requests.get(f"{gateway.url}/metrics", timeout=5).text.splitlines()
    assert f'tandem_time_zone_data_info{{version="{tzdata.IANA_VERSION}"}} 1.0' in metrics

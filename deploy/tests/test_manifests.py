"""Compose and Kubernetes start the same processes as bin/run does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.signing import read_signing_key, read_verifying_keys
from local_runner.places import ROOT, SERVICES

KUBERNETES = ROOT / "deploy" / "kubernetes"
PROCESSES = (*SERVICES, "gateway")


def objects(folder: str) -> dict[tuple[str, str], Any]:
    """What a kustomization's files describe, by kind and name."""
    kustomization = yaml.safe_load((KUBERNETES / folder / "kustomization.yaml").read_text())
    documents = [
        document
        for name in kustomization["resources"]
        for document in yaml.safe_load_all((KUBERNETES / folder / name).read_text())
    ]
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_composed_service_starts_when_it_is_prepared(service: str, compose: Any) -> None:
    prepare = compose[f"{service}-prepare"]

    waits = compose[service]["depends_on"][f"{service}-prepare"]["condition"]
    assert waits == "service_completed_successfully"
    assert prepare["command"][-2:] == ["prepare", f"{service}_service"]
    assert prepare["environment"]["DATABASE_URL"] == compose[service]["environment"]["DATABASE_URL"]


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_preparation_knows_the_owners_passwords(service: str, compose: Any) -> None:
    environment = compose[service]["environment"]

    assert not {"ADMIN_DATABASE_URL", "MIGRATION_DATABASE_URL"} & environment.keys()
    assert ("TOKEN_SECRET" in environment) == (service == "identity")
    assert "PORTAL_SECRET_KEY" not in environment


def test_only_the_gateway_knows_what_seals_the_portals_cookies(compose: Any) -> None:
    knowing = {
        name for name, each in compose.items() if "PORTAL_SECRET_KEY" in each.get("environment", {})
    }

    assert knowing == {"gateway"}


@pytest.mark.parametrize("process", PROCESSES)
def test_a_composed_process_is_a_broker_user_that_its_preparation_makes(
    process: str, compose: Any
) -> None:
    own, prepare = compose[process]["environment"], compose[f"{process}-prepare"]["environment"]

    assert own["AMQP_URL"].startswith(f"amqp://{process}:")
    assert own["AMQP_URL"] == prepare["AMQP_URL"]
    assert {"AMQP_ADMIN_URL", "RABBITMQ_MANAGEMENT_URL"} <= prepare.keys() - own.keys()


def default_of(setting: str) -> str:
    """What compose puts in where no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", setting)


@pytest.mark.parametrize(
    ("issuer", "believers"), [("gateway", set(SERVICES)), ("import", {"identity", "assignment"})]
)
def test_who_is_called_in_an_issuers_name_believes_its_key(
    issuer: str, believers: set[str], compose: Any
) -> None:
    settings = {name: compose[name]["environment"] for name in PROCESSES}
    key = read_signing_key(default_of(settings[issuer]["ACTOR_SIGNING_KEY"])).public
    found = {
        name
        for name in SERVICES
        if key in read_verifying_keys(default_of(settings[name]["ACTOR_VERIFYING_KEYS"]))
    }

    assert found == believers


def test_only_who_vouches_for_people_can_sign(compose: Any) -> None:
    signing = {
        name for name, each in compose.items() if "ACTOR_SIGNING_KEY" in each.get("environment", {})
    }

    assert signing == {"gateway", "import"}


def test_only_the_gateway_is_published_and_only_on_the_loopback_address(compose: Any) -> None:
    published = {name: each["ports"] for name, each in compose.items() if "ports" in each}

    assert list(published) == ["gateway"]
    assert all(port.startswith("127.0.0.1:") for port in published["gateway"])


@pytest.mark.parametrize("process", PROCESSES)
def test_a_deployment_refers_to_secrets_and_is_probed(process: str) -> None:
    found = objects("run")
    (container,) = found["Deployment", process]["spec"]["template"]["spec"]["containers"]

    addresses = [
        each for each in container["env"] if each["name"].endswith(("URL", "SECRET", "KEY", "KEYS"))
    ]
    assert all(
        each["valueFrom"]["secretKeyRef"]["name"] == f"tandem-{process}" for each in addresses
    )
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert ("PodDisruptionBudget", process) in found


@pytest.mark.parametrize("process", PROCESSES)
def test_what_ends_by_itself_is_started_again(process: str, compose: Any) -> None:
    pod = objects("run")["Deployment", process]["spec"]["template"]["spec"]

    assert pod.get("restartPolicy", "Always") == "Always"
    assert compose[process]["restart"] == "unless-stopped"


@pytest.mark.parametrize("service", SERVICES)
def test_a_job_prepares_each_service(service: str) -> None:
    job = objects("prepare")["Job", f"{service}-prepare"]
    (container,) = job["spec"]["template"]["spec"]["containers"]

    assert container["image"] == f"tandem/{service}"
    assert container["command"][-1] == f"{service}_service"


def test_a_job_prepares_the_gateways_part_of_the_bus() -> None:
    job = objects("prepare")["Job", "gateway-prepare"]
    (container,) = job["spec"]["template"]["spec"]["containers"]

    assert container["command"][-2:] == ["prepare-bus", "gateway"]
    assert {each["name"] for each in container["env"]} == {
        "AMQP_URL",
        "AMQP_ADMIN_URL",
        "RABBITMQ_MANAGEMENT_URL",
    }


@pytest.mark.parametrize(
    "dockerfile", [ROOT / "gateway", *(ROOT / "services" / name for name in SERVICES)]
)
def test_an_image_installs_its_own_lock_and_runs_as_nobody_special(dockerfile: Path) -> None:
    text = (dockerfile / "Dockerfile").read_text()

    assert f"COPY requirements/{dockerfile.name}.txt requirements.txt" in text
    assert "--require-hashes" in text
    assert "USER tandem" in text


@pytest.mark.parametrize(
    "dockerfile", [ROOT / "gateway", *(ROOT / "services" / name for name in SERVICES)]
)
def test_an_image_has_its_zone_data_from_the_lock(dockerfile: Path, compose: Any) -> None:
    assert 'ENV PYTHONTZPATH=""' in (dockerfile / "Dockerfile").read_text().splitlines()
    assert "PYTHONTZPATH" not in compose[dockerfile.name]["environment"]

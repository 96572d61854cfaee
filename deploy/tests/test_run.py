"""bin/run's command line and the addresses it derives."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from chassis.signing import read_verifying_keys
from local_runner.accounts import Account
from local_runner.actor_keys import ActorKeys
from local_runner.backing.choice import given
from local_runner.broker_accounts import BrokerAccounts
from local_runner.errors import CannotStart
from local_runner.interpreter import Interpreter
from local_runner.migrate import read_env
from local_runner.places import SERVICES, RunDir
from local_runner.run import alone, gateway_port, parse
from local_runner.secret_store import SecretStore
from local_runner.system import Databases, System


def test_every_service_runs_once_unless_scaled() -> None:
    copies = parse(["--scale", "booking=3", "--scale", "assignment=0"]).copies

    assert copies == dict.fromkeys(SERVICES, 1) | {"booking": 3, "assignment": 0}


@pytest.mark.parametrize("words", ["booking", "booking=x", "billing=2", "booking=-1"])
def test_a_scale_that_makes_no_sense_is_refused(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(["--scale", words])
    assert "is not NAME=N" in capsys.readouterr().err


def test_a_port_in_use_is_refused_before_anything_starts() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(CannotStart, match="is in use"),
    ):
        gateway_port(server.getsockname()[1])


def test_port_zero_takes_a_free_one() -> None:
    assert gateway_port(0) > 0


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    with (
        alone(run_dir),
        pytest.raises(CannotStart, match="in use by a running bin/run"),
        alone(run_dir),
    ):
        pass


def databases(tmp_path: Path, prefix: str = "") -> Databases:
    admin = "postgresql://postgres:pw@db.internal:5433/postgres?sslmode=require"
    return Databases(admin, SecretStore(tmp_path / "secrets.json"), prefix)


def test_each_service_has_its_own_database_and_roles(tmp_path: Path) -> None:
    url = databases(tmp_path).url("booking", "app")

    assert url.startswith("postgresql://booking_app:")
    assert url.endswith("@db.internal:5433/booking?sslmode=require")


def test_a_prefix_keeps_two_systems_on_one_server_apart(tmp_path: Path) -> None:
    url = databases(tmp_path, "t1_").url("booking", "owner")

    assert url.startswith("postgresql://t1_booking_owner:")
    assert "/t1_booking?" in url


def accounts(tmp_path: Path, *control: str) -> BrokerAccounts:
    secrets = SecretStore(tmp_path / "secrets.json")
    return BrokerAccounts("amqp://root:pw@mq.internal:5673//", control, secrets, "t1_")


def test_secrets_and_addresses_go_only_to_the_process_that_needs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://superuser:secret@db/postgres")
    system = System(RunDir(tmp_path), databases(tmp_path), accounts(tmp_path))
    specs = {spec.name: spec for spec in system.services(dict.fromkeys(SERVICES, 1))}

    assert "TOKEN_SECRET" in specs["identity.1"].environment
    assert "TOKEN_SECRET" not in specs["booking.1"].environment
    assert "superuser" not in specs["booking.1"].environment["DATABASE_URL"]
    assert "DATABASE_URL" not in system.gateway(8080).environment
    assert "PORTAL_SECRET_KEY" in system.gateway(8080).environment
    assert "PORTAL_SECRET_KEY" not in specs["identity.1"].environment


def test_mails_go_into_the_run_folder_unless_the_person_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = System(RunDir(tmp_path), databases(tmp_path), accounts(tmp_path), "http://here:8080")

    def identity() -> Mapping[str, str]:
        return next(iter(system.services(dict.fromkeys(SERVICES, 1)))).environment

    assert identity()["MAIL_FOLDER"] == str(tmp_path / "mail")
    assert identity()["PUBLIC_URL"] == "http://here:8080"
    for name in ("PUBLIC_URL", "SMTP_URL", "RATE_LIMIT_SCALE"):
        monkeypatch.setenv(name, f"my {name}")
        assert identity()[name] == f"my {name}"


def test_each_process_is_a_broker_user_of_its_own(tmp_path: Path) -> None:
    system = System(RunDir(tmp_path), databases(tmp_path), accounts(tmp_path, "rabbitmqctl"))
    specs = [*system.services(dict.fromkeys(SERVICES, 1)), system.gateway(8080)]

    addresses = {spec.environment["AMQP_URL"] for spec in specs}
    assert len(addresses) == len(specs)
    assert not any("root" in address for address in addresses)
    assert system.gateway(8080).environment["AMQP_URL"].startswith("amqp://t1_gateway:")
    assert all(address.endswith("@mq.internal:5673//") for address in addresses)


def test_the_administrator_prepares_the_bus(tmp_path: Path) -> None:
    system = System(RunDir(tmp_path), databases(tmp_path), accounts(tmp_path, "rabbitmqctl"))
    for spec in system.preparations():
        assert spec.environment["AMQP_URL"] == "amqp://root:pw@mq.internal:5673//"


def test_where_nobody_may_make_users_all_share_the_one_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = accounts(tmp_path)
    shared.create()

    assert shared.url("booking") == shared.admin_url
    assert "everything uses the account in AMQP_URL" in capsys.readouterr().out


def test_a_broker_that_refuses_its_users_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="users can't be created"):
        accounts(tmp_path, "false").create()
    with pytest.raises(CannotStart, match="users can't be created"):
        accounts(tmp_path, "/no/such/program").create()


def test_all_that_is_tandems_runs_on_the_given_python_as_the_given_account(tmp_path: Path) -> None:
    account = Account("tandem", 998, 998)
    interpreter = Interpreter(Path("/copy/bin/python"), account, {"HOME": "/nonexistent"})
    system = System(
        RunDir(tmp_path), databases(tmp_path), accounts(tmp_path), interpreter=interpreter
    )
    services = system.services(dict.fromkeys(SERVICES, 1))
    specs = [*system.preparations(), *services, system.gateway(8080), system.demo_loader("pw")]

    assert len(specs) == 2 * (len(SERVICES) + 1) + 1
    assert {spec.account for spec in specs} == {account}
    assert {spec.command[0] for spec in specs} == {"/copy/bin/python"}
    assert {spec.environment["HOME"] for spec in specs} == {"/nonexistent"}
    # Which that account may enter.
    assert {spec.folder for spec in specs} == {Path("/")}


def test_the_demo_loader_knows_the_gateway_and_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://superuser:secret@db/postgres")
    system = System(RunDir(tmp_path), databases(tmp_path), accounts(tmp_path), "http://here:8080")
    environment = system.demo_loader("pw").environment

    assert environment["GATEWAY_URL"] == "http://here:8080"
    assert environment["DEMO_PASSWORD"] == "pw"  # nosec B105 # made up for a test
    assert "DATABASE_URL" not in environment


def test_only_who_vouches_for_people_has_a_key_to_sign_with(tmp_path: Path) -> None:
    system = System(RunDir(tmp_path), databases(tmp_path), accounts(tmp_path))
    processes = [*system.services(dict.fromkeys(SERVICES, 1)), system.gateway(8080)]
    found = {spec.name.partition(".")[0]: spec.environment for spec in processes}

    assert {name for name in found if "ACTOR_SIGNING_KEY" in found[name]} == {"gateway", "import"}
    believed = {
        name: {key.issuer for key in read_verifying_keys(each["ACTOR_VERIFYING_KEYS"])}
        for name, each in found.items()
    }
    assert {name for name in believed if "import" in believed[name]} == {"identity", "assignment"}
    assert all("gateway" in each for each in believed.values())


def test_keys_stay_the_same_from_one_start_to_the_next(tmp_path: Path) -> None:
    first = ActorKeys(SecretStore(tmp_path / "secrets.json")).settings("import")

    assert ActorKeys(SecretStore(tmp_path / "secrets.json")).settings("import") == first


def test_an_address_in_sqlalchemys_form_is_understood() -> None:
    server = given({"DATABASE_URL": "postgresql+psycopg2://u:p@h/d"}, "DATABASE_URL")

    assert server is not None
    assert server.url == "postgresql://u:p@h/d"


def test_no_address_means_that_a_server_has_to_be_found() -> None:
    assert given({}, "AMQP_URL") is None
    assert given({"AMQP_URL": ""}, "AMQP_URL") is None


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("AMQP_URL", "amqp://u:secret@h:99999/"),
        ("AMQP_URL", "http://u:secret@h/"),
        ("DATABASE_URL", "postgresql://u:sec/ret@h/db"),
        ("DATABASE_URL", "host=127.0.0.1 user=u password=secret"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused_by_its_name_alone(
    variable: str, text: str
) -> None:
    with pytest.raises(CannotStart, match=rf"^{variable}: ") as refused:
        given({variable: text}, variable)
    assert "secret" not in str(refused.value)


def test_a_command_that_no_shell_reads_is_refused_by_its_name() -> None:
    with pytest.raises(CannotStart, match=r"^RABBITMQCTL: "):
        given({"AMQP_URL": "amqp://u:p@h//", "RABBITMQCTL": "docker exec 'x"}, "AMQP_URL")


def test_the_env_file_is_read_back(tmp_path: Path) -> None:
    run_dir = RunDir(tmp_path)
    run_dir.env_file.write_text(f"AMQP_URL={shlex.quote('amqp://u:p&x@h//')}\nDEMO_LOGIN=a@b\n")

    assert read_env(run_dir) == {"AMQP_URL": "amqp://u:p&x@h//", "DEMO_LOGIN": "a@b"}
    assert read_env(RunDir(tmp_path / "nothing")) == {}

"""The measurements, in the order in which they are printed. Each prepares an organization of its own."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench import crowd, raw, work, world
from bench.figures import Figure, figure
from bench.http import Connection
from bench.processor import per_step
from bench.rpc import Caller, actor_of
from bench.system import Measured

CLIENTS = (1, 8, 32)
POLL_SECONDS = 0.05
IMPORT_SECONDS = 600.0


@dataclass(frozen=True)
class Size:
    """How much is done. Every measurement is bounded in time and in count."""

    seconds: float
    assignments: int
    users: tuple[int, ...]
    rows: int
    delays: int
    new_pairs: int


WHOLE = Size(
    seconds=8,
    assignments=1_000_000,
    users=(10_000, 100_000, 1_000_000),
    rows=20_000,
    delays=200,
    new_pairs=100,
)
QUICK = Size(
    seconds=3, assignments=100_000, users=(1_000, 10_000), rows=2_000, delays=60, new_pairs=40
)
Measurement = Callable[[Measured, Size], Iterator[Figure]]


def timed(
    measured: Measured,
    name: str,
    doing: crowd.Work,
    *,
    clients: int,
    seconds: float,
    limit: int = 1_000_000,
) -> Figure:
    """A crowd's figure with what a step cost the system's processes."""
    before = measured.processor_seconds()
    found = crowd.measure(name, doing, clients=clients, seconds=seconds, limit=limit)
    after = measured.processor_seconds()
    if before is None or after is None or not found.count:
        return found
    return replace(found, processor_ms=per_step(before, after, found.count))


def raw_amqp(measured: Measured, size: Size) -> Iterator[Figure]:
    """The broker alone."""
    yield raw.amqp_round_trip(measured.amqp_url, seconds=size.seconds / 2)


def raw_postgres(measured: Measured, size: Size) -> Iterator[Figure]:
    """The database alone."""
    with raw.scratch_database(measured.database_url) as url:
        for clients in (1, 8):
            yield crowd.measure(
                f"{raw.POSTGRES}, {clients} connections",
                raw.BareBooking(url),
                clients=clients,
                seconds=size.seconds / 2,
            )


def raw_flask(_measured: Measured, size: Size) -> Iterator[Figure]:
    """The web framework alone."""
    with raw.constant_flask() as url:
        yield crowd.measure(raw.FLASK, raw.Constant(url), clients=8, seconds=size.seconds / 2)


def authorize(measured: Measured, size: Size) -> Iterator[Figure]:
    """The hottest read, with few and with many assignments stored."""
    for count in (1_000, size.assignments):
        students = min(count // 10, 1_000)
        organization = world.seed_assignments(
            measured, instructors=count // students, students=students
        )
        pairs = world.some_pairs(measured, organization, 2_000)
        actor = actor_of(str(uuid.uuid4()), organization, "admin")
        asking = work.Authorize(measured.amqp_url, actor, pairs)
        for clients in (1, 8):
            yield timed(
                measured,
                f"authorize RPC, {count:,} assignments, {clients} clients",
                asking,
                clients=clients,
                seconds=size.seconds / 2,
            )


def book(measured: Measured, size: Size) -> Iterator[Figure]:
    """An administrator books pairs that are assigned."""
    for clients in CLIENTS:
        with_pairs = known_pairs(measured, clients)
        name = f"admin booking over HTTP, {clients} clients"
        yield timed(measured, name, with_pairs, clients=clients, seconds=size.seconds)


def known_pairs(measured: Measured, clients: int) -> work.BookKnownPairs:
    """Each client's instructor has two students, assigned by hand."""
    organization = world.sign_up(measured)
    instructors = organization.ids("instructor", clients)
    students = [organization.ids("student", 2) for _ in instructors]
    for instructor, own in zip(instructors, students, strict=True):
        for student in own:
            organization.assign(instructor, student)
    return work.BookKnownPairs(measured.url, organization.token, instructors, students)


def book_new(measured: Measured, size: Size) -> Iterator[Figure]:
    """Way 2 as a person sees it: the answer says that the pair is assigned."""
    organization = world.sign_up(measured)
    instructors = organization.ids("instructor", 8)
    students = organization.ids("student", size.new_pairs)
    booking = work.BookNewPairs(measured.url, organization.token, instructors, students)
    yield timed(
        measured,
        "admin booking of new pairs until assigned, 8 clients",
        booking,
        clients=8,
        seconds=size.seconds,
        limit=8 * len(students),
    )


def message(measured: Measured, size: Size) -> Iterator[Figure]:
    """Assigned pairs write, each message authorized."""
    organization = world.sign_up(measured)
    senders = [organization.add("instructor", can_sign_in=True) for _ in range(8)]
    tokens, conversations = [], []
    for number in range(max(CLIENTS)):
        sender = senders[number % len(senders)]
        student = organization.add("student")["id"]
        organization.assign(sender["id"], student)
        opened = Connection(measured.url, sender["token"]).call(
            "POST", f"{world.API}/conversations", {"participant_id": student}
        )
        tokens.append(sender["token"])
        conversations.append(opened["id"])
    writing = work.SendMessages(measured.url, tokens, conversations)
    for clients in CLIENTS:
        name = f"message over HTTP, {clients} clients"
        yield timed(measured, name, writing, clients=clients, seconds=size.seconds)


def assign_delay(measured: Measured, size: Size) -> Iterator[Figure]:
    """From the answer to `book_session` on the bus until `authorize` says yes, at rest and beside 8 busy clients."""
    yield delays("booked -> pair authorized, at rest", measured, size)
    with under_load(measured):
        yield delays("booked -> pair authorized, beside 8 clients", measured, size)


def delays(name: str, measured: Measured, size: Size) -> Figure:
    """Books one new pair after the other and asks without a pause until each is authorized."""
    organization = world.sign_up(measured)
    caller = Caller(measured.amqp_url, organization.owner)
    instructors = organization.ids("instructor", 4)
    students = organization.ids("student", -(-size.delays // len(instructors)))
    pairs = [(i, s) for s in students for i in instructors][: size.delays]
    taken, began = [], time.perf_counter()
    for number, (instructor, student) in enumerate(pairs):
        caller.call("booking", "book_session", **work.booking(instructor, student, number))
        booked = time.perf_counter()
        pair = {"instructor_id": instructor, "student_id": student}
        while not caller.call("assignment", "authorize", **pair)["allowed"]:
            if time.perf_counter() > booked + 10:
                raise RuntimeError("a booked pair was not authorized within 10 seconds")
        taken.append(time.perf_counter() - booked)
    return figure(name, taken, time.perf_counter() - began)


@contextmanager
def under_load(measured: Measured) -> Iterator[None]:
    """Eight clients book as fast as they can meanwhile, for at most a minute and a half."""
    booking = known_pairs(measured, 8)
    busy = threading.Thread(
        target=crowd.measure, args=("load", booking), kwargs={"clients": 8, "seconds": 25.0}
    )
    busy.start()
    time.sleep(2)  # until its processes are at work
    try:
        yield
    finally:
        busy.join(120)


def upload(measured: Measured, size: Size) -> Iterator[Figure]:
    """People and pairs from a file, planned and applied: a tenth instructors, each student with one of them."""
    organization = world.sign_up(measured)
    text = "\n".join(["role,first_name,last_name,email,instructors", *rows(size.rows)])
    began = time.perf_counter()
    started = upload_file(organization, text)
    while (state := organization.api.call("GET", f"{world.API}/imports/{started['id']}"))[
        "status"
    ] not in {"finished", "failed", "cancelled"}:
        if time.perf_counter() > began + IMPORT_SECONDS:
            raise RuntimeError(f"the import did not end: {state}")
        time.sleep(POLL_SECONDS)
    elapsed = time.perf_counter() - began
    counts = state["counts"]
    failures = 0 if state["status"] == "finished" else size.rows
    note = f"{counts['create']} created, {counts['assign']} assigned, {counts['invalid']} invalid"
    done = [elapsed / size.rows] * size.rows
    yield figure(f"import of {size.rows:,} rows", done, elapsed, failures=failures, note=note)


def rows(count: int) -> Iterator[str]:
    """The file's lines."""
    unique = uuid.uuid4().hex[:8]
    instructors = count // 10
    for number in range(instructors):
        yield f"instructor,Ines,Number{number},ines.{number}.{unique}@example.org,"
    for number in range(count - instructors):
        instructor = f"ines.{number % instructors}.{unique}@example.org"
        yield f"student,Sam,Number{number},sam.{number}.{unique}@example.org,{instructor}"


def upload_file(organization: world.Organization, text: str) -> dict[str, str]:
    """Posts the form by hand: the measuring connection speaks JSON only."""
    boundary = uuid.uuid4().hex
    disposition = "Content-Disposition: form-data; name="
    body = (
        f'--{boundary}\r\n{disposition}"apply"\r\n\r\ntrue\r\n'
        f'--{boundary}\r\n{disposition}"file"; filename="people.csv"\r\nContent-Type: text/csv\r\n\r\n'
        f"{text}\r\n--{boundary}--\r\n"
    )
    status, answer = organization.api.request(
        "POST",
        f"{world.API}/imports",
        body.encode(),
        content_type=f"multipart/form-data; boundary={boundary}",
    )
    if status != 202:
        raise RuntimeError(f"the upload was answered {status} {answer[:500]!r}")
    started: dict[str, str] = json.loads(answer)
    return started


def search(measured: Measured, size: Size) -> Iterator[Figure]:
    """The search box, in organizations of one, ten and a hundred times the people; all in one database."""
    for count in size.users:
        organization = world.sign_up(measured)
        words = world.seed_users(measured, organization.id, count)
        searching = work.Search(measured.url, organization.token, words)
        name = f"people search among {count:,}"
        yield timed(measured, name, searching, clients=1, seconds=size.seconds / 2)


MEASUREMENTS: dict[str, Measurement] = {
    "raw-amqp": raw_amqp,
    "raw-postgres": raw_postgres,
    "raw-flask": raw_flask,
    "authorize": authorize,
    "booking": book,
    "booking-new-pairs": book_new,
    "messages": message,
    "assign-delay": assign_delay,
    "import": upload,
    "search": search,
}
REFERENCES = ("raw-amqp", "raw-postgres", "raw-flask")

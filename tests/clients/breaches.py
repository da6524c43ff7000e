"""Holds a coordinator to the tables of docs/runner-protocol.md: breaches.py ADDRESS PAGE

Each row of "What breaks the protocol" is a breach, and the code and the reason that it gets. Each is committed here
against the coordinator at ADDRESS, and what comes back is compared with the row. Prints what differs, and fails if
something does.
"""

import queue, re, sys, uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from muster_api import Api, connect

ADDRESS, PAGE = sys.argv[1], sys.argv[2]
LIMIT_S = 30

api = Api(ADDRESS)
Message, Upload = api.message("RunnerMessage"), api.message("UploadRecordsRequest")
Create = api.message("CreateIntegrationRequest")
create_integration = api.method("IntegrationService", "CreateIntegration")
Cancel = api.message("CancelExecutionRequest")
cancel_execution = api.method("ExecutionService", "CancelExecution")
UNKNOWN = uuid.uuid4().bytes
SPECIFICATION = {"connector": "breaker", "version": "1.0.0", "data_types": [{"data_type": "item"}]}


def hello(**changes):
    """A good hello of a new runner, but for these changes."""
    good = {
        "runner_id": uuid.uuid4().bytes,
        "display_name": "breaker",
        "organization": "organizations/default",
        "pool": "breakers",
        "version": "1.0.0",
        "slots": 1,
        "connectors": [SPECIFICATION],
    }
    return Message(hello=good | changes)


def report(**report):
    return Message(reports={"reports": [{"execution_id": UNKNOWN, "attempt": 1} | report]})


def failed(category, message):
    return report(failed={"category": f"ERROR_CATEGORY_{category}", "message": message})


class Stream:
    """A check-in, on a connection of its own. Its half stays open until it is closed."""

    def __init__(self, *messages):
        self.channel, self.outgoing = connect(ADDRESS), queue.SimpleQueue()
        check_in = api.method("RunnerService", "CheckIn", self.channel)
        self.answers = check_in(iter(self.outgoing.get, None), timeout=LIMIT_S)
        for message in messages:
            self.outgoing.put(message)

    def welcome(self):
        return next(self.answers).welcome

    def end(self):
        """The code and the reason with which the stream ends."""
        try:
            for _ in self.answers:
                pass
        except grpc.RpcError as error:
            return told(error)
        finally:
            self.close()
        return "OK", None

    def close(self):
        self.outgoing.put(None)
        self.channel.close()


def told(error):
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            assert info.domain == "muster.v1", info
            return error.code().name, info.reason
    return error.code().name, None


def says(*messages):
    """A breach by the messages of a check-in."""
    return lambda: Stream(*messages).end()


def checked_in(*messages):
    """A breach after a good hello."""
    return says(hello(), *messages)


def offers(**changes):
    """A breach by what a connector says of itself: a good specification, but for these changes."""
    return says(hello(connectors=[SPECIFICATION | changes]))


def restless():
    """The end of the first stream that comes too soon after many others."""
    same = hello()
    for _ in range(50):
        stream = Stream(same)
        try:
            stream.welcome()
        except grpc.RpcError as error:
            return told(error)
        finally:
            stream.close()
    return "OK", None


def superseded():
    same = hello()
    first = Stream(same)
    first.welcome()
    second = Stream(same)
    second.welcome()
    try:
        return first.end()
    finally:
        second.close()


class Work:
    """An execution in the hands of a runner of this test, so that its uploads are taken."""

    def __init__(self):
        pool = f"breakers-{uuid.uuid4()}"
        self.runner = hello(pool=pool).hello.runner_id
        self.stream = Stream(hello(pool=pool, runner_id=self.runner))
        self.stream.welcome()
        integration = {"display_name": pool, "connector": "breaker", "pool": pool}
        create_integration(Create(parent="organizations/default", integration=integration))
        assignment = next(message for message in self.stream.answers if message.assignments.assignments)
        assignment = assignment.assignments.assignments[0]
        self.execution, self.attempt = assignment.execution_id, assignment.attempt
        self.integration = assignment.integration
        self.stream.outgoing.put(self.report(started={}))

    def report(self, **changes):
        return report(**{"execution_id": self.execution, "attempt": self.attempt} | changes)

    def header(self, **changes):
        good = {"execution_id": self.execution, "attempt": self.attempt}
        return Upload(header=good | {"runner_id": self.runner} | changes)

    def upload(self, *parts):
        channel = connect(ADDRESS)
        try:
            answer = api.method("RunnerService", "UploadRecords", channel)(iter(parts), timeout=LIMIT_S)
            return f"staged {answer.counts}", None
        except grpc.RpcError as error:
            return told(error)
        finally:
            channel.close()


def uploads(parts):
    """A breach by an upload, of these parts after what `parts` gets: the work."""

    def commit():
        work = Work()
        try:
            return work.upload(*parts(work))
        finally:
            work.stream.close()

    return commit


def fenced(say):
    """A report in vain: what `say` makes of a work, on a stream of its own or another one."""

    def commit():
        work = Work()
        stranger = Stream(hello())
        stranger.welcome()
        try:
            stream, message = say(work, stranger)
            stream.outgoing.put(message)
            answer = next(answer for answer in stream.answers if answer.fences.fences)
            reason = answer.fences.fences[0].DESCRIPTOR.fields_by_name["reason"].enum_type
            name = reason.values_by_number[answer.fences.fences[0].reason].name
            return "fence", name.removeprefix("FENCE_REASON_")
        finally:
            stranger.close()
            work.stream.close()

    return commit


def canceled(work):
    """A report that comes after somebody has canceled the execution."""
    cancel_execution(Cancel(name=f"{work.integration}/executions/{uuid.UUID(bytes=work.execution)}"))
    return work.stream, work.report(completed={})


def completed(work, stranger):
    """A report of another runner on what its holder has completed."""
    work.stream.outgoing.put(work.report(completed={}))
    next(answer for answer in work.stream.answers if any(ack.kind == FINISHED for ack in answer.acks.acks))
    return stranger, work.report(started={})


def chunk(lines):
    end = Upload(end={"counts": {"records": 1, "bytes": len(lines)}})
    return uploads(lambda work: (work.header(), Upload(chunk=lines), end))


FINISHED = 3  # REPORT_KIND_FINISHED
END = Upload(end={"counts": {"records": 0, "bytes": 0}})
LINE = {"source": "LOG_SOURCE_COORDINATOR", "message": "no"}
LINES = {"attempts": [{"execution_id": UNKNOWN, "attempt": 1, "lines": [LINE]}]}
MANY = [SPECIFICATION | {"connector": f"breaker-{number}"} for number in range(101)]
MIB = 1024 * 1024

# Each row's first cell, and all that falls under it.
BREACHES = {
    "the first message is no hello": [says(Message(heartbeat={})), says(Message(drain={}))],
    "no hello within 10 s": [says()],
    "a second hello": [checked_in(hello())],
    "a message of no known kind": [checked_in(Message())],
    "an id that has not 16 bytes": [says(hello(runner_id=b"me")), checked_in(report(execution_id=b"", started={}))],
    "slots of 0 or more than 1,000": [says(hello(slots=0)), says(hello(slots=1001)), says(hello(slots=2**32 - 1))],
    "no connector, or more than 100": [says(hello(connectors=[])), says(hello(connectors=MANY))],
    "a connector without data types, or twice": [
        says(hello(connectors=[SPECIFICATION | {"data_types": []}])),
        says(hello(connectors=[SPECIFICATION, SPECIFICATION])),
    ],
    "a data type whose name is none, or twice in one connector": [
        offers(data_types=[{"data_type": "An item"}]),
        offers(data_types=[{"data_type": "item"}, {"data_type": "item"}]),
    ],
    "a default interval of less than a minute or more than 366 days": [
        offers(data_types=[{"data_type": "item", "default_interval": {"seconds": 59}}]),
        offers(data_types=[{"data_type": "item", "default_interval": {"seconds": 367 * 24 * 60 * 60}}]),
    ],
    "a configuration schema that is no JSON Schema, or refers to another document": [
        offers(configuration_schema={"type": "no such type"}),
        offers(configuration_schema={"$ref": "https://example.com/schema.json"}),
    ],
    "the pool `hosted` with an organization": [says(hello(pool="hosted"))],
    "an organization that does not exist": [says(hello(organization="organizations/nobody"))],
    "a report of attempt 0": [checked_in(report(attempt=0, started={}))],
    "a report without a kind": [checked_in(report())],
    "a failure without a message": [checked_in(failed("CONNECTOR", ""))],
    "a failure of category `CANCELED` or `RUNNER_LOST`": [
        checked_in(failed("CANCELED", "no")),
        checked_in(failed("RUNNER_LOST", "no")),
    ],
    "a cursor of more than 16 KiB": [checked_in(report(completed={"cursor": "x" * (16 * 1024 + 1)}))],
    "a log line in the coordinator's name": [checked_in(Message(log_lines=LINES))],
    "a message of more than `message_bytes_max`": [
        checked_in(failed("CONNECTOR", "x" * 256 * 1024)),
        says(hello(pool="x" * 256 * 1024)),
    ],
    "more than 30 check-ins of a runner at once": [restless],
    "a second stream of the same runner (ends the first)": [superseded],
    "for an execution that there never was": [fenced(lambda work, stranger: (stranger, report(started={})))],
    "of an attempt that is still to come": [
        fenced(lambda work, stranger: (work.stream, work.report(attempt=work.attempt + 1, started={})))
    ],
    "for another runner's attempt": [fenced(lambda work, stranger: (stranger, work.report(started={})))],
    "for an execution that was canceled": [fenced(lambda work, stranger: canceled(work))],
    "for an execution that another runner has completed": [fenced(completed)],
    "the first message is no header": [uploads(lambda work: (END,))],
    "a second header": [uploads(lambda work: (work.header(), work.header()))],
    "no end before the runner closes its half": [uploads(lambda work: (work.header(), Upload(chunk=b"{}\n")))],
    "a message after the end": [
        uploads(lambda work: (work.header(), END, Upload(chunk=b"{}\n"))),
        uploads(lambda work: (work.header(), END, END)),
    ],
    "a line that is no JSON object": [chunk(b"[1]\n"), chunk(b'{"a": NaN}\n'), chunk(b"hello\n")],
    "an empty line": [chunk(b"\n")],
    "a last line without its line feed": [chunk(b"{}")],
    "a chunk of more than 1 MiB": [chunk(b'{"a": "%s"}\n' % (b"x" * 2 * MIB))],
    "counts that are not those of what was sent": [uploads(lambda work: (work.header(), Upload(chunk=b"{}\n"), END))],
    "an attempt that does not hold the execution": [
        uploads(lambda work: (work.header(attempt=work.attempt + 1), END)),
        uploads(lambda work: (work.header(execution_id=UNKNOWN), END)),
        uploads(lambda work: (work.header(runner_id=UNKNOWN), END)),
    ],
}


def rows():
    """The rows of the tables: each breach with the code and the reason that the page promises."""
    section = open(PAGE, encoding="utf-8").read().split("## What breaks the protocol", 1)[1].split("\n## ", 1)[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and cells[2] != "reason" and not set(cells[0]) <= set("- "):
            yield cells[0], cells[1].strip("`"), None if cells[2] == "none" else cells[2].strip("`")


def main():
    promised = {breach: (code, reason) for breach, code, reason in rows()}
    wrong = [f"the page has no row for: {breach}" for breach in BREACHES.keys() - promised.keys()]
    wrong += [f"nothing here commits: {breach}" for breach in promised.keys() - BREACHES.keys()]
    tries = [(breach, commit) for breach, commits in BREACHES.items() for commit in commits if breach in promised]
    with ThreadPoolExecutor(len(tries)) as threads:
        results = threads.map(lambda each: each[1](), tries)
        for (breach, _), result in zip(tries, results):
            if result != promised[breach]:
                wrong.append(f"{breach}: the page says {promised[breach]}, the coordinator {result}")
    print("\n".join(wrong) or f"{len(tries)} breaches of {len(promised)} kinds got what the page says")
    return bool(wrong)


sys.exit(main())

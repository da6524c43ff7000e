"""A whole Muster runner in some hundred lines, written from docs/runner-protocol.md alone: runner.py ADDRESS POOL FOLDER

Its connector `numbers` collects the first `count` numbers. SIGTERM drains it. It keeps its last reports in memory only,
so what it holds when it is killed is done again.
"""

import itertools, os, pathlib, queue, random, signal, sys, threading, time, uuid

import grpc
from muster_api import Api, connect

ADDRESS, POOL, IDENTITY = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3], "runner-id")
SLOTS, FINISHED = 2, 3  # REPORT_KIND_FINISHED
REFUSALS = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)
SCHEMA = {"type": "object", "properties": {"count": {"type": "integer", "minimum": 0}}, "required": ["count"]}
NUMBERS = {
    "connector": "numbers", "version": "1.0.0", "title": "Numbers", "configuration_schema": SCHEMA,
    "data_types": [{"data_type": "number", "primary_key": ["number"]}]}

api = Api(ADDRESS)  # its connection carries the uploads, too; the check-in has one of its own
Message, Upload = api.message("RunnerMessage"), api.message("UploadRecordsRequest")
upload = api.method("RunnerService", "UploadRecords")


class Runner:
    def __init__(self):
        if not IDENTITY.exists():
            IDENTITY.write_bytes(uuid.uuid4().bytes)
        self.id, self.draining = IDENTITY.read_bytes(), False
        self.running, self.ended = {}, {}  # attempt -> what stops it; attempt -> its last report, until it is answered
        self.lease, self.heartbeat, self.heard = 60.0, 15.0, time.monotonic()
        self.stream, self.dead_at, self.outgoing = None, 0.0, queue.SimpleQueue()

    def hello(self):
        held = ([{"execution_id": it[0], "attempt": it[1]} for it in list(of)] for of in (self.running, self.ended))
        return Message(hello={
            "runner_id": self.id, "display_name": f"python-{os.getpid()}", "version": "0.1.0", "slots": SLOTS,
            "organization": "organizations/default", "pool": POOL, "connectors": [NUMBERS],
            "running": next(held), "finished": next(held)})

    def says(self, outgoing, welcome):  # the runner's half of a stream; a heartbeat where there is nothing else
        yield self.hello()
        welcome.wait(10)
        while not self.is_done():
            try:
                yield outgoing.get(timeout=self.heartbeat)
            except queue.Empty:
                yield Message(heartbeat={})

    def is_done(self):
        return self.draining and not self.running and not self.ended

    def report(self, work, **kind):
        message = Message(reports={"reports": [{"execution_id": work[0], "attempt": work[1], **kind}]})
        if "completed" in kind or "failed" in kind:
            if self.running.pop(work, None) is None:
                return  # fenced, canceled or lost meanwhile: nothing is to be reported
            self.ended[work] = message
        self.outgoing.put(message)

    def collect(self, work, assignment, stop):
        try:
            self.report(work, started={})
            lines = [b'{"number": %d}\n' % number for number in range(int(assignment.configuration["count"]))]
            counts = {"records": len(lines), "bytes": sum(map(len, lines))}
            header = {"execution_id": work[0], "attempt": work[1], "runner_id": self.id}
            chunks = (b"".join(lines[at:at + 5000]) for at in range(0, len(lines), 5000) if not stop.is_set())
            chunks = (Upload(chunk=chunk) for chunk in chunks)
            answer = upload(itertools.chain([Upload(header=header)], chunks, [Upload(end={"counts": counts})]))
            self.report(work, completed={"counts": answer.counts, "staged": True})
        except Exception as error:
            category = "LANDING" if isinstance(error, grpc.RpcError) else "CONNECTOR"
            self.report(work, failed={"category": f"ERROR_CATEGORY_{category}", "message": f"it has failed: {error!r}"})

    def take(self, message):
        self.heard, self.dead_at = time.monotonic(), time.monotonic() + 7 / 3 * self.heartbeat
        for assignment in message.assignments.assignments:
            work = (assignment.execution_id, assignment.attempt)
            if work in self.ended:
                self.outgoing.put(self.ended[work])
            elif work in self.running or len(self.running) + len(self.ended) < SLOTS and not self.draining:
                self.report(work, accepted={})
                if work not in self.running:
                    self.running[work] = threading.Event()
                    task = (work, assignment, self.running[work])
                    threading.Thread(target=self.collect, args=task, daemon=True).start()
        if message.HasField("check"):  # its source is arithmetic, which always answers
            self.outgoing.put(Message(check_result={"check_id": message.check.check_id}))
        finished = (ack for ack in message.acks.acks if ack.kind == FINISHED)
        for over in (*finished, *message.fences.fences, *message.cancels.cancels):
            self.forget((over.execution_id, over.attempt))

    def forget(self, work):
        self.ended.pop(work, None)
        self.running.pop(work, threading.Event()).set()
        self.outgoing.put(Message(heartbeat={}))  # wakes `says`, which may have no more to say

    def watch(self):  # silence: the lease is lost, or the stream is dead
        while time.sleep(0.2) is None:
            if time.monotonic() > self.heard + 0.8 * self.lease:
                [self.forget(work) for work in list(self.running)]
            if self.stream and time.monotonic() > self.dead_at:
                self.stream.cancel()

    def check_in(self):  # one stream, on a connection of its own, from its hello to its end
        welcome, self.outgoing, self.dead_at = threading.Event(), queue.SimpleQueue(), time.monotonic() + 10
        with connect(ADDRESS) as channel:
            self.stream = api.method("RunnerService", "CheckIn", channel)(self.says(self.outgoing, welcome))
            for message in self.stream:
                if message.HasField("welcome"):
                    said = message.welcome
                    self.lease = said.lease.ToMilliseconds() / 1000
                    self.heartbeat = said.heartbeat_interval.ToMilliseconds() / 1000
                    [self.outgoing.put(report) for report in list(self.ended.values())]
                    [self.report(work, started={}) for work in list(self.running)]
                    welcome.set()
                self.take(message)
                if message.HasField("reconnect"):
                    return

    def drain(self, *_):
        self.draining = True
        self.outgoing.put(Message(drain={}))

    def live(self):
        signal.signal(signal.SIGTERM, self.drain)
        threading.Thread(target=self.watch, daemon=True).start()
        least, most = 0.0, 0.5
        while not self.is_done():
            began = time.monotonic()
            try:
                self.check_in()
            except grpc.RpcError as error:
                print(f"the check-in has ended: {error.code().name}: {error.details()}", file=sys.stderr, flush=True)
                least = 15.0 if error.code() in REFUSALS else 0.0
            most = 0.5 if time.monotonic() - began > 5 else min(2 * most, 30.0)
            time.sleep(random.uniform(least, max(most, 2 * least)))


Runner().live()

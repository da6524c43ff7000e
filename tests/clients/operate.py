"""What an operator's own program does, with nothing but grpcio and the server's reflection: operate.py ADDRESS

Lists and describes the services, takes errors apart, creates an integration of the connector `numbers`, and reads what
a runner of it collects: by a watch, by a stream of records and by calls. Fails on the first thing that is not as it
should be.
"""

import sys

import grpc
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from muster_api import Api

PARENT = "organizations/default"
LIMIT_S = 60

api = Api(sys.argv[1])
integrations = {name: api.method("IntegrationService", f"{name}Integration") for name in ("Create", "Get", "Delete")}


def request(message, /, **fields):
    return api.message(f"{message}Request")(**fields)


def create(**fields):
    return integrations["Create"](request("CreateIntegration", parent=PARENT, integration=fields), timeout=LIMIT_S)


def refused(call):
    """The code, the reason and the fields that an error names."""
    try:
        answer = call()
    except grpc.RpcError as error:
        reason, fields = None, []
        for detail in rpc_status.from_call(error).details:
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if detail.Unpack(info):
                reason = info.reason
            elif detail.Unpack(bad):
                fields = [violation.field for violation in bad.field_violations]
        return error.code().name, reason, fields
    raise AssertionError(f"it should have been refused: {answer}")


def same(found, expected):
    assert found == expected, f"expected {expected}, found {found}"


# List and describe.
services = api.services()
missing = {f"muster.v1.{name}Service" for name in ("Execution", "Integration", "LogLine", "Runner")} - set(services)
assert not missing, services
methods = [method.name for method in api.pool.FindServiceByName("muster.v1.ExecutionService").methods]
assert {"GetExecution", "ListExecutions", "WatchExecutions", "ReadRecords"} <= set(methods), methods

# Errors with details.
nobody = f"{PARENT}/integrations/00000000-0000-7000-8000-000000000000"
unknown = refused(lambda: integrations["Get"](request("GetIntegration", name=nobody)))
same(unknown, ("NOT_FOUND", "INTEGRATION_NOT_FOUND", []))
wrong = refused(lambda: create(display_name="numbers", connector="numbers", configuration={"count": "many"}))
same(wrong, ("INVALID_ARGUMENT", "INVALID_CONFIGURATION", ["integration.configuration.count"]))

# A watch that sees the execution of a new integration to its end.
watch = api.method("ExecutionService", "WatchExecutions")(request("WatchExecutions", parent=PARENT), timeout=LIMIT_S)
first = next(watch)
assert first.snapshot.complete, first
integration = create(display_name="numbers", connector="numbers", configuration={"count": 12345})
same(MessageToDict(integration.configuration), {"count": 12345.0})
seen = []
for step in watch:
    seen += [it for it in step.changes.executions if it.name.startswith(integration.name)]
    if seen and seen[-1].HasField("end_time"):
        break
watch.cancel()
status = type(seen[-1]).DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number
same(status[seen[-1].status].name, "EXECUTION_STATUS_COMPLETED")
same(seen[-1].counts.records, 12345)

# The records, as a stream, and the same execution by a call.
read = api.method("ExecutionService", "ReadRecords")(request("ReadRecords", name=seen[-1].name), timeout=LIMIT_S)
lines = b"".join(part.lines for part in read).splitlines()
same((len(lines), lines[0], lines[-1]), (12345, b'{"number": 0}', b'{"number": 12344}'))
found = api.method("ExecutionService", "GetExecution")(request("GetExecution", name=seen[-1].name), timeout=LIMIT_S)
same((found.attempt, found.connector), (1, "numbers"))
page = request("ListExecutions", parent=integration.name)
listed = api.method("ExecutionService", "ListExecutions")(page, timeout=LIMIT_S)
same([it.name for it in listed.executions], [found.name])

integrations["Delete"](request("DeleteIntegration", name=integration.name), timeout=LIMIT_S)
print(f"{integration.name} was created, watched ({len(seen)} changes), read ({len(lines)} records) and deleted")

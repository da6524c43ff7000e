"""A connector that proves that it has its secret, by a digest of it, while it waits for a gate."""

import hashlib
import json
import os
import sys
import time

SPEC = {
    "protocol": 1,
    "version": "1",
    "title": "Vault",
    "description": "Shows the digest of its secret.",
    "config_schema": {
        "type": "object",
        "properties": {"token": {"type": "string", "writeOnly": True}, "gate": {"type": "string"}},
        "required": ["token"],
    },
    "data_types": [{"name": "device", "title": "Devices", "primary_key": ["id"]}],
}


def say(kind, value):
    print(json.dumps({kind: value}), flush=True)


request = json.loads(sys.stdin.readline())
if request["command"] == "spec":
    say("spec", SPEC)
elif request["command"] == "check":
    say("end", {})
else:
    config = request["config"]
    print("the token is " + config["token"], flush=True)
    gate = config.get("gate")
    while gate and not os.path.exists(gate):
        time.sleep(0.05)
    say("record", {"id": hashlib.sha256(config["token"].encode()).hexdigest()})
    say("end", {"records": 1})

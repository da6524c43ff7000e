"""A connector that tells its secrets in every way there is, save in records."""

import base64
import binascii
import json
import os
import sys
import time
import urllib.parse

SPEC = {
    "protocol": 1,
    "version": "1",
    "title": "Leaky",
    "description": "Tells its secrets.",
    "config_schema": {
        "type": "object",
        "properties": {
            "token": {"type": "string", "writeOnly": True},
            "key": {"type": "string", "writeOnly": True},
            "end": {"type": "string"},
            "gate": {"type": "string"},
        },
    },
    "data_types": [{"name": "device", "title": "Devices", "primary_key": ["id"]}],
}


def say(kind, value):
    print(json.dumps({kind: value}), flush=True)


def forms(secret):
    """Each a text with the secret in it, written otherwise."""
    data = secret.encode()
    quote = urllib.parse.quote
    lower = "".join(f"%{byte:02x}" for byte in data)
    yield f"plain {secret}"
    yield f"GET https://bob:{quote(secret, safe='')}@crm.example/v1"
    yield f"GET https://crm.example/v1?token={quote(secret)}&page=1"
    yield f"GET https://crm.example/v1?token={lower}&page=1"
    yield f"POST {urllib.parse.urlencode({'password': secret})}"
    yield f"authorization: Bearer {secret}"
    for user in ["", "u", "us", "bob", "robert"]:
        pair = f"{user}:{secret}".encode()
        yield f"authorization: Basic {base64.b64encode(pair).decode()}"
        yield f"state={base64.urlsafe_b64encode(pair).decode().rstrip('=')}"
    yield json.dumps({"password": secret})
    yield json.dumps({"body": json.dumps({"password": secret})})
    yield json.dumps({"password": secret}, ensure_ascii=False).replace("/", "\\/")
    yield repr(secret)
    yield f"hex {binascii.hexlify(data).decode()}"
    yield f"HEX {binascii.hexlify(data).decode().upper()}"


def tell(config):
    for name in ["token", "key"]:
        for text in forms(config[name]):
            say("log", {"level": "info", "message": text})
            # As a program that knows nothing of the protocol.
            print(f"stdout: {text}", flush=True)
            print(f"stderr: {text}", file=sys.stderr, flush=True)
        print(config[name], file=sys.stderr, flush=True)
        # As `base64` prints it: wrapped.
        print(base64.encodebytes(config[name].encode()).decode(), file=sys.stderr, flush=True)
    # Longer than a line of the log may be, and the secret where it is cut.
    print("x" * (8 * 1024 - 9) + config["token"], file=sys.stderr, flush=True)


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.02)


def end(config):
    told = " ".join(forms(config["token"]))
    match config["end"]:
        case "good":
            say("end", {"records": 0})
        case "error":
            wait_for(config["gate"])
            # Cut in the middle of a secret, too.
            cut = "x" * (2048 - len(told) - 8) + config["token"] * 3
            remedy = f"renew {config['key']} and {urllib.parse.quote(config['token'])}"
            say("error", {"category": "permission", "message": f"403: {told}{cut}", "remedy": remedy})
        case "traceback":
            raise ValueError(f"401 for {config['token']} {urllib.parse.quote(config['token'])} {config['key']}")
        case "protocol":
            say("end", {"records": config["token"]})


request = json.loads(sys.stdin.readline())
match sys.argv[-1]:
    case "spec":
        say("spec", SPEC)
    case "check":
        tell(request["config"])
        end({**request["config"], "end": "traceback"})
    case "collect":
        tell(request["config"])
        end(request["config"])

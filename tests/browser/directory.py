#!/usr/bin/env python3
"""A connector whose schema has all that a form can show. It reads nothing: whether it can is said by a file beside it, `refused`."""

import json
import pathlib
import sys
import time

SIMPLE = {
    "title": "Name and password",
    "required": ["kind", "user", "password"],
    "additionalProperties": False,
    "properties": {
        "kind": {"const": "simple"},
        "user": {"title": "User", "type": "string"},
        "password": {"title": "Password", "type": "string", "writeOnly": True},
    },
}
TOKEN = {
    "title": "Token",
    "required": ["kind", "token"],
    "additionalProperties": False,
    "properties": {"kind": {"const": "token"}, "token": {"title": "Token", "type": "string", "writeOnly": True}},
}
MAPPING = {
    "type": "object",
    "additionalProperties": False,
    "required": ["from", "to"],
    "properties": {"from": {"title": "From", "type": "string"}, "to": {"title": "To", "type": "string"}},
}
BIND = {"type": "object", "properties": {"password": {"type": "string", "writeOnly": True}}}
SPEC = {
    "protocol": 1,
    "version": "2.1.0",
    "title": "Corporate directory",
    "description": "Reads people and devices from a directory server, page by page.",
    "config_schema": {
        "type": "object",
        "required": ["url", "auth"],
        "additionalProperties": False,
        "properties": {
            "url": {"title": "URL", "description": "The server's address.", "type": "string", "examples": ["ldaps://dc1.corp.example", "ldaps://dc2.corp.example"]},
            "port": {"title": "Port", "description": "Where it listens.", "type": "integer", "minimum": 1, "maximum": 65535, "default": 636},
            "timeout": {"title": "Time-out", "description": "Seconds for one answer.", "type": "number", "exclusiveMinimum": 0},
            "verify": {"title": "Verify its certificate", "type": "boolean", "default": True},
            "level": {"title": "Detail", "type": "string", "enum": ["basic", "full"], "default": "basic"},
            "kinds": {"title": "Kinds of accounts", "type": "array", "items": {"enum": ["people", "services"]}},
            "bases": {"title": "Search bases", "type": "array", "items": {"type": "string"}},
            "auth": {"title": "Sign-in", "description": "How it signs in to the server.", "type": "object", "oneOf": [SIMPLE, TOKEN]},
            "mappings": {"title": "Attribute mappings", "type": "array", "items": MAPPING},
            "extra": {"title": "Extra attributes", "type": ["object", "array"], "properties": {"bind": BIND}},
        },
    },
    "data_types": [
        {"name": "user", "title": "Users", "default_interval": "1h", "primary_key": ["id"]},
        {"name": "device", "title": "Devices", "default_interval": "6h", "primary_key": ["id"]},
    ],
    "permissions": [
        {"name": "Directory.Read.All", "purpose": "lists people and devices", "required": True, "data_types": ["user", "device"]},
        {"name": "AuditLog.Read.All", "purpose": "tells who signed in", "required": False, "data_types": ["user"]},
    ],
}
REFUSED = {
    "category": "permission",
    "message": "the directory does not let svc-muster list people",
    "reason": {"missing_permission": "Directory.Read.All"},
}


# Where it is told how the directory is today.
FOLDER = pathlib.Path(__file__).parent


def say(kind, value):
    print(json.dumps({kind: value}), flush=True)


ask = json.loads(sys.stdin.readline())
if ask["command"] == "spec":
    say("spec", SPEC)
elif (FOLDER / "refused").exists():
    say("error", REFUSED)
elif ask["command"] == "check":
    while (FOLDER / "slow").exists():
        time.sleep(0.1)
    say("end", {})
else:
    for number in range(3):
        say("record", {"id": f"{ask['data_type']}-{number}"})
    say("end", {"records": 3})

#!/usr/bin/env python3
"""The connector NAME, for Muster. docs/own-connector.md explains each part.

It reads devices from a file of JSON lines beside it: put your source in place of `source()`.
"""

import json
import pathlib
import sys

SPEC = {
    "protocol": 1,
    "version": "0.1.0",
    "title": "NAME",
    "description": "Reads devices from a file of JSON lines.",
    "config_schema": {
        "type": "object",
        "required": ["file"],
        "additionalProperties": False,
        "properties": {
            "file": {
                "title": "File",
                "description": "The file to read: a path, from this program's folder unless it begins with /.",
                "type": "string",
            },
        },
    },
    "data_types": [
        {"name": "device", "title": "Devices", "default_interval": "1h", "primary_key": ["id"]},
    ],
    "permissions": [],
}


class Failure(Exception):
    """Why it cannot go on: `permission`, `configuration`, `communication`, `connector` or `timeout`, and what to do."""

    def __init__(self, category, message, remedy=None):
        super().__init__(message)
        self.category, self.message, self.remedy = category, message, remedy


def say(kind, value):
    """Prints one message. Nothing else may be printed on standard output after the end."""
    print(json.dumps({kind: value}), flush=kind != "record")


def source(config):
    """Opens the source, or says why it cannot."""
    path = pathlib.Path(__file__).resolve().parent / config["file"]
    try:
        return path.open(encoding="utf-8")
    except OSError as error:
        raise Failure("configuration", f"{path} cannot be read: {error.strerror}", "correct `file`") from error


def check(config):
    """Asks the source whether it would answer."""
    source(config).close()


def collect(config, data_type, cursor):
    """Prints each record of the data type; returns how many those were."""
    records = 0
    with source(config) as lines:
        for line in lines:
            say("record", json.loads(line))
            records += 1
    return records


def main():
    request = json.loads(sys.stdin.readline())
    try:
        if request["command"] == "spec":
            say("spec", SPEC)
        elif request["command"] == "check":
            check(request["config"])
            say("end", {})
        else:
            records = collect(request["config"], request["data_type"], request.get("cursor"))
            say("end", {"records": records})
    except Failure as failure:
        say("error", {"category": failure.category, "message": failure.message, "remedy": failure.remedy})


main()

#!/usr/bin/env python3
"""A connector in Python: the devices and users of an inventory with a JSON API, page by page, and only what has changed.

Nothing but Python's standard library is needed. docs/own-connector.md goes through it.
"""

import json
import socket
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

SPEC = {
    "protocol": 1,
    "version": "1.0.0",
    "title": "Inventory",
    "description": "Reads devices and users from the inventory's API, version 2.",
    "config_schema": {
        "type": "object",
        "required": ["url", "token"],
        "additionalProperties": False,
        "properties": {
            "url": {
                "title": "URL",
                "description": "The API's address, such as https://inventory.example/api/v2.",
                "type": "string",
                "format": "uri",
                "pattern": "^https?://",
            },
            "token": {
                "title": "Token",
                "description": "A token with the scope inventory.read: a reference such as env:MUSTER_SECRET_INVENTORY.",
                "type": "string",
                "writeOnly": True,
            },
        },
    },
    "data_types": [
        {
            "name": "device",
            "title": "Devices",
            "default_interval": "1h",
            "primary_key": ["id"],
            "incremental": True,
        },
        {"name": "user", "title": "Users", "default_interval": "24h", "primary_key": ["login"]},
    ],
    "permissions": [
        {
            "name": "inventory.read",
            "purpose": "lists devices and users",
            "required": True,
            "data_types": ["device", "user"],
        },
    ],
}

# What the source calls the data types.
PATHS = {"device": "devices", "user": "users"}


class Failure(Exception):
    """Why it cannot go on, as people are told: the category says who can mend it."""

    def __init__(self, category, message, remedy=None, reason=None):
        super().__init__(message)
        self.error = {"category": category, "message": message, "remedy": remedy, "reason": reason}


def say(kind, value):
    """Prints one message: a line of JSON."""
    print(json.dumps({kind: value}))


def get(config, path, **query):
    """Asks the API, and tells each way of not getting an answer apart."""
    url = f"{config['url'].rstrip('/')}/{path}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {config['token']}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        # What there is to do about these people are told by the runner: it knows what the permission is for.
        if error.code in (401, 403):
            reason = {401: {"bad_credentials": "token"}, 403: {"missing_permission": "inventory.read"}}[error.code]
            raise Failure("permission", f"the API answers {error.code} to GET /{path}", reason=reason) from error
        if error.code == 404:
            raise Failure("configuration", f"the API has no /{path}", "correct `url`") from error
        raise Failure("communication", f"the API answers {error.code} to GET /{path}") from error
    except TimeoutError as error:
        raise Failure("timeout", f"the API did not answer GET /{path} within 30 s") from error
    except urllib.error.URLError as error:
        message = f"{config['url']} cannot be reached: {error.reason}"
        raise Failure("communication", message, reason=why(error.reason, config["url"])) from error
    except ValueError as error:
        raise Failure("connector", f"the API's answer to GET /{path} is no JSON: {error}") from error


def why(error, url):
    """What exactly has failed, as far as it can be told."""
    host = urllib.parse.urlsplit(url).netloc.rpartition("@")[2]
    match error:
        case socket.gaierror():
            return {"name_resolution": host}
        case ConnectionRefusedError():
            return {"refused": host}
        case ssl.SSLCertVerificationError():
            return {"untrusted": host}
        case TimeoutError():
            return {"connect_timeout": host}
        case _:
            return None


def check(config):
    """One small question tells whether address and token are right."""
    get(config, "devices", limit=1)


def collect(config, data_type, cursor):
    """Prints every record, page by page, so that memory does not grow with the source. Returns how many those were."""
    query = {"limit": 500}
    # The cursor is the newest change that was seen. What has changed at that very time may come again: better twice than never.
    if data_type == "device" and cursor:
        query["changed_since"] = cursor
    newest = cursor
    records = 0
    page = None
    while page is None or page.get("next"):
        if page:
            query["page"] = page["next"]
        page = get(config, PATHS[data_type], **query)
        for item in page["items"]:
            say("record", item)
            records += 1
            if data_type == "device":
                newest = max(newest or "", item["changed_at"])
        say("progress", {"total": page.get("total")})
    if newest:
        say("cursor", newest)
    return records


def main():
    request = json.loads(sys.stdin.readline())
    try:
        if request["command"] == "spec":
            say("spec", SPEC)
        elif request["command"] == "check":
            check(request["config"])
            say("end", {})
        elif request["command"] == "collect":
            records = collect(request["config"], request["data_type"], request.get("cursor"))
            say("end", {"records": records})
    except Failure as failure:
        say("error", failure.error)


main()

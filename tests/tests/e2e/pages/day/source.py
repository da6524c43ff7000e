"""A source that has, of each data type, what a file says: so many records, or an error.

    source.py TITLE FILE DATA_TYPE,... COMMAND
"""

import json
import sys

_, title, path, data_types, command = sys.argv
request = json.loads(sys.stdin.readline())


def spec():
    kinds = [{"name": kind, "title": kind, "primary_key": ["id"]} for kind in data_types.split(",")]
    yield {
        "spec": {
            "protocol": 1,
            "version": "1.0.0",
            "title": title,
            "description": "A source of a test.",
            "config_schema": {"type": "object"},
            "data_types": kinds,
        }
    }


def collect(kind):
    with open(path, encoding="utf-8") as file:
        has = json.load(file)[kind]
    if isinstance(has, dict):
        yield {"error": has}
        return
    for number in range(has):
        yield {"record": {"id": number}}
    yield {"end": {"records": has}}


for message in spec() if command == "spec" else collect(request["data_type"]):
    print(json.dumps(message))

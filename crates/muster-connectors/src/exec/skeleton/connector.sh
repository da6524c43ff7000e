#!/bin/sh
# The connector NAME, for Muster. docs/own-connector.md explains each part.
#
# It reads devices from a file of JSON lines beside it: put your source in place of `source_file`. Needs jq.
set -eu

read -r request

fail() { # category, message, remedy
    jq -nc --arg category "$1" --arg message "$2" --arg remedy "$3" \
        '{error: {category: $category, message: $message, remedy: $remedy}}'
    exit 0
}

source_file() {
    file=$(printf '%s' "$request" | jq -r .config.file)
    case $file in
    /*) ;;
    *) file=$(dirname "$0")/$file ;;
    esac
    [ -r "$file" ] || fail configuration "$file cannot be read" 'correct `file`'
}

case $1 in
spec)
    jq -c '{spec: .}' <<'SPEC'
{
    "protocol": 1,
    "version": "0.1.0",
    "title": "NAME",
    "description": "Reads devices from a file of JSON lines.",
    "config_schema": {
        "type": "object",
        "required": ["file"],
        "additionalProperties": false,
        "properties": {
            "file": {
                "title": "File",
                "description": "The file to read: a path, from this program's folder unless it begins with /.",
                "type": "string"
            }
        }
    },
    "data_types": [
        {"name": "device", "title": "Devices", "default_interval": "1h", "primary_key": ["id"]}
    ],
    "permissions": []
}
SPEC
    ;;
check)
    source_file
    echo '{"end": {}}'
    ;;
collect)
    source_file
    # What jq cannot read ends the script here, before it says that it ended well.
    jq -c '{record: .}' "$file"
    jq -nc --argjson records "$(jq -n 'reduce inputs as $record (0; . + 1)' "$file")" '{end: {records: $records}}'
    ;;
esac

#!/bin/sh
# A connector in shell: the file systems of the runner's machine, with their sizes. Needs jq. docs/own-connector.md goes through it.
set -eu

read -r request # {"protocol": 1, "command": "collect", "config": {"under": "/"}, "data_type": "file_system"}

fail() { # category, message, remedy
    jq -nc --arg category "$1" --arg message "$2" --arg remedy "$3" \
        '{error: {category: $category, message: $message, remedy: $remedy}}'
    exit
}

under() {
    under=$(printf '%s' "$request" | jq -r '.config.under // "/"')
    [ -d "$under" ] || fail configuration "there is no folder $under" 'correct `under`'
}

case $1 in
spec)
    jq -c '{spec: .}' <<'SPEC'
{
    "protocol": 1,
    "version": "1.0.0",
    "title": "File systems",
    "description": "The mounted file systems of the runner's machine, with their sizes.",
    "config_schema": {
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "under": {
                "title": "Under",
                "description": "Only what is mounted at this folder or under it.",
                "type": "string",
                "pattern": "^/",
                "default": "/"
            }
        }
    },
    "data_types": [
        {"name": "file_system", "title": "File systems", "default_interval": "15m", "primary_key": ["mount"]}
    ]
}
SPEC
    ;;
check)
    under
    echo '{"end": {}}'
    ;;
collect)
    under
    # One record a line, and the last of the same mount point: that is the one that is seen. A file system that cannot be asked is told by df on
    # standard error, and so in the execution's log.
    records=$(df -Pk | jq -nRc --arg under "${under%/}" '
        [inputs | select(startswith("Filesystem ") | not)
            | capture("^(?<device>.+?) +(?<kib>[0-9]+) +(?<used_kib>[0-9]+) +(?<available_kib>[0-9]+) +\\S+ +(?<mount>/.*)$")
            | select(.mount == $under or (.mount | startswith($under + "/")))]
        | unique_by(.mount)[]
        | {record: (.kib |= tonumber | .used_kib |= tonumber | .available_kib |= tonumber)}')
    [ -z "$records" ] || printf '%s\n' "$records"
    printf '{"end": {"records": %s}}\n' "$(printf '%s' "$records" | grep -c '^')"
    ;;
esac

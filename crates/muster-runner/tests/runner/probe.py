"""A connector that tries what a program should not be able to do, and says how that went: `end` when it could, or what kept it."""

import ctypes
import json
import os
import platform
import signal
import socket
import sys
import threading

CALLS = {"x86_64": {"clone": 56, "keyctl": 250, "bpf": 321}, "aarch64": {"clone": 220, "keyctl": 219, "bpf": 280}}
SPEC = {
    "protocol": 1,
    "version": "1",
    "title": "Probe",
    "description": "Tries.",
    "config_schema": {
        "type": "object",
        "properties": {
            "url": {"type": "string", "format": "uri"},
            "server": {"type": "string", "format": "host-port"},
            "token": {"type": "string", "writeOnly": True},
        },
    },
    "data_types": [{"name": "device", "title": "Devices", "primary_key": ["id"]}],
}
LIBC = ctypes.CDLL(None, use_errno=True)


def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def syscall(name, *arguments):
    return call(LIBC.syscall(CALLS[platform.machine()][name], *arguments))


def connect(config):
    socket.create_connection((config["host"], config["port"]), timeout=10).close()


def bind(_):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()


def write(config):
    with open(config["path"], "w", encoding="utf-8") as file:
        file.write("left behind")


def write_own(_):
    for folder in (os.environ["TMPDIR"], os.getcwd()):
        assert os.listdir(folder) in ([], ["kept"]), os.listdir(folder)
        write({"path": os.path.join(folder, "kept")})


def clone(_):
    # Another view of the machine's name: every process has a right to that who may have a view of its own at all.
    if syscall("clone", 0x04000000 | signal.SIGCHLD, 0, 0, 0, 0) == 0:
        os._exit(0)


def thread(_):
    started = threading.Thread(target=lambda: None)
    started.start()
    started.join()


def privileges(_):
    with open("/proc/self/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
    if int(status["CapPrm"], 16) == 0 and status["NoNewPrivs"] == "1":
        raise OSError(1, "no privileges, and none to come")


def fork(config):
    children = []
    try:
        for _ in range(config["count"]):
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def memory(config):
    try:
        held = b"x" * config["bytes"]
    except MemoryError as error:
        raise OSError(12, "no memory") from error
    assert held


def record(config):
    for number in range(config["count"]):
        print(json.dumps({"record": {"id": number, "ballast": "x" * 100}}))
    return config["count"]


def use_token(config):
    if config["token"] != "hunter2":
        raise OSError(1, "it is another")


TRIES = {
    "read": lambda config: open(config["path"], encoding="utf-8").close(),
    "list": lambda config: os.listdir(config["path"]),
    "write": write,
    "write own": write_own,
    "read environment": lambda _: open(f"/proc/{os.getppid()}/environ", "rb").read(),
    "signal": lambda _: os.kill(os.getppid(), 0),
    "ptrace": lambda _: call(LIBC.ptrace(0, 0, 0, 0)),
    "unshare": lambda _: call(LIBC.unshare(0x04000000)),
    "clone": clone,
    "keyctl": lambda _: syscall("keyctl", 1, 0),
    "bpf": lambda _: syscall("bpf", 0, 0, 0),
    "connect": connect,
    "bind": bind,
    "thread": thread,
    "privileges": privileges,
    "fork": fork,
    "memory": memory,
    "record": record,
    "use token": use_token,
}


def main():
    request = json.loads(sys.stdin.readline())
    if request["command"] == "spec":
        print(json.dumps({"spec": SPEC}))
        return
    config = request["config"]
    try:
        records = TRIES[config["do"]](config)
        records = records if config["do"] == "record" else 0
        print(json.dumps({"end": {"records": records} if request["command"] == "collect" else {}}))
    except OSError as error:
        message = f"{config['do']}: {error.strerror}"
        print(json.dumps({"error": {"category": "configuration", "message": message}}))


main()

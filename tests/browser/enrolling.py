"""The commands by which a runner is added, as they stand in the page: each is taken apart as its shell would, for whoever runs what it says.

    enrolling.py URL TOKEN FOLDER

FOLDER takes what the commands say, as `ways.json`; it stands for /etc/muster, too.
"""

import json
import pathlib
import subprocess
import sys

import yaml
from person import Person, ask, at_a_browser, expect, fits, is_accessible

URL, TOKEN, FOLDER = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
# Of `docker run`, those that a value follows.
VALUED = ("--env", "--volume", "--name", "--restart", "--cap-drop", "--security-opt", "--stop-timeout")


def by_a_shell(functions, text):
    run = subprocess.run(["sh", "-euc", f"{functions}\n{text}"], check=True, capture_output=True, text=True)
    return run.stdout


def of_systemd(text):
    """What is left of it when its files are written: what is asked of systemd."""
    said = by_a_shell('sudo() { "$@"; }\nsystemctl() { printf "systemctl %s\\n" "$*"; }', text.replace("/etc/muster", str(FOLDER / "etc")))
    return [line for line in said.splitlines() if line.startswith("systemctl ")]


def of_a_container(text):
    said = by_a_shell('docker() { printf "%s\\0" "$@"; printf "\\0"; }', text)
    steps = []
    for call in said.strip("\0").split("\0\0"):
        words = iter(call.split("\0"))
        assert next(words) == "run", call
        step = {"env": {}, "args": [], "mounts": []}
        for word in words:
            if word in VALUED:
                name, _, value = next(words).partition("=" if word == "--env" else ":")
                if word == "--env":
                    step["env"][name] = value
                if word == "--volume":
                    step["mounts"].append([name, value])
            elif not word.startswith("--"):
                assert word == "muster-runner", f"another image: {word}"
                step["args"] = list(words)
        steps.append(step)
    return steps


def of_kubernetes(text):
    """What the first pod of it is told, with what it refers to."""
    secret, stateful = yaml.safe_load_all(by_a_shell("kubectl() { cat; }", text))
    pod = stateful["spec"]["template"]
    assert stateful["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"], stateful
    volumes = {claim["metadata"]["name"] for claim in stateful["spec"]["volumeClaimTemplates"]}

    def value(one):
        if "value" in one:
            return one["value"]
        source = one["valueFrom"]
        if "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "metadata.name", source
            return f"{stateful['metadata']['name']}-0"
        assert source["secretKeyRef"]["name"] == secret["metadata"]["name"], source
        return secret["stringData"][source["secretKeyRef"]["key"]]

    steps = []
    for container in pod["spec"]["initContainers"] + pod["spec"]["containers"]:
        mounts = [[mount["name"], mount["mountPath"]] for mount in container["volumeMounts"]]
        assert {name for name, _ in mounts} <= volumes, mounts
        env = {one["name"]: value(one) for one in container["env"]}
        steps.append({"env": env, "args": container.get("args", []), "mounts": mounts})
    return steps


with at_a_browser() as browser:
    root = Person(browser, ignore_https_errors=True)
    page = root.page
    page.goto(f"{URL}/sign-in?to=/organizations/default/runners/add")
    page.get_by_label("API token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Pool").fill("plant_2")
    page.get_by_label("Runners", exact=True).fill("4")
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("#progress")).to_contain_text("Waiting for 4 runners to enroll")
    variants = page.locator(".variants details")
    texts = {}
    for variant in variants.all():
        if variant.get_attribute("open") is None:
            variant.locator("summary").click()
        text = variant.locator("pre").inner_text()
        assert variant.get_by_role("button", name="Copy").get_attribute("data-copy") == text, text
        texts[variant.locator("summary").inner_text()] = text
    is_accessible(page, "all commands")
    fits(page, "all commands")
    (FOLDER / "etc").mkdir()
    said = {
        "plain": texts["On a command line"],
        "systemd": of_systemd(texts["As a service of systemd"]),
        "container": of_a_container(texts["In a container"]),
        "kubernetes": of_kubernetes(texts["In Kubernetes"]),
    }
    (FOLDER / "ways.json").write_text(json.dumps(said))
    ask("run what they say")
    expect(page.locator("#progress .good")).to_have_count(4)
    expect(page.locator("#progress")).not_to_contain_text("Waiting for")
    is_accessible(page, "four runners that have enrolled")
    page.get_by_role("link", name="See all runners").first.click()
    expect(page.locator("tr[id^=r-]", has_text="Ready")).to_have_count(4)
    expect(page.locator("main")).to_contain_text("plant_2")
    root.ended()

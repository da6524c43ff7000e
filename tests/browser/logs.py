"""The executions of an integration: an endless list that stands still while others come, and all that can be done with one of them.

    logs.py URL INTEGRATION API
"""

import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

from person import PHONE, WIDE, Person, ask, at_a_browser, expect, fits, is_accessible

URL, INTEGRATION, API = sys.argv[1:]
LOGS = f"{URL}/{INTEGRATION}/logs"
# The most that what somebody looks at may move.
STILL_PX = 2


def ids(page):
    return page.evaluate("[...document.querySelectorAll('#entries > li')].map((entry) => entry.id.slice(2))")


def until_there(page, execution):
    expect(page.locator(f"#e-{execution}")).to_have_count(1)


def all_executions():
    """By their ids, the newest first."""
    return ask("all executions").split(",")


def scrolls_to_the_end(page):
    """As people do, until nothing more comes."""
    wanted = len(all_executions())
    for _ in range(60):
        if len(ids(page)) >= wanted:
            return
        page.mouse.wheel(0, 3_000)
        page.wait_for_timeout(100)
    raise AssertionError(f"{len(ids(page))} of {wanted} are shown")


def shows_each_once(page):
    shown = ids(page)
    assert len(shown) == len(set(shown)), "one is shown twice"
    assert shown == all_executions(), "one is missing, or out of its order"


def top(page, execution):
    return page.evaluate("(id) => document.getElementById(id).getBoundingClientRect().top", f"e-{execution}")


def stands_still(page, execution):
    """While others come."""
    before = top(page, execution)
    newest = ask("collect some times")
    until_there(page, newest)
    moved = top(page, execution) - before
    assert abs(moved) <= STILL_PX, f"what somebody looks at has moved by {moved} px"


def is_endless(page):
    page.goto(LOGS)
    expect(page.locator("#entries > li")).to_have_count(50)
    page.mouse.move(1_200, 500)
    scrolls_to_the_end(page)
    shows_each_once(page)
    is_accessible(page, "a hundred executions")
    # In the midst of it: none that somebody looks at moves, opened or not.
    looked_at = ids(page)[70]
    page.locator(f"#e-{looked_at}").evaluate("(entry) => entry.scrollIntoView({ block: 'center' })")
    stands_still(page, looked_at)
    page.locator(f"#e-{looked_at} a.entry").click()
    expect(page.locator(f"#e-{looked_at} .detail")).to_be_visible()
    page.locator(f"#e-{looked_at}").evaluate("(entry) => entry.scrollIntoView({ block: 'start' })")
    stands_still(page, looked_at)
    expect(page.locator(f"#e-{looked_at} .detail")).to_be_visible()
    # The same with all that is below.
    scrolls_to_the_end(page)
    expect(page.locator(f"#e-{looked_at} .detail")).to_be_visible()
    shows_each_once(page)
    # On a phone it is the page that scrolls.
    page.set_viewport_size(PHONE)
    page.locator(f"#e-{looked_at}").evaluate("(entry) => entry.scrollIntoView({ block: 'start' })")
    stands_still(page, looked_at)
    page.set_viewport_size(WIDE)


def is_opened_again(page):
    """An old one by its address, with more above it and below it than is shown at first."""
    old = all_executions()[90]
    page.goto(f"{URL}/{INTEGRATION}/executions/{old}")
    expect(page.locator(f"#e-{old} .detail")).to_be_visible()
    page.mouse.move(1_200, 500)
    scrolls_to_the_end(page)
    expect(page.locator(f"#e-{old} .detail")).to_be_visible()
    shows_each_once(page)


def is_filtered(person, page):
    page.goto(LOGS)
    page.get_by_label("Status").select_option("Error")
    expect(page).to_have_url(re.compile(r"/logs\?outcome=error$"))
    expect(page.locator("#entries > li")).to_have_count(3)
    expect(page.locator("#entries .entry", has_text="Error")).to_have_count(3)
    page.get_by_label("Data type").select_option("device")
    expect(page).to_have_url(re.compile(r"outcome=error&data_type=device$"))
    expect(page.locator("#entries > li")).to_have_count(2)
    page.get_by_label("Status").select_option("All")
    expect(page).to_have_url(re.compile(r"/logs\?data_type=device$"))
    expect(page.locator("#entries .entry", has_text="user")).to_have_count(0)
    # Whoever gets the address sees the same, and what is opened there stays in it.
    other = person.context.new_page()
    person.watch(other)
    other.goto(f"{LOGS}?outcome=error&data_type=user")
    expect(other.locator("#entries > li")).to_have_count(1)
    other.locator("#entries a.entry").click()
    expect(other.locator(".detail")).to_contain_text("To do:")
    expect(other).to_have_url(re.compile(r"outcome=error&data_type=user$"))
    expect(other.locator("#entries > li")).to_have_count(1)
    other.close()


def is_canceled(person, page):
    """One that runs, and one that waits; each is told so to whoever else looks."""
    watcher = person.context.new_page()
    person.watch(watcher)
    for how, status in (("hold what is collected", "Executing"), ("stop the runner", "Created")):
        ask(how)
        page.goto(LOGS)
        watcher.goto(LOGS)
        entries = page.locator("#entries .entry")
        page.locator("#coming").get_by_role("button", name="Run now").click()
        expect(entries.filter(has_text=status)).to_have_count(2)
        for _ in range(2):
            entry = entries.filter(has_text=status).first
            seen = watcher.locator(f"#{entry.evaluate('(entry) => entry.parentElement.id')}")
            expect(seen).to_contain_text(status)
            entry.click()
            page.locator(".detail").get_by_role("button", name="Cancel").click()
            expect(page.locator("#entries li[data-open] .entry")).to_contain_text("Canceled")
            expect(page.locator(".detail").get_by_role("button", name="Cancel")).to_have_count(0)
            expect(seen).to_contain_text("Canceled")
        expect(entries.filter(has_text=status)).to_have_count(0)
    fits(page, "a canceled execution")
    watcher.close()
    ask("start the runner")


def is_run(page):
    page.goto(LOGS)
    newest = ids(page)[0]
    page.locator("#entries a.entry").nth(1).click()
    page.locator(".detail").get_by_role("button", name="Run now").click()
    expect(page.locator("#entries > li").first).not_to_have_id(f"e-{newest}")
    expect(page.locator("#entries > li").first).to_contain_text("Completed")
    # What was open stays so, and so does what is filtered by.
    expect(page.locator(".detail")).to_have_count(1)
    page.goto(f"{LOGS}?outcome=completed")
    page.locator("#coming").get_by_role("button", name="Run now").click()
    expect(page).to_have_url(f"{LOGS}?outcome=completed")


def is_taken_along(person, page):
    """Its log as a file, itself by the API, its records."""
    page.goto(LOGS)
    page.locator("#entries .entry", has_text="Completed").first.click()
    detail = page.locator(".detail")
    expect(detail.locator(".lines")).to_contain_text("page 2 of 2")
    with page.expect_download() as kept:
        detail.get_by_role("link", name="Download log").click()
    lines = pathlib.Path(kept.value.path()).read_text().splitlines()
    execution = page.url.split("?")[0].rsplit("/", 1)[1]
    assert kept.value.suggested_filename == f"{execution}.log", kept.value.suggested_filename
    said = [line.split("\t") for line in lines]
    assert all(len(parts) == 4 and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", parts[0]) for parts in said), lines
    assert ["INFO", "connector", "page 2 of 2"] in [parts[1:] for parts in said], lines

    person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    detail.get_by_role("button", name="Copy as grpcurl").click()
    expect(page.locator("#notice")).to_contain_text("Copied.")
    command = page.evaluate("navigator.clipboard.readText()")
    name = f"{INTEGRATION}/executions/{execution}"
    wanted = ["grpcurl", "-plaintext", "-d", json.dumps({"name": name}), API, "muster.v1.ExecutionService/GetExecution"]
    assert shlex.split(command) == wanted, command
    if shutil.which("grpcurl"):
        told = json.loads(subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout)
        assert told["name"] == name, told

    detail.get_by_role("link", name="Show records").click()
    expect(detail.get_by_role("region", name="Records").locator("tbody tr")).to_have_count(100)
    expect(detail).to_contain_text("The first 100 of 120 records")
    expect(detail.locator("tbody tr").first).to_contain_text("n-0")
    is_accessible(page, "the records of an execution")
    fits(page, "the records of an execution")
    detail.get_by_role("link", name="Hide records").click()
    expect(detail.get_by_role("region", name="Records")).to_have_count(0)


with at_a_browser() as browser:
    ada = Person(browser)
    is_endless(ada.page)
    is_opened_again(ada.page)
    is_filtered(ada, ada.page)
    is_taken_along(ada, ada.page)
    is_canceled(ada, ada.page)
    is_run(ada.page)
    ada.ended()

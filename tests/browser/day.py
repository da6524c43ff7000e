"""A day at a glance: of each data type a mark for each execution, where it ended, which says how.

    day.py URL EXECUTIONS
"""

import json
import re
import sys

from person import Person, at_a_browser, expect, fits, is_accessible, picture

URL = sys.argv[1]
# Of each execution its integration, its data type, how and when it ended.
EXECUTIONS = json.loads(sys.argv[2])
STATUSES = {"good": "EXECUTION_STATUS_COMPLETED", "bad": "EXECUTION_STATUS_ERROR"}
HOUR = 12


def marks(strip, kind):
    """Where the marks of a kind end."""
    path = strip.locator(f"path.{kind}")
    drawn = path.get_attribute("d") if path.count() else ""
    return [float(at) + float(wide) for at, wide in re.findall(r"M([\d.]+) 3h([\d.]+)", drawn)]


def ended(integration, status, kind=None):
    """How many marks there are to be: what ends within the same half minute shares one."""
    of_it = [one for one in EXECUTIONS if one[0].endswith(integration) and one[2] == status and kind in (None, one[1])]
    return len({end // 30 for *_, end in of_it})


with at_a_browser() as browser:
    ada = Person(browser)
    page = ada.page
    page.goto(URL)
    seen = 0
    for tile in page.locator(".tile").all():
        integration = tile.get_attribute("id").removeprefix("i-")
        for row in tile.locator(".collected > div").all():
            for kind, status in STATUSES.items():
                found = marks(row.locator(".strip"), kind)
                wanted = ended(integration, status, row.locator("dt").inner_text())
                assert len(found) == wanted, (row.inner_text(), kind, found, wanted)
                seen += wanted
    assert seen >= 23 * 7 + 1, seen

    # Each stands at its time: an hour after the one before, and what was run by hand soon after that.
    okta = page.locator(".tile", has_text="grant the token")
    expect(okta.locator(".foot .status")).to_have_text("Error")
    strip = okta.locator(".collected > div", has_text="device").locator(".strip")
    *hourly, _ = sorted(marks(strip, "good") + marks(strip, "bad"))
    # The first collection does not wait for the schedule.
    steps = [later - earlier for earlier, later in zip(hourly[1:], hourly[2:])]
    assert len(steps) > 20 and all(abs(step - HOUR) < 1 for step in steps), steps
    expect(strip).to_have_attribute("aria-label", re.compile(r"^2\d executions of the last 24 h, 6 failed$"))

    picture(page, "integrations")
    is_accessible(page, "a day of integrations")
    fits(page, "a day of integrations")
    page.get_by_label("Shown as").select_option("Table")
    row = page.locator("tr", has_text="Branch servers")
    integration = row.get_attribute("id").removeprefix("i-")
    assert len(marks(row.locator(".strip"), "good")) == ended(integration, STATUSES["good"])
    ada.ended()

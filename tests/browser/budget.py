"""What a first look costs: bytes as they come over the wire, requests, and how much of the page moves while it loads; and what it finds among many.

    budget.py URL
"""

import re
import sys

from person import Person, at_a_browser, expect, fits, is_accessible

URL = sys.argv[1]
BYTES_MAX = 100 * 1024
REQUESTS_MAX = 5

with at_a_browser() as browser:
    ada = Person(browser)
    page = ada.page
    wire = ada.context.new_cdp_session(page)
    wire.send("Network.enable")
    loaded = []
    wire.on("Network.loadingFinished", lambda done: loaded.append(done["encodedDataLength"]))
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.shift += entry.value; })"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    page.goto(URL)
    expect(page.locator(".tile")).to_have_count(60)
    page.wait_for_load_state("load")
    total = int(sum(loaded))
    print(f"the first look: {total} bytes in {len(loaded)} requests", flush=True)
    assert 0 < total < BYTES_MAX, f"{total} bytes, and {BYTES_MAX} are the most"
    assert len(loaded) <= REQUESTS_MAX, f"{len(loaded)} requests"
    expect(page.locator("#live-state")).to_have_text("live")
    shift = page.evaluate("window.shift")
    assert shift < 0.01, f"the page moves while it loads: {shift}"
    # Further ones come when somebody gets there.
    page.locator("[data-more]").scroll_into_view_if_needed()
    expect(page.locator(".tile")).to_have_count(76)
    # What is to be looked at is counted among all, comes first, and is found by its chip, as tiles and in the table.
    expect(page.locator(".tile h3").first).to_have_text("Zürich")
    chip = page.locator("#counts a", has_text="to look at")
    expect(chip).to_have_text("1 to look at")
    expect(page.locator("#counts .chip.active")).to_have_text(re.compile("76 Active"))
    chip.click()
    expect(page).to_have_url(re.compile("status=attention"))
    expect(page.locator(".tile h3")).to_have_text("Zürich")
    expect(chip).to_have_attribute("aria-current", "true")
    is_accessible(page, "what is to be looked at")
    page.locator("#as").select_option("table")
    row = page.locator(".integrations tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("waits for a runner")
    fits(page, "the table of what is to be looked at")
    chip.click()
    expect(row).to_have_count(60)
    expect(row.first).to_contain_text("Zürich")
    # As many as are shown and no more: nothing is said of others.
    page.goto(f"{URL}/organizations/default/integrations?q=branch")
    expect(page.locator(".tile")).to_have_count(60)
    expect(page.locator("[data-more]")).to_have_count(0)
    ada.ended()

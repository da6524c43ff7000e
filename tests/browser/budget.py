"""What a first look costs: bytes as they come over the wire, requests, and how much of the page moves while it loads.

    budget.py URL
"""

import sys

from person import Person, at_a_browser, expect

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
    expect(page.locator(".tile")).to_have_count(75)
    ada.ended()

"""What sources say is text, whatever it looks like: in log lines, failures and records. And it waits where the network is slow.

    said.py URL
"""

import re
import sys

from person import Person, at_a_browser, expect, fits, is_accessible

URL = sys.argv[1]

with at_a_browser() as browser:
    ada = Person(browser)
    page = ada.page
    page.on("dialog", lambda dialog: ada.complaints.append(f"a dialog: {dialog.message}"))
    page.goto(URL)
    page.locator(".tile", has_text="Hostile").locator("h3 a").click()
    page.get_by_role("link", name="Logs").click()
    page.locator("#entries .entry", has_text="Error").first.click()
    lines = page.locator("#entries .lines")
    expect(lines).to_contain_text("<script>alert(1)</script>")
    expect(lines).to_contain_text("\ufffd[31mred\ufffd[0m")
    expect(lines).to_contain_text("left\ufffdthgir")
    expect(lines).to_contain_text("x" * 8000)
    expect(page.locator("#entries .detail")).to_contain_text("<b>no</b> & no")
    is_accessible(page, "what was said")
    fits(page, "what was said")

    # On paper stands what is well and what is not, and nothing to press.
    page.get_by_role("link", name="Close").click()
    page.emulate_media(media="print")
    expect(page.locator(".tile", has_text="Hostile")).to_be_visible()
    for hidden in (".search", "#top nav", ".button.primary", "#available"):
        expect(page.locator(hidden).first).to_be_hidden()
    page.emulate_media(media="screen")

    # A slow network: what is asked for comes late, and the page says nothing wrong meanwhile.
    wire = ada.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.emulateNetworkConditions", {"offline": False, "latency": 800, "downloadThroughput": 20_000, "uploadThroughput": 20_000})
    page.locator(".tile", has_text="Hostile").locator("h3 a").click()
    expect(page.locator("#panel-name")).to_have_text("Hostile")
    page.reload()
    expect(page.locator("#live-state")).to_have_text("live")
    expect(page).to_have_url(re.compile(r"/integrations/[0-9a-f-]+/\w+$"))
    ada.ended()

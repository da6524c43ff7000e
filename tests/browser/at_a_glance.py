"""Health at a glance: an integration breaks and is mended while somebody looks, and the page never is loaded anew.

    at_a_glance.py URL
"""

import re
import sys
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from person import WIDE, Person, ask, at_a_browser, expect, fits, is_accessible, picture

URL = sys.argv[1]

with at_a_browser() as browser:
    ada = Person(browser)
    page = ada.page
    page.goto(URL)
    expect(page).to_have_url(re.compile(r"/organizations/default/integrations$"))
    expect(page.locator("#live-state")).to_have_text("live")
    # A page that is loaded anew forgets this.
    page.evaluate("window.mark = 'the same page'")

    tile = page.locator(".tile", has_text="Corp directory")
    expect(tile.locator(".foot .status")).to_have_text("Active")
    expect(tile.locator(".collected")).to_contain_text("50")
    assert tile.locator(".foot .status").bounding_box()["x"] < tile.bounding_box()["x"] + 40, "it stands at the left"

    # The source breaks: the tile says so, why, since when and what to do.
    tile.locator("h3 a").focus()
    ask("break the source")
    expect(tile.locator(".foot .status")).to_have_text("Error")
    expect(tile.locator(".note.error .remedy")).not_to_be_empty()
    expect(page.locator("#counts .chip.error")).to_have_text(re.compile(r"1 Error"))
    expect(page).to_have_title("1 Error · Integrations · Muster")
    # What needs attention comes first.
    expect(page.locator(".tile h3").first).to_have_text("Corp directory")
    # Whoever was there goes on from there, by the arrows.
    expect(tile.locator("h3 a")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tile h3 a").nth(1)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(tile.locator("h3 a")).to_be_focused()
    fleet = page.locator(".tile", has_text="Fleet")
    expect(fleet.locator(".note.warned")).to_contain_text("412")
    expect(page.locator(".tile", has_text="Asset register").locator(".note.warned")).to_contain_text("plant-2")
    is_accessible(page, "the integrations")
    fits(page, "the integrations")

    # Its panel, by the keyboard alone: the tile, the logs, the failed execution, and its times.
    page.keyboard.press("Control+K")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("corp")
    expect(page).to_have_url(re.compile(r"q=corp"))
    expect(page.locator(".tile")).to_have_count(1)
    tile.locator("h3 a").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel-name")).to_have_text("Corp directory")
    expect(page).to_have_url(re.compile(r"/logs\?q=corp$"))
    failed = page.locator("#entries .entry", has_text="Error").first
    failed.focus()
    page.keyboard.press("Enter")
    detail = page.locator("#entries .detail")
    expect(detail.locator(".timeline li")).to_have_count(4)
    expect(detail).to_contain_text("To do:")
    expect(page.locator("#rate")).to_contain_text("failed in the last 24 h")
    is_accessible(page, "the logs")
    fits(page, "the logs")
    picture(page, "logs")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_have_count(0)
    expect(page.locator("#q")).to_have_value("corp")
    expect(tile.locator("h3 a")).to_be_focused()

    # It is mended: run now, and it is Active again, live.
    ask("mend the source")
    tile.locator("h3 a").click()
    page.locator("#coming").get_by_role("button", name="Run now").click()
    expect(page.locator("#entries .entry", has_text="Completed").first).to_be_visible()
    expect(page.locator("#panel-head .status")).to_have_text("Active")
    expect(tile.locator(".foot .status")).to_have_text("Active")
    page.locator("#entries .entry", has_text="Completed").first.click()
    page.get_by_role("link", name="Show records").click()
    expect(page.locator(".records tbody tr")).to_have_count(50)
    is_accessible(page, "the records")
    # Where there is room for the panel alone, it is the content.
    page.set_viewport_size({"width": 800, "height": 900})
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel")).to_be_focused()
    page.set_viewport_size(WIDE)
    assert page.evaluate("window.mark") == "the same page", "the page was loaded anew on the way"

    # Every view has its address: a second tab shows the same.
    other = ada.context.new_page()
    ada.watch(other)
    other.goto(page.url)
    expect(other.locator("#panel-name")).to_have_text("Corp directory")
    other.close()

    # Hostile names are texts.
    page.keyboard.press("Escape")
    page.locator("#q").fill("")
    expect(page.locator(".tile")).to_have_count(5)
    ask("add hostile names")
    for name in ("<img src=x onerror=alert(1)>", '"><b>&amp;'):
        expect(page.locator(".tile h3", has_text=name)).to_have_text(name)

    # The coordinator goes away under the open page, which says so, and is live again by itself.
    ada.expects("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "503")
    ask("kill the coordinator")
    expect(page.locator("#live-state")).to_contain_text("connection lost")
    ask("start the coordinator")
    expect(page.locator("#live-state")).to_have_text("live")
    assert page.evaluate("window.mark") == "the same page", "the page was loaded anew on the way"

    # A table for many, which says the same.
    page.goto(URL)
    page.locator("#as").select_option("table")
    expect(page.locator(".integrations tbody tr")).to_have_count(7)
    page.locator(".integrations th a").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".integrations th a").nth(1)).to_be_focused()
    is_accessible(page, "the table")
    fits(page, "the table")

    # All of it comes from here, and is small.
    foreign = [url for url in ada.requests if not url.startswith(URL)]
    assert not foreign, f"somebody else is asked: {foreign}"
    ada.ended()

    # Times are those of whoever looks, and so is the day.
    kiwi = Person(browser, timezone_id="Pacific/Auckland")
    kiwi.page.goto(URL)
    kiwi.page.locator(".tile", has_text="Corp directory").locator("h3 a").click()
    began = kiwi.page.locator("#entries .entry time").first
    at = datetime.fromisoformat(began.get_attribute("datetime")).astimezone(ZoneInfo("Pacific/Auckland"))
    now = datetime.now(ZoneInfo("Pacific/Auckland"))
    expect(began).to_have_text(f"{at:%H:%M:%S}" if at.date() == now.date() else re.compile(f"{at:%H:%M}$"))
    kiwi.page.clock.set_fixed_time((now + timedelta(days=1)).replace(hour=0, minute=1))
    kiwi.page.reload()
    expect(began).to_have_text(f"{at.day} {at:%b, %H:%M}")
    kiwi.ended()

    # Without a script all can be read, and every form be sent.
    plain = Person(browser, java_script_enabled=False)
    plain.page.goto(URL)
    expect(plain.page.locator(".tile")).to_have_count(7)
    plain.page.get_by_label("Find an integration").fill("corp")
    plain.page.get_by_role("button", name="Find").click()
    expect(plain.page.locator(".tile")).to_have_count(1)
    plain.page.locator(".tile", has_text="Corp directory").locator("h3 a").click()
    expect(plain.page.locator("#panel-name")).to_have_text("Corp directory")
    plain.page.locator("#coming").get_by_role("button", name="Run now").click()
    expect(plain.page.locator("#entries .entry").first).to_be_visible()
    plain.page.get_by_label("Status").select_option("Error")
    plain.page.get_by_role("button", name="Filter").click()
    expect(plain.page).to_have_url(re.compile("outcome=error"))
    expect(plain.page.locator("#entries .entry")).to_have_count(1)
    plain.ended()

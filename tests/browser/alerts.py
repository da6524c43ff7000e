"""An error rate that is too high opens an incident, is told, and is over when the source is mended; and what stands on paper of it all.

    alerts.py URL INTEGRATION
"""

import re
import sys

from person import Person, ask, at_a_browser, expect, fits, is_accessible

URL, INTEGRATION = sys.argv[1:]
PLACES = f"{URL}/organizations/default"
# Upright on A4, without its margins.
PAPER = {"width": 720, "height": 1000}

# What is cut off, or cannot be read on white, of what is seen; and what stands beside the paper.
FAULTS = """() => {
  const faults = [];
  const light = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[\\d.]+/g).map(Number);
    return 1 - alpha * (1 - (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255);
  };
  for (const one of document.querySelectorAll('body, body *')) {
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    if (!one.checkVisibility({ visibilityProperty: true }) || box.width < 2 || box.height < 2) continue;
    const name = `${one.localName}.${one.className} ${one.textContent.trim().slice(0, 40)}`;
    if (one.closest('svg, .unseen, .skip')) continue;
    if (box.width * box.height > 5_000 && light(style.backgroundColor) < 0.8) faults.push(`dark: ${name}`);
    if (light(style.color) > 0.6 && one.childNodes.length && one.innerText?.trim()) faults.push(`pale: ${name}`);
    if (style.overflowY !== 'visible' && one.scrollHeight > one.clientHeight + 2 && one.clientHeight > 30) faults.push(`cut: ${name}`);
    if (style.position === 'fixed') faults.push(`on each sheet: ${name}`);
    if (box.right > innerWidth + 1) faults.push(`beside the paper: ${name}`);
  }
  return faults;
}"""


def opens(page):
    page.goto(f"{PLACES}/alerts")
    expect(page.locator("main")).to_contain_text("Nothing is wrong.")
    ask("break the source")
    incident = page.locator("#open .incident")
    expect(incident).to_have_count(1)
    expect(incident.get_by_role("heading")).to_have_text(re.compile("Too many errors · Corp directory"))
    expect(incident).to_contain_text("2 of 3 failed = 66.66 %")
    expect(incident).to_contain_text("mailed at 30 %, over again below 20 %")
    expect(incident.locator(".note.error")).to_have_count(1)
    expect(incident.locator(".note.error")).to_contain_text("cannot be opened")
    expect(incident).to_contain_text("To do:")
    expect(page.locator("#top .count")).to_contain_text("1")
    expect(page.locator("#none .empty")).to_have_count(0)
    told = incident.locator(".told")
    expect(told.locator("summary")).to_contain_text("2 mails")
    expect(told.locator("summary")).not_to_contain_text("waiting")
    # Opened while it was waiting, or by hand.
    if told.get_attribute("open") is None:
        told.locator("summary").click()
    for recipient in ("oncall@example.com", "boss@example.com"):
        row = told.locator("tr", has_text=recipient)
        expect(row).to_contain_text("Opened")
        expect(row).to_contain_text("Sent")
        expect(row).to_contain_text("250")
    is_accessible(page, "an open incident")
    fits(page, "an open incident")
    # What it is about, and the newest failure, are a step away.
    incident.locator(".note.error a").click()
    expect(page).to_have_url(re.compile(rf"{INTEGRATION}/executions/"))
    expect(page.locator(".detail")).to_contain_text("To do:")
    page.go_back()
    incident.get_by_role("link", name="Corp directory").click()
    expect(page).to_have_url(re.compile(rf"{INTEGRATION}/logs$"))
    page.go_back()
    expect(incident).to_have_count(1)


def is_over(page):
    ask("mend the source")
    expect(page.locator("#none")).to_contain_text("Nothing is wrong.")
    expect(page.locator("#open .incident")).to_have_count(0)
    for _ in range(2):
        over = page.locator("#over .incident")
        expect(over).to_have_count(1)
        expect(over).to_contain_text("recovered")
        expect(over).to_contain_text("It was: ")
        expect(over).to_contain_text("2 of 3 failed = 66.66 %")
        expect(over.locator(".told summary")).to_contain_text("4 mails")
        # History keeps it.
        page.reload()
    expect(page.locator("#top .count")).to_have_count(0)
    page.get_by_label("Show").select_option("Only open")
    expect(page).to_have_url(re.compile(r"/alerts\?show=open$"))
    expect(page.locator("#over")).to_have_count(0)
    expect(page.locator("#none")).to_contain_text("Nothing is wrong.")


def is_printed(page, name):
    """Dark on white, whole, whatever the theme, and nothing to press."""
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size(PAPER)
    for hidden in page.locator("#top nav, .menu, .tabs, .close, .actions button, form button, form select").all():
        expect(hidden).to_be_hidden()
    faults = page.evaluate(FAULTS)
    assert not faults, f"{name} on paper: {faults}"
    sheets = page.pdf(format="A4").count(b"/Type /Page\n")
    page.emulate_media(media="screen", color_scheme="light")
    page.set_viewport_size({"width": 1440, "height": 900})
    return sheets


def is_a_report(page):
    page.goto(f"{PLACES}/integrations")
    expect(page.locator(".tile")).to_have_count(3)
    is_printed(page, "the integrations")
    page.goto(f"{PLACES}/integrations?as=table")
    is_printed(page, "the table of integrations")
    page.goto(f"{PLACES}/alerts")
    page.locator("#over .told summary").click()
    is_printed(page, "the alerts")
    page.goto(f"{URL}/{INTEGRATION}/logs")
    # More than a sheet of it.
    sheets = is_printed(page, "the executions")
    assert sheets >= 2, f"{sheets} sheets of executions"
    page.locator("#entries .entry", has_text="Error").first.click()
    expect(page.locator(".detail")).to_be_visible()
    is_printed(page, "an execution")


with at_a_browser() as browser:
    ada = Person(browser)
    opens(ada.page)
    is_over(ada.page)
    is_a_report(ada.page)
    ada.ended()

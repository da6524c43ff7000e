"""An integration from its connector to its end: added, tested, saved, run live; its source breaks and is mended; two people change it at once.

    configuration.py URL
"""

import re
import sys

from person import Person, ask, at_a_browser, expect, fits, is_accessible, picture

URL = sys.argv[1]
NOT_IN_ORDER = "422"

with at_a_browser() as browser:
    ada = Person(browser)
    page = ada.page
    page.goto(URL)
    page.get_by_role("link", name="Add integration").click()
    panel = page.locator("#panel")
    panel.get_by_role("link", name="Corporate directory").click()
    expect(page).to_have_url(re.compile(r"/integrations/new\?connector=directory$"))
    expect(panel.locator(".permissions")).to_contain_text("Directory.Read.All")

    # A secret in plain text does not leave the browser.
    panel.get_by_label("Name required", exact=True).fill("Corp")
    panel.get_by_label("URL required", exact=True).fill("ldaps://dc1.corp.example")
    panel.get_by_label("Sign-in required").select_option("Name and password")
    panel.get_by_label("User required", exact=True).fill("svc-muster")
    password = panel.get_by_label("Password required", exact=True)
    sent = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    password.fill("hunter2")
    panel.get_by_role("button", name="Save draft", exact=True).click()
    assert "reference" in password.get_attribute("title") and password.evaluate("input => input.validity.patternMismatch")
    assert not [one for one in sent if "hunter2" in one], "it was sent"
    password.fill("file:directory")

    # Nor does one within JSON; one that no browser tells apart is refused by the coordinator, and what was typed stays to be mended.
    extra = panel.get_by_label("Extra attributes")
    extra.fill('{"bind": {"password": "hunter2"}}')
    panel.get_by_role("button", name="Save draft", exact=True).click()
    assert "reference" in extra.get_attribute("title") and extra.evaluate("area => area.validity.customError")
    assert not [one for one in sent if "hunter2" in one], "it was sent"
    ada.expects(NOT_IN_ORDER)
    escaped = '{"bind": {"pass\\u0077ord": "hunter3"}}'
    extra.fill(escaped)
    panel.get_by_role("button", name="Save draft", exact=True).click()
    expect(panel.locator(".fault")).to_contain_text("Is a secret: give a reference")
    expect(extra).to_have_value(escaped)

    # What is wrong stands beside its field, and all that is typed stays; what is found before the coordinator judges it and what it finds come at once.
    extra.fill('{"bind": {"password": "file:directory"')
    panel.get_by_label("Port", exact=True).fill("seven")
    panel.get_by_role("button", name="Activate").click()
    expect(page.locator("#answer")).to_contain_text("2 things are not in order")
    expect(panel.locator(".fault")).to_have_text([re.compile("must be a whole number", re.I), re.compile("is no JSON", re.I)])
    expect(extra).to_have_value('{"bind": {"password": "file:directory"')
    extra.fill("")
    panel.get_by_label("Search bases").fill("ou=people\nou=devices")
    panel.get_by_label("people", exact=True).check()
    panel.get_by_role("button", name="Activate").click()
    expect(page.locator("#answer")).to_contain_text("one thing is not in order")
    expect(panel.locator(".fault")).to_have_text("Must be a whole number, and is a string.")
    expect(panel.get_by_label("Port", exact=True)).to_have_value("seven")
    expect(password).to_have_value("file:directory")
    is_accessible(page, "a form that is not in order")
    fits(page, "a form that is not in order")
    picture(page, "new-integration")
    panel.get_by_label("Port", exact=True).fill("637")
    panel.get_by_label("From required", exact=True).fill("cn")
    panel.get_by_label("To required", exact=True).fill("name")
    panel.get_by_role("button", name="Add another").click()
    expect(panel.get_by_label("From required", exact=True)).to_have_count(2)
    expect(panel.get_by_label("From required", exact=True).first).to_have_value("cn")

    # A draft, tested by a runner: whom it was asked of, and what it found.
    panel.get_by_role("button", name="Save draft and test").click()
    expect(page).to_have_url(re.compile(r"/configuration\?asked="))
    expect(page.locator("#checked")).to_contain_text("can be read")
    expect(page.locator("#checked")).to_contain_text("hq-1")
    address = page.url.split("?")[0]
    ask("the configuration is as it was typed")

    # Its times are shown as somebody types how often.
    every = panel.get_by_label("Interval of Users")
    expect(every).to_have_value("1h")
    times = panel.locator(".schedule li", has_text="Users").locator(".times")
    expect(times).to_have_text("At once when it is activated, then every 1h")
    every.fill("15m")
    expect(times).to_have_text("At once when it is activated, then every 15m")
    every.fill("10s")
    panel.get_by_role("button", name="Save draft").click()
    expect(panel.locator(".schedule .fault")).to_contain_text("between 1 min")
    every.fill("30m")

    # Whoever leaves it is asked; activated, it collects at once, live.
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    panel.get_by_role("link", name="Logs").click()
    assert asked and "not saved" in asked[0], asked
    expect(every).to_have_value("30m")
    panel.get_by_role("button", name="Save and activate").click()
    expect(page.locator("#answer")).to_contain_text("switched on")
    panel.get_by_role("link", name="Logs").click()
    expect(panel.locator("#entries .entry", has_text="Completed")).to_have_count(2)
    tile = page.locator(".tile", has_text="Corp")
    expect(tile.locator(".foot .status")).to_have_text("Active")

    # The source breaks: a test says why and what to do, and so does the tile.
    panel.get_by_role("link", name="Configuration").click()
    planned = times.locator("time[data-form]")
    expect(planned).to_have_count(5)
    before = planned.last.get_attribute("datetime")
    every.fill("15m")
    expect(planned.last).not_to_have_attribute("datetime", before)
    expect(page.locator("#as-saved")).to_be_visible()
    every.fill("30m")
    expect(page.locator("#as-saved")).to_be_hidden()
    ask("break the source")
    panel.get_by_role("button", name="Test connection").click()
    expect(page.locator("#checked")).to_contain_text("does not let svc-muster list people")
    expect(page.locator("#checked")).to_contain_text("To do:")
    expect(tile.locator(".foot .status")).to_have_text("Error")
    is_accessible(page, "the configuration")
    fits(page, "the configuration")
    picture(page, "configuration")
    ask("mend the source")
    panel.get_by_role("button", name="Test connection").click()
    expect(page.locator("#checked")).to_contain_text("can be read")
    expect(tile.locator(".foot .status")).to_have_text("Active")

    # While a test goes on, everybody who looks sees that.
    ask("make the source slow")
    panel.get_by_role("button", name="Test connection").click()
    expect(page.locator("#checked")).to_contain_text("Being tested by hq-1, asked just now. It may take 60 s.")
    beside = ada.context.new_page()
    ada.watch(beside)
    beside.goto(address)
    expect(beside.locator("#checked")).to_contain_text("Being tested by hq-1")
    ask("make the source fast")
    expect(beside.locator("#checked")).to_contain_text("can be read")
    expect(page.locator("#checked")).to_contain_text("can be read")
    beside.close()

    # Somebody else changes the same: nothing is overwritten, and both are shown.
    bob = Person(browser)
    bob.page.goto(address)
    panel.get_by_label("Port", exact=True).fill("700")
    panel.get_by_label("Search bases").fill("ou=people")
    bob.page.get_by_label("Port", exact=True).fill("800")
    bob.page.get_by_label("Name required", exact=True).fill("Corp B")
    bob.page.get_by_role("button", name="Save", exact=True).click()
    expect(bob.page.locator("#answer")).to_have_text("Saved.")
    expect(page.locator("#notice")).to_contain_text("Somebody else has changed this")
    expect(panel.get_by_label("Port", exact=True)).to_have_value("700")
    panel.get_by_role("button", name="Save", exact=True).click()
    expect(panel.locator(".theirs")).to_contain_text("800")
    expect(panel.get_by_label("Name required", exact=True)).to_have_value("Corp B")
    is_accessible(page, "two changes")
    panel.get_by_label("Take theirs").check()
    # Longer than it takes to look at what is typed.
    page.wait_for_timeout(1_000)
    panel.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#answer")).to_have_text("Saved.")
    expect(panel.get_by_label("Port", exact=True)).to_have_value("800")
    # A form that nobody has touched follows.
    expect(bob.page.get_by_label("Search bases")).to_have_value("ou=people")
    bob.ended()

    # Mails, and a real one.
    panel.get_by_label("Error email notifications").check()
    panel.get_by_label("Recipients").fill("oncall@example.com")
    panel.get_by_role("button", name="Send a test mail").click()
    expect(panel.locator(".mail-answers")).to_contain_text("taken by the mail server")
    ask("the mail has arrived")
    panel.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#answer")).to_have_text("Saved.")

    # What was switched on here tells an error by mail; the page shows to whom, and what the mail server said.
    ask("collecting fails, which is told by mail")
    expect(page.locator("#top nav .count")).to_contain_text("1")
    alerts = ada.context.new_page()
    ada.watch(alerts)
    alerts.goto(f"{URL}/organizations/default/alerts")
    told = alerts.locator("tr", has_text="oncall@example.com")
    expect(told).to_contain_text("250")
    is_accessible(alerts, "an alert that was mailed")
    fits(alerts, "an alert that was mailed")
    alerts.close()

    # Paused, resumed, switched off, deleted. A pause that is typed stays there until it begins.
    pause = panel.get_by_label("Pause for, or until")
    pause.fill("4h")
    pause.press("Tab")
    page.wait_for_timeout(1_500)
    expect(pause).to_have_value("4h")
    expect(page.locator(".unsaved")).to_be_visible()
    pause.press("Enter")
    expect(page.locator("#answer")).to_have_text("Nothing was changed; the pause that you have typed begins with the button Pause.")
    expect(pause).to_have_value("4h")
    panel.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#answer")).to_be_focused()
    expect(pause).to_have_value("4h")
    panel.get_by_role("button", name="Pause").click()
    expect(panel.locator(".switch")).to_contain_text("Paused until")
    expect(tile.locator(".next")).to_contain_text("paused until")
    panel.get_by_role("button", name="Resume").click()
    expect(panel.locator(".switch")).to_contain_text("Switched on.")
    panel.get_by_role("button", name="Disable").click()
    expect(tile.locator(".foot .status")).to_have_text("Disabled")
    expect(times).to_contain_text("If it were enabled now")
    panel.get_by_role("link", name="Logs").click()
    expect(panel.locator("#coming")).to_be_visible()
    expect(panel.get_by_role("button", name="Run now")).to_have_count(0)
    panel.get_by_role("link", name="Configuration").click()
    panel.get_by_text("Delete this integration").click()
    panel.get_by_role("button", name="for good").click()
    expect(page).to_have_url(re.compile(r"/integrations$"))
    expect(tile).to_have_count(0)

    # What nobody offers, and names that look like something else.
    page.goto(f"{URL}/organizations/default/integrations/new?connector=%3Cscript%3Ealert(1)%3C/script%3E")
    expect(panel).to_contain_text("No runner offers the connector <script>alert(1)</script>")
    page.goto(f"{URL}/organizations/default/integrations/new?connector=directory")
    panel.get_by_label("Name required", exact=True).fill("a\u202eb")
    panel.get_by_role("button", name="Save draft", exact=True).click()
    expect(panel.locator(".fault")).to_contain_text("change the direction of text")
    panel.get_by_label("Name required", exact=True).fill("<script>alert(1)<!--script>")
    panel.get_by_role("button", name="Save draft", exact=True).click()
    expect(page.locator("#panel-name")).to_have_text("<script>alert(1)<!--script>")

    # A draft that lacks something is saved, and not switched on; what it lacks is there to be read, whatever else changes.
    page.goto(f"{URL}/organizations/default/integrations/new?connector=directory")
    panel.get_by_label("Name required", exact=True).fill("Half")
    panel.get_by_label("Runner pool required", exact=True).fill("nowhere")
    panel.get_by_role("button", name="Save draft and test").click()
    expect(page.locator("#answer")).to_have_text(re.compile("^Saved as a draft, but not tested: .*nowhere"))
    expect(page).to_have_url(re.compile(r"/integrations/[0-9a-f-]+/configuration$"))
    panel.get_by_label("Name required", exact=True).fill("Half of it")
    panel.get_by_role("button", name="Save and test").click()
    expect(page.locator("#answer")).to_have_text(re.compile("^Saved, but not tested: .*nowhere"))
    expect(page.locator("#panel-name")).to_have_text("Half of it")
    panel.get_by_role("button", name="Save and activate").click()
    expect(page.locator("#answer")).to_contain_text("Saved, but not switched on: 2 things are not in order.")
    expect(panel.locator(".fault")).to_have_count(2)
    ask("some seconds have passed")
    expect(panel.locator(".fault")).to_have_count(2)
    panel.locator("#answer").get_by_role("link", name="URL").click()
    expect(panel.get_by_label("URL required", exact=True)).to_be_focused()

    # Whoever mends one after the other sees what is left, and nothing that is typed is touched.
    page.keyboard.type("ldaps://dc1.corp.example")
    expect(panel.locator(".fault")).to_have_count(1)
    page.wait_for_timeout(1_500)
    expect(panel.locator(".fault")).to_have_count(1)
    expect(page.locator("#answer")).to_contain_text("One thing is not in order.")
    expect(page.locator("#answer").get_by_role("link")).to_have_text("Sign-in")
    panel.get_by_label("URL required", exact=True).fill("")
    expect(panel.locator(".fault")).to_have_count(2)
    panel.get_by_label("URL required", exact=True).fill("ldaps://dc1.corp.example")
    panel.get_by_label("Sign-in required").select_option("Token")
    expect(panel.locator(".fault")).to_have_count(1)
    panel.get_by_label("Token required", exact=True).fill("file:directory")
    expect(panel.locator(".fault")).to_have_count(0)
    expect(page.locator("#answer")).to_have_text("")
    expect(page.locator(".unsaved")).to_be_visible()

    ada.ended()

    # Without a script every step is a page.
    plain = Person(browser, java_script_enabled=False)
    plain.expects(NOT_IN_ORDER)
    page = plain.page
    page.goto(f"{URL}/organizations/default/integrations/new?connector=directory")
    page.get_by_label("Name required", exact=True).fill("Plain")
    page.get_by_label("URL required", exact=True).fill("ldaps://dc1.corp.example")
    page.get_by_label("Sign-in required").select_option("Token")
    page.locator("#panel").get_by_label("Token required", exact=True).fill("file:directory")
    page.get_by_label("Port", exact=True).fill("seven")
    page.get_by_role("button", name="Activate").click()
    expect(page.locator("#answer")).to_contain_text("one thing is not in order")
    page.get_by_label("Port", exact=True).fill("")
    page.get_by_role("button", name="Save draft", exact=True).click()
    expect(page.locator("#answer")).to_contain_text("Saved as a draft")
    page.get_by_label("Interval of Users").fill("2h")
    page.get_by_role("button", name="Show the next times").click()
    expect(page.get_by_label("Interval of Users")).to_have_value("2h")
    plain.ended()

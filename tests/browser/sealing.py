"""A secret that is sealed by the command that its field shows, pasted, saved, and collected with; the page never has it in plain text.

    sealing.py URL SECRET
"""

import hashlib
import re
import sys

from person import Person, ask, at_a_browser, expect, fits, is_accessible

URL, SECRET = sys.argv[1:]

with at_a_browser() as browser:
    ada = Person(browser)
    ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = ada.page
    sent = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    page.goto(f"{URL}/organizations/default/integrations/new?connector=vault")
    panel = page.locator("#panel")
    panel.get_by_label("Name required", exact=True).fill("Vault")

    # The command is that of the pool that is typed.
    panel.get_by_text("How a secret is given").click()
    command = panel.locator(".secrets code.command")
    expect(command).to_have_text("muster seal --pool plant-2 < secret.txt")
    panel.get_by_label("Runner pool required", exact=True).fill("default")
    expect(command).to_have_text("muster seal --pool default < secret.txt")
    panel.get_by_label("Runner pool required", exact=True).fill("plant-2")
    expect(command).to_have_text("muster seal --pool plant-2 < secret.txt")
    is_accessible(page, "how a secret is given")
    fits(page, "how a secret is given")
    panel.locator(".secrets").get_by_role("button", name="Copy").click()
    expect(page.locator("#notice")).to_contain_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == command.inner_text(), copied

    # It is pasted with what a terminal leaves at its end.
    token = panel.get_by_label(re.compile("^token", re.IGNORECASE))
    sealed = ask(f"run {copied}")
    assert sealed.startswith("sealed:age1") and SECRET not in sealed, sealed
    page.evaluate("(text) => navigator.clipboard.writeText(text)", f"{sealed}\n")
    token.click()
    page.keyboard.press("Control+V")
    panel.get_by_role("button", name="Activate").click()
    expect(page).to_have_url(re.compile(r"/logs$"))
    entry = panel.locator("#entries .entry").first
    expect(entry).to_contain_text("Completed")

    # The runner had the secret: the record is its digest. Nobody else has.
    entry.click()
    detail = panel.locator(".detail")
    expect(detail.locator(".lines")).to_contain_text("the token is [redacted]")
    detail.get_by_role("link", name="Show records").click()
    expect(detail.locator("tbody")).to_contain_text(hashlib.sha256(SECRET.encode()).hexdigest())
    assert SECRET not in page.content(), "the page shows the secret"
    panel.get_by_role("link", name="Configuration").click()
    expect(token).to_have_value(sealed)
    assert SECRET not in page.content(), "the form shows the secret"
    assert any("sealed" in one for one in sent) and not any(SECRET in one for one in sent), "the secret was sent"

    # What is saved with it stays what it was.
    panel.get_by_label("Name required", exact=True).fill("Vault of plant 2")
    panel.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#answer")).to_have_text("Saved.")
    expect(token).to_have_value(sealed)
    panel.get_by_role("link", name="Logs").click()
    panel.locator("#coming").get_by_role("button", name="Run now").click()
    expect(panel.locator("#entries .entry", has_text="Completed")).to_have_count(2)
    ada.ended()

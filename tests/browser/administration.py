"""What an admin does beside integrations: a runner is added, a person gets a token, the log of it all is read.

    administration.py URL TOKEN FOLDER

FOLDER is where the enrollment token is put for whoever starts the runner.
"""

import json
import pathlib
import re
import sys

from person import PHONE, WIDE, Person, ask, at_a_browser, expect, fits, is_accessible, picture

URL, TOKEN, FOLDER = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
PLACES = f"{URL}/organizations/default"


def signs_in(person, token):
    person.page.goto(f"{URL}/sign-in")
    person.page.get_by_label("API token").fill(token)
    person.page.get_by_role("button", name="Sign in").click()
    expect(person.page.locator("#live-state")).to_have_text("live")


def goes_to(page, section):
    page.get_by_role("navigation", name="Admin").get_by_role("link", name=section).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(section)


def is_fit_to_be_seen(page, name):
    is_accessible(page, name)
    fits(page, name)
    picture(page, name)


def adds_a_runner(root):
    page = root.page
    goes_to(page, "Runners")
    expect(page.locator("main")).to_contain_text("No runner has checked in yet.")
    page.get_by_role("link", name="Add runner").first.click()
    # What is wrong stands beside its field, and what was typed stays.
    root.expects("422")
    expect(page.get_by_label("Pool")).to_have_value("default")
    page.get_by_label("Pool").fill("HQ!")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_label("Pool")).to_have_value("HQ!")
    expect(page.locator("#f-pool-fault")).to_contain_text("use lower-case letters")
    is_fit_to_be_seen(page, "add-runner")
    page.get_by_label("Pool").fill("hq")
    sent = len([url for url in root.requests if url.endswith("/runners/add")])
    page.get_by_role("button", name="Make a token").dblclick()

    # The token is in all commands, and in no address.
    expect(page).to_have_url(re.compile(r"/organizations/default/enrollments/[0-9a-f-]+$"))
    assert len([url for url in root.requests if url.endswith("/runners/add")]) == sent + 1, "a double click has sent it twice"
    secret = re.search(r"mse_\w+", page.locator("pre").first.inner_text()).group()
    assert page.locator("pre", has_text=secret).count() == 4
    assert not any(secret in url for url in root.requests), "the token is in an address"
    page.evaluate("for (const one of document.querySelectorAll('.variants details')) one.open = true")
    is_accessible(page, "the commands")
    fits(page, "the commands")
    expect(page.locator("#progress")).to_contain_text("Waiting for a runner to enroll")
    (FOLDER / "token").write_text(secret)
    ask("enroll a runner")
    expect(page.locator("#progress")).to_contain_text("A runner has enrolled")
    ask("start the runner")
    expect(page.locator("#progress")).to_contain_text("has checked in.")
    assert secret in page.content(), "what is live has taken it away"
    # It was told once.
    page.reload()
    expect(page.locator("#progress")).to_contain_text("has checked in.")
    assert secret not in page.content(), "the token is told again"

    goes_to(page, "Runners")
    row = page.locator("tr[id^=r-]")
    expect(row).to_contain_text("Ready")
    # Whichever are shown, all are counted.
    page.locator("#chips a", has_text="offline").click()
    expect(page.locator("main")).to_contain_text("No runner is like that.")
    expect(page.locator("#chips")).to_contain_text("1 online")
    expect(page).to_have_title("Runners · Muster")
    page.locator("#chips a", has_text="offline").click()
    expect(row).to_contain_text("Ready")
    is_fit_to_be_seen(page, "runners")
    row.locator("summary").first.click()
    is_accessible(page, "a runner")
    row.get_by_role("button", name="Drain").click()
    expect(row).to_contain_text("Draining")
    is_accessible(page, "a runner that rests")
    # It stays so when it starts again.
    ask("start the runner anew")
    expect(row).to_contain_text("Draining")
    row.get_by_role("button", name="Take work again").click()
    expect(row).to_contain_text("Ready")
    row.get_by_role("button", name="Drain").click()
    expect(row).to_contain_text("Draining")


def posts(page, path, said):
    """What a form is answered with that is sent as it stands, without the page's script."""
    post = "([path, said]) => fetch(path, { method: 'POST', body: new URLSearchParams(said) }).then(async (answer) => ({ status: answer.status, text: await answer.text() }))"
    return page.evaluate(post, [f"{PLACES}/{path}", said])


def gives_somebody_a_token(root):
    page = root.page
    goes_to(page, "Settings")
    is_fit_to_be_seen(page, "settings")
    page.get_by_role("link", name="People").click()
    page.get_by_label("Name").fill("Ada <img src=x onerror=alert(1)>")
    page.get_by_label("E-mail address").fill("ada@example.com")
    # Sent twice it makes one person; so does a form whose answer was lost.
    said = {"request_id": page.locator("input[name=request_id]").get_attribute("value"), "person.role": "1"}
    said |= {"person.display_name": page.get_by_label("Name").input_value(), "person.email": "ada@example.com"}
    assert posts(page, "settings/people", said)["status"] == 200
    page.get_by_role("button", name="Add").click()
    # On to what they need next.
    expect(page.get_by_label("Whose")).to_have_value(re.compile("/people/"))
    page.get_by_label("Name").fill("laptop")
    said = {name: page.locator(f"[name='{name}']").input_value() for name in ("request_id", "asked", "token.person", "token.role", "days")}
    page.get_by_role("button", name="Make it").dblclick()
    told = page.locator(".secret code").first
    expect(told).to_have_text(re.compile("^mst_"))
    secret = told.inner_text()
    expect(page.locator("tr", has_text="laptop")).to_contain_text("Ada <img src=x onerror=alert(1)>")
    expect(page.locator("tr", has_text="laptop")).to_have_count(1)
    is_fit_to_be_seen(page, "tokens")
    # Who sends it once more, as by a reload of the answer, is told what to do; who makes another one of it is told so, too.
    again = posts(page, "settings/tokens", said | {"token.display_name": "laptop"})
    assert "made already" in again["text"] and "revoke it" in again["text"] and "mst_" not in again["text"], again
    root.expects("409")
    again = posts(page, "settings/tokens", said | {"token.display_name": "another"})
    assert again["status"] == 409 and "This form was sent before" in again["text"], again
    page.reload()
    expect(page.locator("tr[id^=t-]", has_text="Ada")).to_have_count(1)
    assert secret not in page.content(), "the token is told again"
    page.get_by_role("link", name="People").click()
    expect(page.locator("tr", has_text="ada@example.com")).to_contain_text("Viewer")
    page.locator("tr", has_text="ada@example.com").locator("summary").first.click()
    is_fit_to_be_seen(page, "people")
    return secret


def looks_and_may_do_nothing(ada, secret):
    page = ada.page
    for place in ("runners", "alerts", "settings", "settings/people", "settings/tokens", "activity"):
        page.goto(f"{PLACES}/{place}")
        buttons = page.locator("main form[method=post]")
        assert buttons.count() == 0, f"a viewer is shown a form at {place}"
    # Who posts all the same is refused.
    ada.expects("403")
    for path, said in {
        "settings/tokens": {"token.display_name": "more", "token.role": "3"},
        "settings/people": {"person.display_name": "Eve", "person.email": "eve@example.com", "person.role": "3"},
        "runners/add": {"pool": "hq", "uses_max": "1", "life": "3600"},
        "settings/mail": {"recipient": "eve@example.com"},
        "activity/verify": {},
    }.items():
        status = posts(page, path, said)["status"]
        assert status == 403, f"{path}: {status}"
    # A screen on the wall shows the same token by a header.
    asked = ada.context.request
    shown = asked.get(f"{PLACES}/status.json", headers={"Authorization": f"Bearer {secret}"})
    assert shown.json()["integrations"] == {"active": 0, "attention": 0, "error": 0, "disabled": 0}, shown.text()


def reads_what_was_done(root):
    page = root.page
    goes_to(page, "Activity")
    refused = page.locator("tr", has_text="tried to create token").filter(has_text="Ada <img src=x onerror=alert(1)>")
    expect(refused).to_contain_text("Refused")
    page.get_by_label("Outcome").select_option("DONE")
    expect(refused).to_have_count(0)
    expect(page.locator("tr", has_text="drained runner").first).to_be_visible()
    expect(page.locator("tr", has_text="resumed runner")).to_be_visible()
    page.get_by_label("Outcome").select_option("")
    # What it was about is told by its name.
    name = page.locator("tr", has_text="drained runner").first.locator("td[data-name=What] a")
    assert re.fullmatch(r"\S+", name.inner_text()) and not name.locator("code").count(), name.inner_text()
    page.locator("tr", has_text="created person").last.locator("summary").click()
    is_fit_to_be_seen(page, "activity")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("The log is whole.")).to_be_visible()
    is_accessible(page, "a log that is whole")
    # As the link leads, but not by it: Chromium keeps no file from whoever has such a certificate.
    kept = root.context.request.get(URL + page.get_by_role("link", name="Export").get_attribute("href"))
    assert 'filename="audit-default.jsonl"' in kept.headers["content-disposition"], kept.headers
    lines = [json.loads(line) for line in kept.text().splitlines()]
    assert lines[0]["muster_audit_log"] == 1 and lines[0]["last"] == lines[-1]["number"], lines[0]


def is_told_of_what_goes_wrong(root):
    page = root.page
    goes_to(page, "Alerts")
    expect(page.locator("main")).to_contain_text("Nothing is wrong.")
    ask("let a pool lose its runner")
    expect(page.locator(".count")).to_contain_text("1")
    assert page.locator("#live-state").inner_text() == "live", "the navigation has changed, and no longer says that it is live"
    expect(page.locator("#open")).to_contain_text("Pool without a runner")
    expect(page.locator("#open")).to_contain_text("To do:")
    is_fit_to_be_seen(page, "alerts")


def finds_the_way_on_a_phone(root):
    page = root.page
    page.set_viewport_size(PHONE)
    menu = page.get_by_role("navigation", name="Admin")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Admin").click()
    is_accessible(page, "the menu")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Admin").click()
    menu.get_by_role("link", name="Runners").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Runners")
    expect(menu).to_be_hidden()
    page.set_viewport_size(WIDE)


def revokes_the_runner(root):
    page = root.page
    page.goto(f"{PLACES}/runners")
    row = page.locator("tr[id^=r-]")
    row.locator("summary").first.click()
    row.get_by_text("Revoke…").click()
    row.get_by_role("button", name="Revoke it for good").click()
    expect(row).to_contain_text("Revoked")
    expect(row.get_by_role("button")).to_have_count(0)
    expect(page.locator("#chips")).to_contain_text("0 offline")
    expect(page.locator("tr.pool")).not_to_contain_text("no runner online")
    page.locator("#chips a", has_text="revoked").click()
    expect(row).to_contain_text("Revoked")
    is_fit_to_be_seen(page, "revoked")


def goes_through_all_organizations(root):
    page = root.page
    page.locator(".menu summary").click()
    page.get_by_role("link", name="All organizations").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Organizations")
    expect(page.locator("#live-state")).to_have_text("live")
    page.locator(".menu summary").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    is_accessible(page, "the organizations")
    fits(page, "the organizations")
    page.locator(".organizations a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Integrations")


with at_a_browser() as browser:
    root = Person(browser, ignore_https_errors=True)
    signs_in(root, TOKEN)
    adds_a_runner(root)
    secret = gives_somebody_a_token(root)
    ada = Person(browser, ignore_https_errors=True)
    signs_in(ada, secret)
    looks_and_may_do_nothing(ada, secret)
    reads_what_was_done(root)
    is_told_of_what_goes_wrong(root)
    finds_the_way_on_a_phone(root)
    goes_through_all_organizations(root)
    revokes_the_runner(root)

    # A session ends with its token, also on a page that is open.
    ada.page.goto(f"{PLACES}/runners")
    ada.expects("401", "ERR_INCOMPLETE_CHUNKED_ENCODING")
    goes_to(root.page, "Settings")
    root.page.get_by_role("link", name="Tokens").click()
    row = root.page.locator("tr", has_text="laptop")
    row.get_by_text("Revoke…").click()
    row.get_by_role("button", name="Revoke it").click()
    expect(row).to_contain_text("Revoked")
    expect(ada.page.get_by_role("heading")).to_have_text("You are signed out")
    root.ended()
    ada.ended()

"""Signing in by a token, by a coordinator that asks everybody who they are.

    sign_in.py URL TOKEN
"""

import re
import sys

from person import Person, ask, at_a_browser, expect, is_accessible, picture

URL, TOKEN = sys.argv[1:]

with at_a_browser() as browser:
    # The coordinator's certificate is its own, which no browser knows.
    ada = Person(browser, ignore_https_errors=True)
    page = ada.page
    page.goto(f"{URL}/organizations/default/integrations?status=error")
    expect(page).to_have_url(re.compile(r"/sign-in\?to="))
    is_accessible(page, "the sign-in")
    picture(page, "sign-in")

    ada.expects("401")
    page.get_by_label("API token").fill("mst_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("no token")
    page.get_by_label("API token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    # On to where they wanted.
    expect(page).to_have_url(re.compile(r"/organizations/default/integrations\?status=error$"))
    expect(page.locator("#live-state")).to_have_text("live")

    [cookie] = ada.context.cookies()
    assert cookie["name"] == "__Host-muster" and cookie["httpOnly"] and cookie["secure"], cookie
    assert TOKEN not in cookie["value"], "the token lies in the browser"

    # The session goes on in another coordinator over the same data.
    ada.expects("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "503")
    ask("restart the coordinator")
    page.goto(URL)
    expect(page).to_have_url(re.compile(r"/organizations/default/integrations$"))

    # Metrics are for this machine, and for the staff.
    said = {"Host": "muster.example.com"}
    asked = ada.context.request.get(f"{URL}/metrics", headers=said)
    assert asked.status == 401 and "token" in asked.text(), asked.text()
    asked = ada.context.request.get(f"{URL}/metrics", headers={**said, "Authorization": f"Bearer {TOKEN}"})
    assert asked.status == 200, asked.text()

    # What a page of somebody else's sends is refused, whatever the browser sends along.
    forged = ada.context.request.post(f"{URL}/sign-out", headers={"Origin": "https://evil.example"})
    assert forged.status == 403, forged.status
    renamed = ada.context.request.get(URL, headers={"Host": "evil.example"})
    assert renamed.status == 421, renamed.status

    # No other page may frame this one, and nothing runs in it but what is known by this answer's nonce.
    policies = [page.goto(URL).headers["content-security-policy"] for _ in range(2)]
    for policy in policies:
        assert "frame-ancestors 'none'" in policy and "unsafe" not in policy and "script-src 'nonce-" in policy, policy
    assert policies[0] != policies[1], "a nonce is used twice"

    # Signed out is signed out, in a page that is open elsewhere, too.
    other = ada.context.new_page()
    ada.watch(other)
    other.goto(URL)
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile(r"/sign-in$"))
    expect(other).to_have_url(re.compile(r"/sign-in"))
    ada.ended()

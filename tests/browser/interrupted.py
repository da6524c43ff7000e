"""A session that ends while somebody fills in a form: nothing that they have typed is lost, and nothing is shown any more to whoever has signed out.

    interrupted.py URL TOKEN
"""

import re
import sys

from person import Person, ask, at_a_browser, expect, fits, is_accessible

URL, TOKEN = sys.argv[1:]
PLACES = f"{URL}/organizations/default"
NEW = f"{PLACES}/integrations/new?connector=directory"
NOT_IN_ORDER, SIGNED_OUT = "422", "401"


def signs_in(page, token):
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#panel, main")).not_to_have_count(0)


def a_person(browser, token=TOKEN, **context):
    person = Person(browser, ignore_https_errors=True, **context)
    person.expects(SIGNED_OUT, "ERR_INCOMPLETE_CHUNKED_ENCODING")
    person.page.goto(f"{URL}/sign-in")
    signs_in(person.page, token)
    return person


def types(page, name):
    """One of each kind of field."""
    page.get_by_label("Name required", exact=True).fill(name)
    page.get_by_label("Runner pool required", exact=True).fill("hq")
    page.get_by_label("URL required", exact=True).fill("ldaps://dc2.corp.example")
    page.get_by_label("Port", exact=True).fill("637")
    page.get_by_label("Detail").select_option("full")
    page.get_by_label("people", exact=True).check()
    page.get_by_label("Verify its certificate").uncheck()
    page.get_by_label("Search bases").fill("ou=people & co\nou=<devices>")


def chooses(page):
    page.get_by_label("Sign-in required").select_option("Token")
    page.locator("#panel").get_by_label("Token required", exact=True).fill("file:directory")


def is_as_typed(page, name, is_kept=True):
    """With the reference to a secret, which browsers are told not to keep."""
    expect(page.get_by_label("Name required", exact=True)).to_have_value(name)
    expect(page.get_by_label("Runner pool required", exact=True)).to_have_value("hq")
    expect(page.get_by_label("URL required", exact=True)).to_have_value("ldaps://dc2.corp.example")
    expect(page.get_by_label("Port", exact=True)).to_have_value("637")
    expect(page.get_by_label("Detail")).to_have_value('"full"')
    expect(page.get_by_label("people", exact=True)).to_be_checked()
    expect(page.get_by_label("Verify its certificate")).not_to_be_checked()
    expect(page.get_by_label("Search bases")).to_have_value("ou=people & co\nou=<devices>")
    token = page.locator("#panel").get_by_label("Token required", exact=True)
    expect(token).to_have_value("file:directory" if is_kept else "")


def signs_in_elsewhere(person, button, token):
    """In another tab, which the page has offered."""
    with person.context.expect_page() as opened:
        button.click()
    other = opened.value
    person.watch(other)
    expect(other).to_have_url(re.compile(r"/sign-in$"))
    signs_in(other, token)
    other.close()


def with_a_script(browser):
    # A token is revoked while its person changes what there is.
    ada = a_person(browser, ask("a token"))
    page = ada.page
    page.goto(ask("an integration"))
    types(page, "Corp, typed")
    chooses(page)
    expect(page.locator(".unsaved")).to_be_visible()
    ask("revoke the token")
    expect(page.locator("#live-state")).to_contain_text("signed out")
    is_as_typed(page, "Corp, typed")
    page.get_by_role("button", name="Save draft", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("nothing you typed is lost")
    is_as_typed(page, "Corp, typed")
    is_accessible(page, "a form whose session is over")
    fits(page, "a form whose session is over")
    signs_in_elsewhere(ada, page.locator("#notice").get_by_role("button", name="Sign in"), TOKEN)
    page.get_by_role("button", name="Save draft", exact=True).click()
    expect(page.locator("#answer")).to_have_text("Saved.")
    is_as_typed(page, "Corp, typed")
    expect(page.locator("#live-state")).to_have_text("live")
    ask("`Corp, typed` is as it was typed")

    # The cookie has gone, while they add one.
    page.goto(NEW)
    types(page, "New, typed")
    chooses(page)
    page.wait_for_timeout(600)
    ada.context.clear_cookies()
    page.get_by_role("button", name="Save draft", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("nothing you typed is lost")
    is_as_typed(page, "New, typed")
    signs_in_elsewhere(ada, page.locator("#notice").get_by_role("button", name="Sign in"), TOKEN)
    page.get_by_role("button", name="Save draft", exact=True).click()
    expect(page.locator("#answer")).to_contain_text("Saved as a draft")
    ask("`New, typed` is as it was typed")

    # Who has signed out in one tab is shown nothing in the others, and loses nothing that is not saved.
    other, typing, adding = (ada.context.new_page() for _ in range(3))
    for tab in (other, typing, adding):
        ada.watch(tab)
    other.goto(f"{PLACES}/integrations")
    expect(other.locator(".tile")).to_have_count(2)
    typing.goto(NEW)
    types(typing, "Kept, typed")
    chooses(typing)
    adding.goto(f"{PLACES}/runners/add")
    adding.get_by_label("Pool").fill("plant-7")
    adding.get_by_label("Runners").fill("12")
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile(r"/sign-in$"))
    expect(other).to_have_url(re.compile(r"/sign-in\?to="), timeout=3_000)
    expect(typing.locator("#live-state")).to_contain_text("signed out", timeout=3_000)
    is_as_typed(typing, "Kept, typed")
    expect(adding.locator("#live-state")).to_contain_text("signed out", timeout=3_000)
    expect(adding.get_by_label("Pool")).to_have_value("plant-7")
    page.go_back()
    expect(page).to_have_url(re.compile(r"/sign-in\?to="))
    # Back where they were, from there.
    signs_in(other, TOKEN)
    expect(other).to_have_url(re.compile(r"/organizations/default/integrations$"))
    typing.get_by_role("button", name="Save draft", exact=True).click()
    expect(typing.locator("#answer")).to_contain_text("Saved as a draft")
    ask("`Kept, typed` is as it was typed")
    # Of what nobody has answered nobody knows whether it was done.
    ada.expects("ERR_FAILED")
    typing.get_by_label("Name required", exact=True).fill("Lost, typed")
    typing.route("**", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    typing.get_by_role("button", name="Save draft", exact=True).click()
    expect(typing.locator("#notice")).to_contain_text("whether it has done this is not known")
    is_as_typed(typing, "Lost, typed")
    typing.unroute("**")
    typing.get_by_role("button", name="Save draft", exact=True).click()
    expect(typing.locator("#answer")).to_have_text("Saved.")
    adding.get_by_role("button", name="Make a token").click()
    expect(adding.locator("main")).to_contain_text("Waiting for 12 runners to enroll")

    # A revoked token shows nothing any more either.
    bob = a_person(browser, ask("a token"))
    bob.page.goto(f"{PLACES}/runners")
    expect(bob.page.locator("#live-state")).to_have_text("live")
    ask("revoke the token")
    expect(bob.page.get_by_role("heading", level=1)).to_have_text("You are signed out")
    is_accessible(bob.page, "signed out")
    fits(bob.page, "signed out")
    bob.page.get_by_role("link", name="Sign in").click()
    signs_in(bob.page, TOKEN)
    expect(bob.page).to_have_url(re.compile(r"/organizations/default/runners$"))
    for person in (ada, bob):
        person.ended()


def without_a_script(browser):
    token = ask("a token")
    eve = a_person(browser, token, java_script_enabled=False)
    page = eve.page
    for number, ends in enumerate((lambda: ask("revoke the token"), eve.context.clear_cookies)):
        name = f"Plain {number}, typed"
        page.goto(NEW)
        # What depends on a choice is another step here.
        page.get_by_label("Sign-in required").select_option("Token")
        types(page, name)
        chooses(page)
        ends()
        page.get_by_role("button", name="Save draft", exact=True).click()
        expect(page.get_by_role("heading")).to_have_text("You are signed out")
        fits(page, "a form to be sent again")
        signs_in_elsewhere(eve, page.get_by_role("link", name="sign in"), TOKEN)
        if number == 0:
            page.get_by_role("button", name="Send it again").click()
        else:
            # Whoever goes back instead finds it as it was typed, too.
            page.go_back()
            is_as_typed(page, name, is_kept=False)
            chooses(page)
            page.get_by_role("button", name="Save draft", exact=True).click()
        expect(page.locator("#answer")).to_contain_text("Saved as a draft")
        is_as_typed(page, name)
        ask(f"`{name}` is as it was typed")
    eve.ended()


with at_a_browser() as browser:
    with_a_script(browser)
    without_a_script(browser)

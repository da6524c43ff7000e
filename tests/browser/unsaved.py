"""What is typed and not saved is asked about before it is left, by whichever way, and what is saved or typed back is not.

    unsaved.py URL CORP PLANT

CORP and PLANT are the names of two integrations.
"""

import re
import sys

from person import Person, at_a_browser, expect

URL, CORP, PLANT = sys.argv[1:]
LIST = f"{URL}/organizations/default/integrations?sort=name"
# How many integrations are shown at first, and how many there are.
FIRST, ALL = 60, 70


class Asked:
    """The questions that a page has asked, and how they are answered."""

    def __init__(self, page):
        self.questions = []
        self.leaves = False
        page.on("dialog", self.answer)

    def answer(self, dialog):
        self.questions.append(dialog.type)
        if self.leaves:
            dialog.accept()
        else:
            dialog.dismiss()

    def once(self, page, kind):
        for _ in range(100):
            if self.questions:
                break
            page.wait_for_timeout(50)
        assert self.questions == [kind], f"asked {self.questions}, and not {kind}"
        self.questions = []


def name_of(page):
    return page.get_by_label("Name required", exact=True)


def adds(page):
    name_of(page).press("End")
    page.keyboard.type(" typed")


def tile(page, name):
    return page.locator(".tile").filter(has=page.get_by_role("heading", name=name, exact=True))


def opens_and_types(page):
    """By the way that people go, so that there is something to go back to."""
    page.goto(LIST)
    tile(page, "Corp").locator("h3 a").click()
    page.get_by_role("link", name="Configuration").click()
    expect(name_of(page)).to_have_value("Corp")
    adds(page)
    expect(page.locator(".unsaved")).to_be_visible()


def is_kept(page):
    expect(page).to_have_url(re.compile(rf"{CORP}/configuration(\?sort=name)?$"))
    expect(name_of(page)).to_have_value("Corp typed")
    expect(page.locator(".unsaved")).to_be_visible()


def back(page):
    page.evaluate("history.back()")


def finds(page):
    page.locator("#q").press_sequentially("Plant")


WAYS = {
    "another tab of the panel": (lambda page: page.locator("#panel").get_by_role("link", name="Logs").click(), rf"{CORP}/logs(\?sort=name)?$"),
    "the cross": (lambda page: page.locator("#panel a.close").click(), r"/integrations\?sort=name$"),
    "Escape": (lambda page: (page.locator("#panel a.close").focus(), page.keyboard.press("Escape")), r"/integrations\?sort=name$"),
    "the navigation": (lambda page: page.locator("#top").get_by_role("link", name="Runners").click(), r"/runners$"),
    "another integration": (lambda page: tile(page, "Plant").locator("h3 a").click(), rf"{PLANT}/logs\?sort=name$"),
    "another choice of the list": (lambda page: page.locator("#sort").select_option("new"), r"sort=new"),
    "what is found": (finds, r"q=Plant"),
    "back": (back, rf"{CORP}/logs(\?sort=name)?$"),
}


def is_asked_by_each_way(page, asked):
    for name, (leave, to) in WAYS.items():
        print(name, flush=True)
        opens_and_types(page)
        asked.leaves = False
        leave(page)
        asked.once(page, "confirm")
        is_kept(page)
        expect(page.locator("#sort")).to_have_value("name")
        asked.leaves = True
        leave(page)
        asked.once(page, "confirm")
        expect(page).to_have_url(re.compile(to))
        expect(page.locator("#settings")).to_have_count(0)
        page.goto(f"{URL}/{CORP}/configuration")
        assert not asked.questions, f"{name}: asked again, {asked.questions}"
        expect(name_of(page)).to_have_value("Corp")


def is_asked_by_the_browser(page, asked):
    """Whoever reloads the page, and whoever closes it."""
    opens_and_types(page)
    asked.leaves = False
    page.evaluate("setTimeout(() => location.reload())")
    asked.once(page, "beforeunload")
    is_kept(page)
    asked.leaves = True
    page.evaluate("setTimeout(() => location.reload())")
    asked.once(page, "beforeunload")
    expect(name_of(page)).to_have_value("Corp")
    expect(page.locator(".unsaved")).to_be_hidden()

    opens_and_types(page)
    asked.leaves = False
    page.close(run_before_unload=True)
    asked.once(page, "beforeunload")
    is_kept(page)
    asked.leaves = True
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert asked.questions == ["beforeunload"], asked.questions


def is_not_asked_for_what_is_saved(page, asked):
    opens_and_types(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#answer")).to_have_text("Saved.")
    page.locator("#panel").get_by_role("link", name="Logs").click()
    expect(page).to_have_url(re.compile(rf"{CORP}/logs(\?sort=name)?$"))
    page.get_by_role("link", name="Configuration").click()
    expect(name_of(page)).to_have_value("Corp typed")
    name_of(page).fill("Corp")
    page.keyboard.press("Enter")
    expect(page.locator("#answer")).to_have_text("Saved.")
    page.reload()
    assert not asked.questions, asked.questions


def is_not_asked_for_what_is_typed_back(page, asked):
    page.goto(f"{URL}/{CORP}/configuration")
    form, unsaved = page.locator("#settings"), page.locator(".unsaved")
    # One of each kind: each is looked at by the coordinator, which takes its time.
    for box in (page.get_by_label("Verify its certificate"), page.get_by_label("people", exact=True), page.get_by_label("Users", exact=True)):
        was = box.is_checked()
        box.set_checked(not was)
        expect(unsaved).to_be_visible()
        box.set_checked(was)
        expect(unsaved).to_be_hidden()
    for label in ("Name required", "Port", "Search bases", "Token required", "Interval of Users"):
        field = form.get_by_label(label, exact=True)
        was = field.input_value()
        field.press_sequentially("9")
        expect(unsaved).to_be_visible()
        field.fill(was)
        expect(unsaved).to_be_hidden()
    choice = page.get_by_label("Detail")
    choice.select_option("full")
    expect(unsaved).to_be_visible()
    choice.select_option("")
    expect(unsaved).to_be_hidden()
    page.locator("#top").get_by_role("link", name="Runners").click()
    expect(page).to_have_url(re.compile(r"/runners$"))
    assert not asked.questions, asked.questions


def what_has_the_focus_stays_where_it_was(page, asked):
    """The field in which somebody is when they go back does not become one of what they go back to."""
    asked.leaves = True
    for types in (False, True):
        page.goto(f"{URL}/{CORP}/configuration?sort=name")
        tile(page, "Plant").locator("h3 a").click()
        # The other one's link is there until then.
        expect(page.locator("#panel-name")).to_have_text("Plant")
        page.get_by_role("link", name="Configuration").click()
        expect(name_of(page)).to_have_value("Plant")
        name_of(page).click()
        if types:
            adds(page)
        # Over what was between them.
        page.evaluate("history.go(-2)")
        expect(page).to_have_url(re.compile(rf"{CORP}/configuration(\?sort=name)?$"))
        expect(page.locator("#panel-name")).to_have_text("Corp")
        expect(name_of(page)).to_have_value("Corp")
        asked.questions = []


def more_of_the_list_leaves_it_alone(page, asked):
    """The list beside it is endless, and goes on without a question and without taking anything away."""
    asked.leaves = False
    for address, name in ((f"{CORP}/configuration?sort=name", "Corp"), ("organizations/default/integrations/new?connector=directory&sort=name", "")):
        page.goto(f"{URL}/{address}")
        expect(page.locator(".tile")).to_have_count(FIRST)
        adds(page)
        expect(page.locator(".unsaved")).to_be_visible()
        # What follows from it has been looked at.
        page.wait_for_timeout(1_000)
        page.mouse.move(200, 500)
        page.mouse.wheel(0, 20_000)
        expect(page.locator(".tile")).to_have_count(ALL)
        expect(page.locator(".unsaved")).to_be_visible()
        expect(name_of(page)).to_have_value(f"{name} typed")
        assert not asked.questions, asked.questions
        # A page that was closed by the list would be another one.
        assert page.url.split("?")[0] == f"{URL}/{address}".split("?")[0], page.url
        asked.leaves = True
        page.goto(LIST)
        asked.once(page, "beforeunload")
        asked.leaves = False


def is_seen_elsewhere(person, page):
    """What is switched off in one tab is so in the other."""
    other = person.context.new_page()
    person.watch(other)
    other.goto(f"{LIST}&q=Corp")
    expect(other.locator(".tile .foot .status")).to_have_text("Active")
    page.goto(f"{URL}/{CORP}/configuration")
    page.get_by_role("button", name="Disable").click()
    expect(other.locator(".tile .foot .status")).to_have_text("Disabled", timeout=3_000)
    expect(page.locator(".switch")).to_contain_text("Switched off.")
    other.close()


with at_a_browser() as browser:
    ada = Person(browser)
    asked = Asked(ada.page)
    is_asked_by_each_way(ada.page, asked)
    asked.leaves = False
    is_not_asked_for_what_is_saved(ada.page, asked)
    is_not_asked_for_what_is_typed_back(ada.page, asked)
    what_has_the_focus_stays_where_it_was(ada.page, asked)
    more_of_the_list_leaves_it_alone(ada.page, asked)
    is_seen_elsewhere(ada, ada.page)
    is_asked_by_the_browser(ada.page, asked)
    ada.ended()

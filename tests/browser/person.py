"""A person at a browser, for the flows beside this file.

A flow asks whoever has started it for what no browser can do, by a line `? what` on its output, and goes on when a line is answered.
"""

import contextlib
import os
import pathlib
import shutil
import sys
import tempfile

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

IMAGES = pathlib.Path(__file__).parent.parent.parent / "docs" / "images"
BLESS = os.environ.get("MUSTER_BLESS") == "1"
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 740}
# How long to wait for what comes by itself: a collection, a page that is made anew.
expect.set_options(timeout=20_000)


def ask(what):
    print(f"? {what}", flush=True)
    answer = sys.stdin.readline()
    if not answer:
        sys.exit(f"nobody answers: {what}")
    return answer.strip()


people = []


class Person:
    """One browser, with a context of its own: what it has seen of errors fails the flow at its end."""

    def __init__(self, browser, **context):
        options = {"viewport": WIDE, "locale": "en-GB", "timezone_id": "UTC", **context}
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(20_000)
        self.page = self.context.new_page()
        self.complaints = []
        people.append(self)
        self.expected = []
        self.requests = []
        self.watch(self.page)

    def watch(self, page):
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        page.on("request", lambda request: self.requests.append(request.url))

    def expects(self, *complaints):
        """What the browser may complain of from now on: an answer that is an error, a connection that is refused."""
        self.expected += complaints

    def ended(self):
        odd = [said for said in self.complaints if not any(known in said for known in self.expected)]
        assert not odd, f"the browser complains: {odd}"
        self.context.close()


@contextlib.contextmanager
def at_a_browser():
    """A browser from which people are made by `Person(browser)`."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or "chromium"
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        except BaseException:
            for person in people:
                print("the browser said:", person.complaints[-10:], "and asked for:", person.requests[-10:], flush=True)
            raise
        browser.close()


def is_accessible(page, where):
    """axe finds nothing, in both themes."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
        found = Axe().run(page, options=options)
        assert found.violations_count == 0, f"{where}, {theme}: {found.generate_report()}"
    page.emulate_media(color_scheme="light")


def fits(page, where):
    """Nothing stands out of the page at the width of a phone, and of a large screen."""
    before = page.viewport_size
    for width in (360, 641, 720, 1024, 1280, 1440, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{where} is {over} px wider than {width} px"
    page.set_viewport_size(before)


def picture(page, name):
    """Pictures of the page for the documentation: wide and on a phone, light and dark. Kept where `MUSTER_BLESS=1` says so."""
    folder = IMAGES if BLESS else pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    before = page.viewport_size
    for size, viewport in (("", WIDE), ("-phone", PHONE)):
        page.set_viewport_size(viewport)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.evaluate("scrollTo(0, 0)")
            page.screenshot(path=folder / f"{name}{size}-{theme}.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(before)
    if not BLESS:
        shutil.rmtree(folder)

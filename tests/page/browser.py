"""A browser that shows the page of a service, and looks at what it does meanwhile.

Whatever script drives it: no error on the console that was not announced, no request to anybody but the service, no
exception, and nothing waits by the clock: everything is waited for, up to a deadline.
"""

import contextlib
import json
import os
import sys
import time

from playwright.sync_api import expect, sync_playwright

DEADLINE_MS = 60_000
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}

expect.set_options(timeout=DEADLINE_MS)


def given():
    """What the test says: addresses, files, keys."""
    return json.loads(sys.argv[1])


@contextlib.contextmanager
def browser():
    """A Chromium, which ends with the block."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"])
        try:
            yield chromium
        finally:
            chromium.close()


class Tab:
    """A tab of its own, with nothing remembered."""

    def __init__(self, chromium, base, viewport=None, scheme="light", script=None, **more):
        self.base = base
        self.expected = set()
        self.faults = []
        self.context = chromium.new_context(
            viewport=viewport or DESK, color_scheme=scheme, accept_downloads=True, **more)
        self.context.set_default_timeout(DEADLINE_MS)
        if script:
            self.context.add_init_script(script)
        self.page = self.context.new_page()
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        self.page.on("request", self.asked)

    def heard(self, message):
        """A browser says of itself that an answer was a refusal: only announced ones are right."""
        if message.type not in ("error", "warning"):
            return
        where = message.location.get("url", "")
        if not any(part in where for part in self.expected):
            self.faults.append(f"console: {message.text} ({where})")

    def asked(self, request):
        """The page asks its own service, and nobody else."""
        if not request.url.startswith((self.base + "/", "blob:" + self.base)):
            self.faults.append(f"request to {request.url}")

    def open(self, fragment=""):
        """Shows the page."""
        self.page.goto(f"{self.base}/{fragment}")

    def hide(self, is_hidden):
        """Puts the tab behind another one, or before it again, as far as the page can tell."""
        self.page.evaluate("""(is) => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => is });
          document.dispatchEvent(new Event("visibilitychange"));
        }""", is_hidden)

    def state(self, word):
        """Waits until the job that is shown is in a state."""
        expect(self.page.locator(".head .badge")).to_have_text(word)

    def is_said(self, text):
        """Waits until a screen reader is told so."""
        expect(self.page.locator("#say")).to_contain_text(text)

    def picture(self, folder, name):
        """Takes a picture of all of it for people to look at, and sees that nothing has to be scrolled sideways."""
        os.makedirs(folder, exist_ok=True)
        self.page.screenshot(path=os.path.join(folder, name + ".png"), full_page=True)
        wide, shown = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= shown, f"{name} is {wide} px wide, {shown} px are shown"

    def close(self):
        """Ends the tab, and says what was not right in it."""
        self.context.close()
        assert not self.faults, "\n".join(self.faults)


@contextlib.contextmanager
def tab(*args, **kwargs):
    """A tab for a block. A block that fails leaves a picture."""
    opened = Tab(*args, **kwargs)
    try:
        yield opened
    except BaseException:
        with contextlib.suppress(Exception):
            print("title:", opened.page.title(), "address:", opened.page.url, "faults:", opened.faults)
            opened.page.screenshot(path=os.path.join(given()["pictures"], "failed.png"))
        raise
    opened.close()


def eventually(what, holds):
    """Waits until something holds, looking every 50 ms."""
    deadline = time.monotonic() + DEADLINE_MS / 1000
    while not holds():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.05)


def upload(opened, spec, *paths):
    """Loads files with a spec, and waits until each of them has a job: the links to these, in the order of the files."""
    page = opened.page
    page.get_by_role("option", name=f"{spec}@1").wait_for(state="attached")
    page.get_by_label("Spec", exact=True).select_option(spec)
    rows = page.locator(".uploads li")
    before = rows.count()
    page.locator("#upload-files").set_input_files(list(paths))
    expect(rows).to_have_count(before + len(paths))
    # The newest is the first.
    links = [rows.nth(at).get_by_role("link", name="Show the job") for at in reversed(range(len(paths)))]
    for link in links:
        link.wait_for()
    return links

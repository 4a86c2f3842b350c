"""How the page looks and how it is used without a mouse: both themes, a desk and a phone, contrast, names, the keyboard."""

import os
import re

from browser import DESK, PHONE, browser, expect, given, tab, upload

# Contrast of every visible text with what it stands on; below 4.5 (3 for large ones) is returned (WCAG 2.2, 1.4.3).
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => top.slice(0, 3).map((part, at) => part * top[3] + under[at] * (1 - top[3]));
  const ground = (element) => {
    const grounds = [];
    for (let at = element; at; at = at.parentElement) grounds.push(rgba(getComputedStyle(at).backgroundColor));
    return grounds.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const light = (color) => {
    const [r, g, b] = color.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest(".unseen, noscript, script, option")) continue;
    if (!element.checkVisibility() || element.closest("button:disabled")) continue;
    const style = getComputedStyle(element);
    const under = ground(element);
    const [one, other] = [light(over(rgba(style.color), under)), light(under)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < least) found.push(`${ratio.toFixed(2)}: ${walker.currentNode.textContent.trim().slice(0, 40)} (${element.className})`);
  }
  return found;
}"""

# Controls that say nothing to a screen reader.
ROLES = ("button", "link", "textbox", "combobox", "checkbox", "spinbutton", "table", "dialog", "img", "progressbar")


def reads_well(opened, where):
    """Every text can be read, every control has a name, and there is one heading and one main part."""
    page = opened.page
    assert (dim := page.evaluate(CONTRAST)) == [], f"{where}: {dim}"
    for role in ROLES:
        for element in page.get_by_role(role).all():
            snapshot = element.aria_snapshot()
            assert '"' in snapshot.split("\n")[0], f"{where}: a {role} without a name: {snapshot}"
    for landmark in ("banner", "main"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("navigation", name="Main")).to_have_count(1)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids)), f"{where}: an id stands there twice"


def samples_are_wide(page):
    """On a phone the sample of a cause has the width of the panel, below its cause and its count; it is a table still."""
    causes = page.locator("table.causes")
    whole, cause, sample = (causes.locator(part).first.bounding_box() for part in ("tbody", "tbody th", "tbody td.sample"))
    assert sample["width"] > 0.95 * whole["width"] and sample["y"] >= cause["y"] + cause["height"], (whole, cause, sample)
    table = page.get_by_role("table", name="Rejects by the code")
    expect(table.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(2)
    expect(table.get_by_role("columnheader", name="Records")).to_be_visible()


def everywhere(said, chromium, job):
    """Both themes, on a desk and on a phone."""
    for scheme in ("light", "dark"):
        for name, viewport in (("desk", DESK), ("phone", PHONE)):
            with tab(chromium, said["base"], viewport, scheme, reduced_motion="reduce") as opened:
                page = opened.page
                opened.open()
                expect(page.get_by_role("row", name="orders")).not_to_have_count(0)
                reads_well(opened, f"jobs, {scheme}, {name}")
                opened.picture(said["pictures"], f"jobs-{scheme}-{name}")
                opened.open(f"#/jobs/{job}")
                expect(page.locator("table.records tbody tr")).not_to_have_count(0)
                expect(page.get_by_role("region", name="Receipt").get_by_text("Digest")).to_be_visible()
                if name == "phone":
                    samples_are_wide(page)
                page.get_by_text("The record").first.click()
                page.get_by_text("Details", exact=True).click()
                reads_well(opened, f"job, {scheme}, {name}")
                opened.picture(said["pictures"], f"job-{scheme}-{name}")
                opened.open("#/files")
                expect(page.locator("table.files tbody tr")).not_to_have_count(0)
                if name == "phone":
                    about = page.locator("table.files tbody th").first.get_by_text("processed · ")
                    expect(about).to_be_visible()
                    expect(about).to_have_text(re.compile(r"^processed · \d[\d.]* k?B · (just now|\d+ (s|min) ago)$"))
                reads_well(opened, f"files, {scheme}, {name}")
                opened.picture(said["pictures"], f"files-{scheme}-{name}")
                opened.open("#/nothing")
                expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
                moving = page.evaluate(
                    "[...document.querySelectorAll('*')].filter((element) => parseFloat(getComputedStyle(element).transitionDuration) > 0).length")
                assert moving == 0, "things move for who wants none to"


def by_keyboard(said, chromium):
    """From the address to a reject without a mouse: each stop can be seen, and Enter does what a click does."""
    with tab(chromium, said["base"]) as opened:
        page = opened.page
        # From now on choosers of files are told of: to ask for that takes the browser a moment.
        page.on("filechooser", lambda _: None)
        opened.open()
        expect(page.get_by_role("row", name="orders")).not_to_have_count(0)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("main")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Choose files")).to_be_focused()
        with page.expect_file_chooser():
            page.keyboard.press("Enter")
        for name in ("Spec", "Load at once", "State"):
            page.keyboard.press("Tab")
            expect(page.get_by_label(name, exact=True)).to_be_focused()
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus on {name} cannot be seen"
        page.keyboard.press("Tab")
        link = page.locator("table.jobs tbody a").first
        expect(link).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        cause = page.locator("table.causes tbody a").first
        for _ in range(12):
            if cause.evaluate("(element) => element === document.activeElement"):
                break
            page.keyboard.press("Tab")
        expect(cause).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=3)).to_contain_text(":")
        # The focus stays where the person is.
        expect(cause).to_be_focused()
        page.go_back()
        expect(page.get_by_role("heading", level=3)).not_to_contain_text(":")


def hostile(said, chromium):
    """A name and records that would be markup are shown as the text that they are."""
    with tab(chromium, said["base"]) as opened:
        page = opened.page
        opened.open()
        upload(opened, "orders-any", said["hostile"])[0].click()
        opened.state("completed")
        expect(page.get_by_role("heading", level=1)).to_have_text(os.path.basename(said["hostile"]))
        expect(page.locator("table.records tbody tr")).not_to_have_count(0)
        page.get_by_text("The record").first.click()
        expect(page.locator("table.records pre").first).to_contain_text("<img src=x onerror=")
        assert page.locator("main img, main script").count() == 0
        opened.picture(said["pictures"], "hostile")


def main():
    """One job to look at, and then all the ways to look."""
    said = given()
    with browser() as chromium:
        with tab(chromium, said["base"]) as opened:
            opened.open()
            upload(opened, "orders-any", said["small"], said["other"])[0].click()
            opened.state("completed")
            job = opened.page.url.rpartition("/")[2]
        everywhere(said, chromium, job)
        hostile(said, chromium)
        by_keyboard(said, chromium)


if __name__ == "__main__":
    main()

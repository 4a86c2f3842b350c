"""A service with keys: the page asks for one, takes no wrong one, keeps it for the tab, and downloads with it."""

import urllib.request

from browser import DEADLINE_MS, browser, expect, given, tab, upload

# A picker of files in memory, since no person is there to choose: what is written to it can be read again.
PICKER = """window.showSaveFilePicker = async ({ suggestedName }) => {
  window.written = { name: suggestedName, text: "" };
  const decoder = new TextDecoder();
  return { createWritable: async () => new WritableStream({
    write: (chunk) => { window.written.text += decoder.decode(chunk, { stream: true }); },
    close: () => { window.written.closed = true; },
  }) };
};"""
# A browser without one.
NO_PICKER = "delete window.showSaveFilePicker;"


def api(said, path):
    """What the service answers to a program with the key."""
    request = urllib.request.Request(said["base"] + path, headers={"Authorization": f"Bearer {said['key']}"})
    with urllib.request.urlopen(request, timeout=DEADLINE_MS / 1000) as answer:
        return answer.read()


def enter(said, opened, picture=False):
    """The key is asked for; a wrong one is refused where it was typed."""
    page = opened.page
    # Each refusal is an error to the browser.
    opened.expected.update(["/jobs", "/specs"])
    opened.open()
    dialog = page.get_by_role("dialog", name="API key")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Key", exact=True)).to_be_focused()
    if picture:
        opened.picture(said["pictures"], "key")
    page.keyboard.type("sg_wrong")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("The API key is not a live one.")
    page.keyboard.type(said["key"])
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    opened.expected.difference_update(["/jobs", "/specs"])
    expect(page.get_by_role("button", name="API key: set")).to_be_visible()


def load(said, opened):
    """Loads the file: its job."""
    page = opened.page
    upload(opened, "orders-any", said["small"])[0].click()
    opened.state("completed")
    return page.url.rpartition("/")[2]


# Watches a job with a ticket, as a page does that cannot send the key: how it ends, and what becomes of a second use.
WATCHED = """async ([job, key]) => {
  const answer = await fetch("/tickets", { method: "POST", headers: { Authorization: `Bearer ${key}` } });
  const { ticket } = await answer.json();
  const heard = () => new Promise((resolve) => {
    const events = new EventSource(`/jobs/${job}/events?ticket=${ticket}`);
    events.onerror = () => { if (events.readyState === EventSource.CLOSED) resolve("refused for good"); };
    events.addEventListener("completed", () => { events.close(); resolve("completed"); });
  });
  return [await heard(), await heard()];
}"""


def main():
    """Once through the memory of the browser, once into a file that was picked."""
    said = given()
    with browser() as chromium:
        with tab(chromium, said["base"], script=NO_PICKER) as opened:
            enter(said, opened, picture=True)
            job = load(said, opened)
            expected = api(said, f"/jobs/{job}/rejects")
            with opened.page.expect_download() as download:
                opened.page.get_by_role("link", name="Download rejects").click()
            with open(download.value.path(), "rb") as file:
                assert file.read() == expected
            assert download.value.suggested_filename == f"{job}-rejects.csv"
            # The key is this tab's alone: another tab of the same browser has none.
            other = opened.context.new_page()
            other.goto(said["base"])
            expect(other.get_by_role("dialog", name="API key")).to_be_visible()
            other.close()
            # An EventSource shows a ticket, which is good once.
            opened.expected.add("/events")
            assert opened.page.evaluate(WATCHED, [job, said["key"]]) == ["completed", "refused for good"]
            # Forgotten, it is asked for again.
            opened.expected.update(["/jobs", "/specs", "/events"])
            opened.page.get_by_role("button", name="API key: set").click()
            opened.page.get_by_role("button", name="Forget it").click()
            expect(opened.page.get_by_role("dialog", name="API key")).to_be_visible()
        with tab(chromium, said["base"], script=PICKER) as opened:
            enter(said, opened)
            opened.open(f"#/jobs/{job}")
            opened.page.get_by_role("link", name="Download list (CSV)").click()
            opened.is_said("Saved")
            written = opened.page.evaluate("window.written")
            assert written["closed"] and written["name"] == f"{job}-errors.csv"
            assert written["text"].encode() == api(said, f"/jobs/{job}/errors?format=csv")


if __name__ == "__main__":
    main()

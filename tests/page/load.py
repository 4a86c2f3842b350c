"""A person drops a file, watches it, looks at its rejects and takes them home; cancels another one and retries it;
approves a held one; sends rejects back corrected."""

import base64
import json
import os
import re
import urllib.request

from browser import DEADLINE_MS, browser, eventually, expect, given, tab, upload

# A line so slow that the big file takes half a minute.
UPLOAD_BYTES_PER_SECOND = 300_000

# Puts a file on the page as a mouse does, with its bytes in base64.
DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  for (const type of ["dragenter", "dragover", "drop"]) {
    document.getElementById("drop").dispatchEvent(
      new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}"""


def api(said, path):
    """What the service answers to a program."""
    with urllib.request.urlopen(said["base"] + path, timeout=DEADLINE_MS / 1000) as answer:
        return answer.read()


def saved(page, name):
    """The bytes that a link saves."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name).click()
    with open(download.value.path(), "rb") as file:
        return file.read()


def drop_and_look(said, opened):
    """A file by drag and drop, with the spec that matches its name; its books, its rejects, and their downloads."""
    page = opened.page
    opened.open()
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    opened.picture(said["pictures"], "empty")
    with open(said["small"], "rb") as file:
        content = base64.b64encode(file.read()).decode()
    page.evaluate(DROP, [os.path.basename(said["small"]), content])
    page.locator(".uploads").get_by_role("link", name="Show the job").wait_for()
    # The list comes to it by itself.
    row = page.get_by_role("row", name=os.path.basename(said["small"]))
    expect(row.locator(".badge")).to_have_text("completed")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(os.path.basename(said["small"]))
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    opened.state("completed")
    for name, number in said["counts"].items():
        shown = page.locator(".count", has=page.get_by_text(name, exact=True)).locator("dd")
        expect(shown).to_have_text(f"{number:,}")
    job = page.url.rpartition("/")[2]

    # Its rejects: by cause, of one cause, of one field, page by page.
    rejected = said["counts"]["rejected"]
    expect(page.get_by_role("heading", level=3)).to_have_text(f"{rejected:,} rejects")
    page.locator("table.causes").get_by_role("link", name=said["code"]).first.click()
    expect(page.get_by_role("heading", level=3)).to_contain_text(f": {said['code']}")
    codes = page.locator("table.records tbody tr .code")
    expect(codes.first).to_have_text(said["code"])
    assert set(codes.all_inner_texts()) == {said["code"]}
    page.get_by_label("Field").select_option("")
    page.get_by_label("Code").select_option("")
    expect(page.get_by_role("heading", level=3)).to_have_text(f"{rejected:,} rejects")
    first = page.locator("table.records tbody tr").first.inner_text()
    page.get_by_role("navigation", name="Pages of rejects").get_by_role("link", name="Next page").click()
    expect(page.locator("table.records tbody tr").first).not_to_have_text(first)
    expect(page.get_by_role("heading", level=3)).to_have_text("More rejects")
    # The address says it all: reload and back lead to the same.
    page.reload()
    expect(page.get_by_role("heading", level=3)).to_have_text("More rejects")
    page.go_back()
    expect(page.get_by_role("heading", level=3)).to_have_text(f"{rejected:,} rejects")
    raw = page.locator("table.records tbody tr").first
    raw.get_by_text("The record").click()
    expect(raw.locator("pre")).to_be_visible()
    expect(page.get_by_role("region", name="Receipt").get_by_text("Digest")).to_be_visible()
    opened.picture(said["pictures"], "completed")

    rejects = saved(page, "Download rejects")
    expect(page.locator(".ahead")).to_be_hidden()
    assert rejects == api(said, f"/jobs/{job}/rejects") and rejects.count(b"\n") >= rejected
    assert saved(page, "Download list (CSV)") == api(said, f"/jobs/{job}/errors?format=csv")
    return job, rejects


def send_back(said, opened, job, rejects):
    """The rejects as they are, sent back: a job of their own, which leads to the first one."""
    page = opened.page
    page.locator("#resubmit").set_input_files(
        {"name": "rejects.csv", "mimeType": "text/csv", "buffer": rejects})
    page.wait_for_url(lambda url: job not in url)
    opened.state("completed")
    page.get_by_text("Details", exact=True).click()
    page.get_by_role("link", name=job).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(os.path.basename(said["small"]))


def cancel_and_retry(said, opened):
    """A slow one, seen while it moves: cancelled, then retried, then cancelled for good."""
    page = opened.page
    page.get_by_role("link", name="All jobs").click()
    upload(opened, "orders-slow", said["big"])[0].click()
    opened.state("in progress")
    share = page.locator(".going .share")
    expect(share).not_to_have_text("0 %")
    expect(page.get_by_role("img", name="Rate over the last")).to_be_visible()
    expect(page.locator(".ahead")).to_be_visible()
    opened.picture(said["pictures"], "running")
    page.get_by_role("button", name="Cancel").click()
    opened.state("cancelled")
    expect(page.get_by_text("rejected behind the last checkpoint")).to_be_visible()
    opened.is_said("is cancelled")
    about = page.locator(".head + .hint")
    expect(about).to_contain_text("took ")
    expect(page.get_by_role("button", name="Retry")).to_be_focused()
    page.get_by_role("button", name="Retry").click()
    opened.state("in progress")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.get_by_role("button", name="Cancel").click()
    opened.state("cancelled")
    # Nobody knows how long it was cancelled meanwhile.
    expect(about).to_contain_text("created ")
    expect(about).not_to_contain_text("took ")


def approve(said, opened):
    """One that is held goes on, is held again by a budget that counts anew, and goes on with another one."""
    page = opened.page
    page.get_by_role("link", name="Jobs", exact=True).click()
    upload(opened, "orders-held", said["small"])[0].click()
    opened.state("held")
    expect(page.get_by_text("Held:")).to_be_visible()
    hold = page.locator(".box.warn")
    expect(hold).to_contain_text("max_records is 10.")
    expect(hold).not_to_contain_text("ince record")
    expect(hold.get_by_text("errors", exact=True)).to_have_count(0)
    expect(page.get_by_text("counting begins anew")).to_be_visible()
    opened.picture(said["pictures"], "held")
    job = page.url
    page.get_by_role("link", name="Files", exact=True).click()
    row = page.get_by_role("row", name=os.path.basename(said["small"])).first
    expect(row.get_by_role("cell", name="held", exact=True)).to_be_visible()
    page.goto(job)
    page.get_by_role("button", name="Approve and go on").click()
    expect(hold).to_contain_text(re.compile(r"Since record \d+, 11 of \d+ records are bad, max_records is 10\."))
    page.get_by_label("Most rejects from here on").fill("100000")
    page.get_by_role("button", name="Approve and go on").click()
    opened.state("completed")
    opened.is_said("is completed")


def later(said, opened):
    """A file that is kept and not loaded yet, and one that no spec matches."""
    page = opened.page
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_label("Load at once").uncheck()
    page.locator("#upload-files").set_input_files(said["other"])
    row = page.locator(".uploads li").first
    expect(row).to_contain_text("uploaded")
    page.get_by_role("link", name="Files", exact=True).click()
    row = page.get_by_role("row", name=os.path.basename(said["other"]))
    expect(row).to_contain_text("uploaded")
    opened.picture(said["pictures"], "files")
    # Nothing matches its name: that is told where it was asked.
    opened.expected.add("/process/")
    row.get_by_role("button", name="Load").click()
    expect(row.get_by_role("alert").first).not_to_be_empty()
    row.get_by_label("Spec").select_option("orders-any")
    row.get_by_role("button", name="Load").click()
    row.get_by_role("link", name="Show the job").click()
    opened.state("completed")


def stop_an_upload(said, opened):
    """On a slow line: how much is sent is seen, and who stops it leaves nothing behind."""
    page = opened.page
    page.get_by_role("link", name="Jobs", exact=True).click()
    line = opened.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": UPLOAD_BYTES_PER_SECOND}
    line.send("Network.emulateNetworkConditions", slow)
    before = json.loads(api(said, "/files"))["total"]
    page.locator("#upload-files").set_input_files([said["big"], said["small"]])
    second, first = page.locator(".uploads li").nth(0), page.locator(".uploads li").nth(1)
    expect(first).to_contain_text(re.compile(r"[1-9]\d* % sent"))
    expect(first.get_by_role("progressbar", name="Upload of")).to_be_visible()
    # One after the other.
    expect(second).to_contain_text("waiting")
    opened.picture(said["pictures"], "uploading")
    second.get_by_role("button", name="Stop the upload").click()
    expect(second).to_contain_text("stopped")
    first.get_by_role("button", name="Stop the upload").click()
    expect(first).to_contain_text("stopped")
    eventually("nothing of them is left", lambda: json.loads(api(said, "/files"))["total"] == before)
    # What comes behind a stopped one goes its way.
    line.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    page.locator("#upload-files").set_input_files(said["other"])
    third = page.locator(".uploads li").first
    expect(third.get_by_role("button", name="Load", exact=True)).to_be_visible()


def main():
    """All of it in one tab, one thing after the other."""
    said = given()
    with browser() as chromium, tab(chromium, said["base"]) as opened:
        job, rejects = drop_and_look(said, opened)
        send_back(said, opened, job, rejects)
        cancel_and_retry(said, opened)
        approve(said, opened)
        later(said, opened)
        stop_an_upload(said, opened)


if __name__ == "__main__":
    main()

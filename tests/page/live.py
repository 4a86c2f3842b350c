"""How the page follows a job: by its stream, which may break and goes on behind the last event; by asking where the stream is
refused; not at all while it is hidden. The streams are made up here, message by message; the job is a real one, slow enough not to end by itself."""

import json

from browser import browser, eventually, expect, given, tab, upload


# Notes each pair of counts that is ever shown: rejected as the figures say it, and as the causes sum up to.
COUNTS = """window.pairs = [];
const look = () => {
  const figure = document.querySelector(".count.bad dd");
  const causes = [...document.querySelectorAll("table.causes td.number span:first-child")];
  if (!figure || causes.length === 0) return;
  const number = (element) => Number(element.textContent.replaceAll(",", ""));
  const pair = `${number(figure)} ${causes.map(number).reduce((sum, one) => sum + one)}`;
  if (window.pairs.at(-1) !== pair) window.pairs.push(pair);
};
new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });"""


def event(number, message):
    """A message as an event of a stream."""
    return f"id: e{number}\nevent: {message['type']}\ndata: {json.dumps(message)}\n\n"


def progress(job, share, read, rejected):
    """How far the job is."""
    stats = {"read": read, "loaded": read - rejected, "alreadyLoaded": 0, "rejected": rejected, "dropped": 0, "skipped": 0}
    return {"type": "progress", "jobId": job["jobId"], "state": "in_progress", "stats": stats, "progress": share,
            "bytesRead": 1, "bytesTotal": 100, "recordsPerSecond": 1234, "secondsLeft": 90, "updatedAt": job["updatedAt"]}


def made_up(count):
    """A kind of rejects."""
    return {"code": "made_up", "field": "some_field", "count": count,
            "sample": {"record": 7, "line": 8, "message": "it is made up", "raw": "<b>raw</b>"}}


def counted(job, rejected):
    """A running job with so many rejects, as the service answers it."""
    message = {key: value for key, value in progress(job, 0.25, 1000, rejected).items() if key not in ("type", "secondsLeft")}
    return {**job, **message, "finishedAt": None, "errors": [made_up(rejected)]}


def counts_move_together(said, chromium, job_id):
    """The stream tells a cause once, and later how many rejects there are: the causes count as many as the figures, always."""
    with tab(chromium, said["base"], script=COUNTS) as opened:
        page = opened.page
        job = opened.context.request.get(f"{said['base']}/jobs/{job_id}").json()
        counts = [24, 24, 44, 44, 71]
        asked = []
        jobs = []

        def answer(route):
            if len(asked) == len(counts):
                return
            count = counts[len(asked)]
            asked.append(count)
            kind = {"type": "error", "jobId": job_id, **made_up(24)}
            body = event(1, progress(job, 0.25, 1000, count)) + (event(2, kind) if len(asked) == 1 else "")
            route.fulfill(status=200, content_type="text/event-stream", body=body)

        def tell(route):
            jobs.append(asked[-1] if asked else 0)
            route.fulfill(json=counted(job, jobs[-1]))

        page.route(f"**/jobs/{job_id}", tell)
        page.route("**/events", answer)
        opened.open(f"#/jobs/{job_id}")
        expect(page.locator("table.causes td.number span").first).to_have_text("71")
        assert page.evaluate("window.pairs") == ["24 24", "44 44", "71 71"]
        # No word of "all 1 causes", not even a hidden one.
        expect(page.locator(".more-causes")).to_have_text("")
        # The page asks when there are more of them, and not at each message.
        assert jobs == [0, 24, 44, 71], jobs


def broken_and_gone_on(said, chromium, job_id):
    """A stream that breaks is asked for again, behind its last event; its end is the job's."""
    with tab(chromium, said["base"]) as opened:
        page = opened.page
        asked = []
        job = opened.context.request.get(f"{said['base']}/jobs/{job_id}").json()

        def answer(route):
            asked.append(route.request.headers.get("last-event-id"))
            if len(asked) == 1:
                kind = {"type": "error", "jobId": job_id, **made_up(3)}
                body = "retry: 2000\n\n: \n\n" + event(1, progress(job, 0.25, 1000, 3)) + event(2, kind) + "id: e3\ndata: {\"type\""
            else:
                ended = {**job, "state": "failed", "progress": 0.5,
                         "failure": {"code": "made_up", "message": "it had to end", "causes": ["a cause"], "hint": "do nothing"}}
                body = event(4, {"type": "failed", "job": ended, "failure": ended["failure"], **{
                    key: value for key, value in progress(job, 0.5, 2000, 3).items() if key != "type"}})
            route.fulfill(status=200, content_type="text/event-stream", body=body)

        page.route(f"**/jobs/{job_id}", lambda route: route.fulfill(json=counted(job, 3)))
        page.route("**/events", answer)
        opened.open(f"#/jobs/{job_id}")
        expect(page.locator(".going .share")).to_have_text("25 %")
        expect(page.locator(".figures")).to_contain_text("about 1 min 30 s left")
        expect(page.locator("table.causes")).to_contain_text("it is made up")
        opened.state("failed")
        expect(page.locator(".box.bad")).to_contain_text("It had to end.")
        expect(page.locator(".box.bad")).to_contain_text("Do nothing.")
        expect(page.locator(".box.bad")).to_contain_text("Code made_up")
        opened.is_said("has failed")
        assert asked == [None, "e2"], asked
        opened.picture(said["pictures"], "failed-job")


def hidden_and_seen(said, chromium, job_id):
    """A tab that is hidden holds no stream; when it is seen again it goes on behind its last event."""
    with tab(chromium, said["base"]) as opened:
        page = opened.page
        job = opened.context.request.get(f"{said['base']}/jobs/{job_id}").json()
        job = {**job, "state": "in_progress", "finishedAt": None}
        asked = []

        def answer(route):
            asked.append(route.request.headers.get("last-event-id"))
            if len(asked) == 2:
                return
            body = event(1, progress(job, 0.25, 1000, 3))
            if len(asked) == 3:
                ended = {**job, "state": "cancelled"}
                body = event(2, {"type": "cancelled", "job": ended})
            route.fulfill(status=200, content_type="text/event-stream", body=body)

        page.route(f"**/jobs/{job_id}", lambda route: route.fulfill(json=job))
        page.route("**/events", answer)
        opened.open(f"#/jobs/{job_id}")
        eventually("the stream that stays open is asked for", lambda: page.title() and len(asked) == 2)
        with page.expect_event("requestfailed", lambda request: request.url.endswith("/events")):
            opened.hide(True)
        assert asked == [None, "e1"], asked
        opened.hide(False)
        opened.state("cancelled")
        assert asked == [None, "e1", "e1"], asked


def asked_for(said, chromium, job_id):
    """Where the stream is refused the page asks, and follows the job all the same."""
    with tab(chromium, said["base"]) as opened:
        page = opened.page
        page.route("**/events", lambda route: route.fulfill(
            status=429, content_type="application/problem+json", body='{"error": "too many watch", "code": "too_many_watchers"}'))
        opened.expected.add("/events")
        opened.open(f"#/jobs/{job_id}")
        opened.state("in progress")
        first = page.locator(".going .share").inner_text()
        expect(page.locator(".going .share")).not_to_have_text(first)
        page.get_by_role("button", name="Cancel").click()
        opened.state("cancelled")


def unreachable(said, chromium):
    """A service that does not answer is told above the list, which stays; and again when it does."""
    with tab(chromium, said["base"]) as opened:
        page = opened.page
        opened.open()
        expect(page.locator("table.jobs tbody tr")).not_to_have_count(0)
        opened.expected.add("/")
        page.route("**/jobs?*", lambda route: route.abort())
        expect(page.get_by_text("The service does not answer.")).to_be_visible()
        expect(page.locator("table.jobs tbody tr")).not_to_have_count(0)
        page.unroute("**/jobs?*")
        expect(page.get_by_text("The service does not answer.")).to_be_hidden()


def main():
    """One slow job, watched in every way."""
    said = given()
    with browser() as chromium:
        with tab(chromium, said["base"]) as opened:
            opened.open()
            upload(opened, "orders-slow", said["big"])[0].click()
            opened.state("in progress")
            job_id = opened.page.url.rpartition("/")[2]
        broken_and_gone_on(said, chromium, job_id)
        asked_for(said, chromium, job_id)
        hidden_and_seen(said, chromium, job_id)
        counts_move_together(said, chromium, job_id)
        unreachable(said, chromium)


if __name__ == "__main__":
    main()

"""The webhook of a job on its page: what was told to whom, what came of it, and the same once more."""

import http.server
import json
import threading
import urllib.request

from browser import DEADLINE_MS, browser, eventually, expect, given, tab


class Receiver(http.server.ThreadingHTTPServer):
    """Takes webhooks on a free port: it answers nothing until it may, and refuses all until it accepts them."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.ids = []
        self.answers = threading.Event()
        self.accepts = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    """One webhook."""

    def do_POST(self):
        """Notes the id of the message, and answers when it may: 500, and 204 once it accepts them."""
        self.rfile.read(int(self.headers["content-length"]))
        self.server.ids.append(self.headers["webhook-id"])
        self.server.answers.wait(DEADLINE_MS / 1000)
        self.send_response(204 if self.server.accepts.is_set() else 500)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Nothing: what came is looked at."""


def submitted(said, url):
    """A job that tells `url` of its end."""
    with open(said["small"], "rb") as file:
        request = urllib.request.Request(
            f"{said['base']}/upload/page-hook.csv?process=true&spec=orders-any&callbackUrl={url}", file.read(), method="PUT")
    with urllib.request.urlopen(request, timeout=DEADLINE_MS / 1000) as answer:
        return json.load(answer)["jobId"]


def not_for_ever(said, chromium, job):
    """A webhook that stays pending is asked for while the tab is seen, and for 15 minutes."""
    with tab(chromium, said["base"]) as opened:
        page = opened.page
        known = opened.context.request.get(f"{said['base']}/jobs/{job}").json()
        known["callback"]["state"] = "pending"
        asked = []

        def answer(route):
            asked.append(route.request.url)
            route.fulfill(json=known)

        def after(seconds):
            page.clock.run_for(seconds * 1000)
            # Whatever the page asks for by now comes before this.
            page.evaluate("fetch('/livez').then((answer) => answer.status)")
            return len(asked)

        page.clock.install()
        page.route(f"**/jobs/{job}", answer)
        opened.open(f"#/jobs/{job}")
        opened.state("completed")
        eventually("it is asked for again", lambda: after(4) > 1)
        opened.hide(True)
        # One may be under way.
        after(4)
        before = len(asked)
        assert after(4) == after(4) == before, "a hidden tab asks"
        opened.hide(False)
        eventually("it is asked for again", lambda: after(4) > before)
        page.clock.fast_forward(15 * 60 * 1000)
        after(4)
        after(4)
        before = len(asked)
        assert after(4) == after(4) == before, "it is asked for for ever"


def main():
    """A first try is seen under way, fails, a person sends it again, and it arrives under the same id."""
    said = given()
    receiver = Receiver()
    with browser() as chromium, tab(chromium, said["base"]) as opened:
        job = submitted(said, f"http://127.0.0.1:{receiver.server_port}/hook")
        opened.open(f"#/jobs/{job}")
        opened.state("completed")
        webhook = opened.page.get_by_role("region", name="Webhook")
        under_way = webhook.get_by_role("row", name="under way")
        expect(under_way).to_contain_text("job.completed")
        expect(under_way.get_by_role("button")).to_have_count(0)
        receiver.answers.set()
        # The service tries again by itself after some seconds, so a second one may be there already.
        first = webhook.get_by_role("row", name="answered 500").last
        expect(first).to_contain_text("job.completed")
        receiver.accepts.set()
        first.get_by_role("button", name="Send delivery").click()
        opened.is_said("sent again")
        expect(webhook).to_contain_text("delivered, ")
        expect(webhook.get_by_role("row", name="answered 204")).not_to_have_count(0)
        opened.picture(said["pictures"], "webhook")
        not_for_ever(said, chromium, job)
    eventually("both came under one id", lambda: len(receiver.ids) >= 2 and len(set(receiver.ids)) == 1)


if __name__ == "__main__":
    main()

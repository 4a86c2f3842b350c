//! Whom a job tells: who asked for it first, or for its rejects to be sent again.

use super::*;
use crate::queue::CallbackUrl;

const URL: &str = "https://example.com/one";
const OTHER: &str = "https://example.com/other";

async fn submitted(bench: &Bench, content: &str, url: Option<&str>) -> (Job, Option<String>) {
    let asked = Asked {
        callback: url.map(CallbackUrl::from),
        ..asked(bench.file(content).await, "orders@1")
    };
    let submitted = submit(&bench.service, &bench.tenant, asked).await.unwrap();
    let url = submitted.job.callback.as_ref();
    let url = url.map(|callback| callback.url.to_string());
    (submitted.job, url)
}

#[tokio::test]
async fn a_job_that_is_there_takes_the_first_url_while_it_has_not_ended() {
    let bench = Bench::new().await;
    let (job, url) = submitted(&bench, "a", None).await;
    assert_eq!(url, None);
    for (asked, expected) in [
        (Some(URL), Some(URL)),
        (Some(OTHER), Some(URL)),
        (None, Some(URL)),
    ] {
        let (again, url) = submitted(&bench, "a", asked).await;
        assert_eq!((again.id, url.as_deref()), (job.id, expected));
    }

    let (ended, _) = submitted(&bench, "b", None).await;
    bench.worked(Ends::Completed, true).await;
    bench.worked(Ends::Completed, true).await;
    let (again, url) = submitted(&bench, "b", Some(URL)).await;
    assert_eq!((again.id, url), (ended.id, None), "nothing is left to tell");
}

#[tokio::test]
async fn rejects_that_are_sent_again_tell_whom_their_parent_tells() {
    let bench = Bench::new().await;
    let set = bench
        .queue()
        .set_default_callback(&bench.tenant, Some(OTHER));
    set.await.unwrap();
    let (parent, _) = submitted(&bench, "a", Some(URL)).await;
    bench.worked(Ends::Completed, true).await;
    let asked = Correction {
        parent: parent.id,
        file: bench.file("corrected").await,
        idempotency: None,
    };
    let child = resubmit(&bench.service, &bench.tenant, asked).await;
    let callback = child.unwrap().job.callback.unwrap();
    assert_eq!((&*callback.url, callback.last_event), (URL, 0));
}

#[test]
fn no_secret_of_a_url_is_shown_with_what_is_asked_for() {
    let asked = Asked {
        callback: Some("https://hidden:hidden@example.com/hidden?token=hidden#hidden".into()),
        ..asked(Id([1; 12]), "orders@1")
    };
    let shown = format!("{asked:?}");
    assert!(
        shown.contains("example.com/…") && !shown.contains("hidden"),
        "{shown}"
    );
}

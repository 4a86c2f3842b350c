//! Webhooks against receivers that answer well, badly and not at all, and against a canary that nobody may reach.

mod posts;
mod sends;
mod tls;

use super::resolve::Resolve;
use async_trait::async_trait;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;
use testbed::receiver::{Answers, Receiver};

/// How long anything is waited for, at most.
const DEADLINE: Duration = Duration::from_secs(60);

/// Says what a test says: the answers in their order, the last one for ever.
struct Names {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn new(answers: &[&[&str]]) -> Self {
        let parsed = answers.iter().map(|addresses| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap());
            addresses.collect()
        });
        Self {
            answers: Mutex::new(parsed.collect()),
            asked: Mutex::default(),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolve for Names {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        match answers.len() {
            0 => Err(io::ErrorKind::NotFound.into()),
            1 => Ok(answers[0].clone()),
            _ => Ok(answers.remove(0)),
        }
    }
}

/// Waits until `is` holds.
async fn until(what: &str, is: impl AsyncFn() -> bool) {
    let wait = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, wait).await;
    waited.unwrap_or_else(|_| panic!("waited too long for {what}"));
}

/// Takes every message.
async fn good() -> Receiver {
    Receiver::start(|_, _| Answers::Status(200)).await
}

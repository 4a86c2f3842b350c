//! The guide for those who run the service leads somewhere: every file and heading that it links is there, every alert has
//! its place in the runbook and a case in which it fires, and every variable that it names is one of the program's.

use std::collections::BTreeSet;

use crate::tree::{Breaches, read, root};

/// The guide, from the root.
const GUIDE: &str = "deploy/README.md";
/// The alert rules.
const ALERTS: &str = "deploy/alerts.yaml";
/// When they fire.
const CASES: &str = "deploy/alerts.test.yaml";
/// What lists the program's variables.
const VARIABLES: &str = ".env.example";
/// Variables of others than the program.
const OF_OTHERS: [&str; 2] = ["SLUICEGATE_FULL", "SLUICEGATE_KEY"];

/// What a heading is linked by: its letters and digits in lower case, hyphens for blanks.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    let lower = kept.flat_map(char::to_lowercase);
    lower.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The lines outside of blocks of code, counted from 1.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut is_code = false;
    let lines = (1..).zip(text.lines());
    let lines = lines.filter(|(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).into_iter().filter_map(|(_, line)| {
        let heading = line.trim_start_matches('#');
        (heading.len() < line.len()).then(|| anchor(heading.trim()))
    });
    headings.collect()
}

/// Where the links of a line lead.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1);
    targets.filter_map(|rest| rest.split(')').next())
}

/// What is wrong with a link of the guide, if anything is.
fn dead(link: &str) -> Option<String> {
    if link.starts_with("https://") {
        return None;
    }
    let (file, place) = link.split_once('#').unwrap_or((link, ""));
    let path = match file {
        "" => root().join(GUIDE),
        file => root().join("deploy").join(file),
    };
    if !path.exists() {
        return Some(format!("{link} leads to a file that is not there"));
    }
    let is_there = place.is_empty() || anchors(&read(&path)).contains(place);
    (!is_there).then(|| format!("{link} leads to a heading that is not there"))
}

/// Whether it looks like a variable of the environment.
fn is_variable(word: &str) -> bool {
    let is_in_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    word.contains('_') && word.len() > 5 && word.chars().all(is_in_name)
}

#[test]
fn the_guide_leads_to_what_is_there() {
    let mut breaches = Breaches::of("deploy/README.md leads to what is there");
    let guide = read(&root().join(GUIDE));
    let variables = read(&root().join(VARIABLES));
    for (number, line) in prose(&guide) {
        for what in links(line).filter_map(dead) {
            breaches.add(GUIDE, number, &what);
        }
        let code = line.split('`').skip(1).step_by(2);
        let names = code.map(|code| code.split('=').next().unwrap_or_default());
        for name in names.filter(|name| is_variable(name) && !OF_OTHERS.contains(name)) {
            let is_set = |line: &str| {
                line.trim_start_matches('#')
                    .starts_with(&format!("{name}="))
            };
            if !variables.lines().any(is_set) {
                breaches.add(
                    GUIDE,
                    number,
                    &format!("{name} is no variable of {VARIABLES}"),
                );
            }
        }
    }
    breaches.settle();
}

#[test]
fn every_alert_has_its_place_in_the_runbook() {
    let mut breaches = Breaches::of("alerts and runbook name each other");
    let (guide, alerts) = (read(&root().join(GUIDE)), read(&root().join(ALERTS)));
    let anchors = anchors(&guide);
    let mut names = BTreeSet::new();
    for (number, line) in (1..).zip(alerts.lines()) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix("- alert: ") {
            names.insert(name);
        }
        if let Some(url) = line.strip_prefix("runbook_url: ") {
            let place = url.trim_matches('"').strip_prefix("README.md#");
            if !place.is_some_and(|place| anchors.contains(place)) {
                breaches.add(ALERTS, number, &format!("{url} is no heading of the guide"));
            }
        }
    }
    assert!(names.len() > 20, "{names:?}");
    for name in &names {
        if !guide.contains(&format!("`{name}`")) {
            breaches.add(GUIDE, 0, &format!("it does not name the alert {name}"));
        }
    }
    for word in guide
        .split('`')
        .filter(|word| word.starts_with("Sluicegate"))
    {
        if !names.contains(word) {
            breaches.add(GUIDE, 0, &format!("{word} is no alert"));
        }
    }
    breaches.settle();
}

/// The alerts that fire in a case: those whose entry says what is expected.
fn fire(cases: &str) -> BTreeSet<&str> {
    let mut last = "";
    let mut found = BTreeSet::new();
    for line in cases.lines().map(str::trim) {
        if let Some((_, entry)) = line.split_once("alertname: ") {
            last = entry.split(',').next().unwrap_or_default();
        }
        if line.starts_with("exp_alerts:") {
            found.insert(last);
        }
    }
    found
}

#[test]
fn every_alert_has_a_case_in_which_it_fires() {
    let mut breaches = Breaches::of("every alert has a case in which it fires");
    let (alerts, cases) = (read(&root().join(ALERTS)), read(&root().join(CASES)));
    let fire = fire(&cases);
    let names = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let mut seen = 0;
    for name in names {
        seen += 1;
        if !fire.contains(name) {
            breaches.add(CASES, 0, &format!("{name} fires in no case"));
        }
    }
    assert!(seen > 20, "{seen}");
    breaches.settle();
}

#[test]
fn a_case_in_which_an_alert_stays_silent_is_none_in_which_it_fires() {
    let cases =
        "- { alertname: One, eval_time: 1m }\n- alertname: Two\n  eval_time: 1m\n  exp_alerts:\n";
    assert_eq!(fire(cases).into_iter().collect::<Vec<_>>(), ["Two"]);
}

#[test]
fn headings_are_linked_as_github_does() {
    assert_eq!(
        anchor("Books, panic, frame mismatch"),
        "books-panic-frame-mismatch"
    );
    assert_eq!(anchor("EC2 by deploy.sh"), "ec2-by-deploysh");
    let text = "# One\n```sh\n# no heading\n```\n### Two: `three`\n";
    assert_eq!(
        anchors(text).into_iter().collect::<Vec<_>>(),
        ["one", "two-three"]
    );
    assert_eq!(
        links("a [b](c.md#d) and [e](#f)").collect::<Vec<_>>(),
        ["c.md#d", "#f"]
    );
}

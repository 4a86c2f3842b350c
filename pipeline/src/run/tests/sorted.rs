//! Kinds of records, what headers leave to details, and totals: they are right wherever a run goes on, and what is lost of
//! them on the way fails the job.

use super::parts::{Lines, Store, Text, job, start, told};
use super::*;
use crate::{
    Bind, Block, Branch, Carried, Cause, Control, Converted, Exact, Inherit, LOADED, Measure,
    OnBreach, Problem, Reader, Rear, Role, Sorted, Term, Verdict, check_carried,
};
use bytes::BytesMut;

const HEADER: u8 = 0;
const DETAIL: u8 = 1;
const TRAILER: u8 = 2;

/// Lines: those with `H` carry, those with `T` are trailers.
struct Kinds {
    lines: Lines,
    carried: Vec<Carried>,
    /// The block before which it forgets what is carried.
    forgets: Option<u64>,
}

impl Framer for Kinds {
    fn buffer(&mut self) -> &mut BytesMut {
        self.lines.buffer()
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        let Some(mut block) = self.lines.next_block(at_end)? else {
            return Ok(None);
        };
        for index in 0..block.frames.len() {
            let kind = match block.text(index).first() {
                Some(b'H') => HEADER,
                Some(b'T') => TRAILER,
                _ => DETAIL,
            };
            block.frames[index].kind = kind;
            block.frames[index].carries = kind == HEADER;
        }
        if self.forgets.is_some_and(|from| from <= block.start.ordinal) {
            (self.carried, self.forgets) = (Vec::new(), None);
        }
        block.carried = Some(std::mem::take(&mut self.carried));
        self.carried = block.carried_to(block.frames.len());
        check_carried(&self.carried)?;
        Ok(Some(block))
    }
}

/// Takes a line as it is; `!` in it is wrong.
struct Plain;

impl Bind<String, String> for Plain {
    fn bind(&self, row: &mut String, record: &mut String) -> Verdict {
        if row.contains('!') {
            return Verdict::Reject(vec![Problem::of_record("wrong", row.clone())]);
        }
        record.clone_from(row);
        Verdict::Keep
    }
}

/// Puts the header before the detail.
impl Inherit<String> for Plain {
    fn inherit(&self, context: Option<&String>, record: &mut String, _: &mut Vec<Problem>) {
        record.insert_str(0, &format!("{}/", context.map_or("-", String::as_str)));
    }
}

/// Totals of what stands behind `=`.
struct Sums(Arc<[Arc<str>]>);

impl Sums {
    fn new() -> Self {
        Self([LOADED, "sum(n)", "trailer.n"].map(Arc::from).into())
    }
}

impl Measure<String> for Sums {
    fn terms(&self) -> &Arc<[Arc<str>]> {
        &self.0
    }

    fn measure(&self, kind: u8, record: &String, each: &mut dyn FnMut(u8, Option<Exact>)) {
        let number = record.split_once('=').and_then(|(_, n)| n.parse().ok());
        let number = number.map(|number| Exact::new(number, 1));
        match kind {
            DETAIL => {
                each(0, Some(Exact::new(1, 0)));
                each(1, number);
            }
            TRAILER => each(2, number),
            _ => {}
        }
    }
}

fn chain_of(rear: Rear<String>) -> Sorted<String, String> {
    let reader = || Reader {
        parser: Box::new(Text) as Box<dyn crate::Parser<String>>,
        bind: Box::new(Plain) as Box<dyn Bind<String, String>>,
    };
    let branch = |name: &str, role| Branch {
        name: name.into(),
        role,
    };
    let branches = vec![
        branch("header", Role::Context(reader(), Box::new(Plain))),
        branch("detail", Role::Load(reader())),
        branch("trailer", Role::Control(reader())),
    ];
    Sorted::new(branches, rear).measured(Some(Arc::new(Sums::new())))
}

fn sorted() -> Sorted<String, String> {
    chain_of(Rear::new(Box::new(Text)).step(Box::new(Text)))
}

fn control(on_mismatch: OnBreach) -> Vec<Control> {
    vec![Control {
        name: "n".into(),
        actual: Term::Total("sum(n)".into()),
        expected: Term::Only("trailer.n".into(), "trailer".into()),
        on_mismatch,
    }]
}

/// Where a load starts that keeps totals.
fn begin() -> Checkpoint {
    let mut from = start();
    from.books = from.books.totalling(&Sums::new().0);
    from
}

fn load(input: &str, store: &Arc<Store>, from: Checkpoint) -> Job {
    let plain = job(input, store, from);
    let at = plain.from.books.end;
    let lines = Lines {
        buffer: BytesMut::new(),
        at,
    };
    Job {
        framer: Box::new(Kinds {
            lines,
            carried: plain.from.carried.clone(),
            forgets: None,
        }),
        convert: Arc::new(sorted()),
        controls: control(OnBreach::Hold),
        ..plain
    }
}

/// 60 records: a header, 19 details and so on, and a trailer that says `sum` tenths.
fn input(sum: i64) -> String {
    let line = |index| match index {
        59 => format!("T={sum}\n"),
        index if index % 20 == 0 => format!("H{index}\n"),
        index => format!("d={index}\n"),
    };
    (0..60).map(line).collect()
}

/// The sum of the details, in tenths.
const SUM: i64 = 59 * 60 / 2 - 59 - 20 - 40;

fn documents(store: &Store) -> Vec<String> {
    lock(&store.records).values().cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn details_have_their_header_and_the_sums_are_right() {
    let store = Arc::new(Store::default());
    let report = run(load(&input(SUM), &store, begin())).await;
    assert_eq!(told(&report), "56 0 0 4 of 60 completed");
    let dropped = &report.checkpoint.books.counters.dropped;
    assert_eq!(dropped["header"], 3);
    assert_eq!(dropped["trailer"], 1);
    let all = documents(&store);
    assert_eq!(
        (&*all[0], &*all[19], &*all[55]),
        ("H0/d=1", "H20/d=21", "H40/d=58")
    );
    let carried = &report.checkpoint.carried;
    assert_eq!(carried[0].raw.as_deref(), Some(&b"H40\n"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_on_anywhere_has_the_same_headers_and_sums() {
    let whole = Arc::new(Store::default());
    run(load(&input(SUM), &whole, begin())).await;
    for held_at in 1..58 {
        // Held behind a record that is bad; then it is none, as if the limit were higher.
        let mut lines: Vec<String> = input(SUM).lines().map(str::to_owned).collect();
        let is_detail = lines[held_at].starts_with('d');
        let good = lines[held_at].clone();
        lines[held_at] = format!("{good}!");
        let bad = lines.join("\n") + "\n";
        let store = Arc::new(Store::default());
        let budget = Budget {
            max_records: 0,
            ..Budget::default()
        };
        let first = run(Job {
            budget,
            ..load(&bad, &store, begin())
        })
        .await;
        let end = first.checkpoint.books.end;
        assert_eq!(end.ordinal, held_at as u64 + 1);
        assert!(told(&first).ends_with("held errors"), "{}", told(&first));
        let text = through_texts(&first.checkpoint);
        assert_eq!(text, first.checkpoint, "what is stored is what is read");
        let again = run(load(&bad, &store, text)).await;
        if is_detail {
            // The one that was refused is missing in the sum.
            let n: i64 = good[2..].parse().unwrap();
            let Err(message) = ended(&again) else {
                panic!("{}", told(&again))
            };
            assert_eq!(
                message,
                format!(
                    "n: sum(n) is {}, trailer.n is {}",
                    tenths(SUM - n),
                    tenths(SUM)
                )
            );
            let mut expected = documents(&whole);
            expected.retain(|one| !one.ends_with(&good));
            assert_eq!(documents(&store), expected, "held at {held_at}");
        } else {
            let codes: Vec<_> = lock(&store.rejects)
                .values()
                .map(|one| one.problems[0].code.clone())
                .collect();
            assert_eq!(
                codes.len(),
                20 - usize::from(held_at == 40),
                "held at {held_at}: {codes:?}"
            );
            assert!(codes[1..].iter().all(|code| code == "context_rejected"));
        }
    }
}

fn tenths(number: i64) -> String {
    Exact::new(i128::from(number), 1).to_string()
}

/// The message of a hold for the control.
fn ended(report: &Report) -> Result<(), String> {
    match &report.end {
        End::Held(breach) if breach.cause.code() == "control.n" => Err(breach.message.clone()),
        _ => Ok(()),
    }
}

/// A checkpoint as a store would give it back: the carried records and the totals through their texts.
fn through_texts(checkpoint: &Checkpoint) -> Checkpoint {
    let mut again = checkpoint.clone();
    for total in &mut again.books.totals {
        let text = total.sum.map(String::from);
        total.sum = text.map(|text| Exact::try_from(text).unwrap());
    }
    again
}

#[tokio::test(start_paused = true)]
async fn a_sum_that_is_wrong_holds_until_just_that_is_accepted() {
    let store = Arc::new(Store::default());
    let report = run(load(&input(7), &store, begin())).await;
    let End::Held(breach) = report.end else {
        panic!("{}", told(&report));
    };
    let (actual, expected) = (tenths(SUM), "0.7".to_owned());
    assert_eq!(
        breach.message,
        format!("n: sum(n) is {actual}, trailer.n is 0.7")
    );
    let cause = |actual: &str| Cause::Control {
        name: "n".to_owned(),
        actual: actual.to_owned(),
        expected: expected.clone(),
    };
    assert_eq!(breach.cause, cause(&actual));
    assert_eq!(store.finished.load(Ordering::SeqCst), 0);
    for (accepts, ends) in [("0.6", "held control.n"), (&*actual, "completed")] {
        let mut accepted = Accepted::default();
        accepted.accept(cause(accepts));
        let again = run(Job {
            accepted,
            ..load(&input(7), &store, report.checkpoint.clone())
        })
        .await;
        assert!(told(&again).ends_with(ends), "{}", told(&again));
    }
    for (on_mismatch, ends) in [
        (OnBreach::Fail, "failed control"),
        (OnBreach::Continue, "completed"),
    ] {
        let controls = control(on_mismatch);
        let store = Arc::new(Store::default());
        let again = run(Job {
            controls,
            ..load(&input(7), &store, begin())
        })
        .await;
        assert!(told(&again).ends_with(ends), "{}", told(&again));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_target_refuses_is_not_in_the_sums() {
    let store = Arc::new(Store::default());
    let refusing = "refuse=5\nd=7\nT=7\n";
    let sorted = Sorted::new(
        vec![
            Branch {
                name: "header".into(),
                role: Role::Skip,
            },
            Branch {
                name: "detail".into(),
                role: Role::Load(Reader {
                    parser: Box::new(Text),
                    bind: Box::new(Plain),
                }),
            },
            Branch {
                name: "trailer".into(),
                role: Role::Control(Reader {
                    parser: Box::new(Text),
                    bind: Box::new(Plain),
                }),
            },
        ],
        Rear::new(Box::new(Text)),
    );
    let report = run(Job {
        convert: Arc::new(sorted.measured(Some(Arc::new(Sums::new())))),
        ..load(refusing, &store, begin())
    })
    .await;
    assert_eq!(told(&report), "1 0 1 1 of 3 completed");
}

/// A convert that changes what comes out from record 20 on.
struct Lossy(Sorted<String, String>, fn(&mut Converted));

impl Convert for Lossy {
    fn convert(&self, block: Block) -> Result<Converted, Fatal> {
        let mut converted = self.0.convert(block)?;
        if converted.start.ordinal >= 20 {
            (self.1)(&mut converted);
        }
        Ok(converted)
    }
}

#[tokio::test(start_paused = true)]
async fn totals_and_context_that_are_lost_complete_nothing() {
    type Loss = fn(&mut Converted);
    let losses: [(&str, Loss); 4] = [
        ("what the records of a block add", |out| out.amounts.clear()),
        ("that a block adds anything", |out| out.terms = None),
        ("what is carried to a block", |out| out.carried.clear()),
        ("what a block carries on", |out| out.carried_on.clear()),
    ];
    for (what, change) in losses {
        for max_records in [1, 14, 1000] {
            let store = Arc::new(Store::default());
            let report = run(Job {
                convert: Arc::new(Lossy(sorted(), change)),
                batch: BatchLimits {
                    max_records,
                    max_bytes: 1 << 20,
                },
                ..load(&input(SUM), &store, begin())
            })
            .await;
            let told = told(&report);
            assert!(
                told.ends_with("failed books"),
                "{what}, {max_records}: {told}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_restart_forgets_completes_nothing() {
    let store = Arc::new(Store::default());
    let budget = Budget {
        max_records: 0,
        ..Budget::default()
    };
    let bad = input(SUM).replace("d=30\n", "d=30!\n");
    let held = run(Job {
        budget,
        ..load(&bad, &store, begin())
    })
    .await;
    let from = held.checkpoint;
    assert_eq!(from.books.end.ordinal, 31);
    let ends = async |job: Job| told(&run(job).await);
    let forgetful = |forgets| {
        let job = load(&bad, &store, from.clone());
        let lines = Lines {
            buffer: BytesMut::new(),
            at: from.books.end,
        };
        let framer = Kinds {
            lines,
            carried: from.carried.clone(),
            forgets,
        };
        Job {
            framer: Box::new(framer),
            ..job
        }
    };
    for at in [0, 40, 50] {
        let told = ends(forgetful(Some(at))).await;
        assert!(told.ends_with("failed books"), "{told}");
    }
    let mut without = from.clone();
    without.books.totals.clear();
    assert!(
        ends(load(&bad, &store, without))
            .await
            .ends_with("failed books")
    );
    let mut less = from.clone();
    less.books.totals[0] = crate::Total::of(LOADED);
    assert!(
        ends(load(&bad, &store, less))
            .await
            .ends_with("failed books")
    );
    assert!(ends(forgetful(None)).await.ends_with("held control.n"));
}

/// Splits a detail at its commas.
struct Commas;

impl crate::Explode<String> for Commas {
    fn parts(
        &self,
        record: &mut String,
        each: &mut dyn FnMut(u32, &mut String) -> bool,
    ) -> Verdict {
        let whole = record.clone();
        let (head, items) = whole.split_once('/').unwrap_or_default();
        for (item, part) in items.split(',').zip(1..) {
            *record = format!("{head}:{item}");
            if !each(part, record) {
                break;
            }
        }
        Verdict::Keep
    }

    fn of_part(&self, part: u32, problem: &mut Problem) {
        problem.field = Some(part.to_string());
    }
}

/// Joins details with `+`.
struct Plus;

impl crate::Join<String> for Plus {
    fn join(&self, records: &[String], whole: &mut String) -> Result<(), Problem> {
        *whole = records.join("+");
        Ok(())
    }
}

/// Operations, rejects, drops and what is added up, of one block with these groups.
fn shaped(rear: Rear<String>, groups: &[u32], input: &str) -> String {
    let mut framer = Kinds {
        lines: Lines {
            buffer: BytesMut::from(input),
            at: crate::Position::START,
        },
        carried: Vec::new(),
        forgets: None,
    };
    let mut block = framer.next_block(true).unwrap().unwrap();
    block.groups = groups.to_vec();
    let out = chain_of(rear).convert(block).unwrap();
    let text = |one: crate::Operation<'_>| String::from_utf8_lossy(one.bytes()).into_owned();
    let operations: Vec<String> = out.operations().map(text).collect();
    let rejects = out.rejects.iter();
    let rejects = rejects.map(|one| format!("{} {}", one.at.ordinal, one.problems[0].code));
    let rejects: Vec<String> = rejects.collect();
    let drops = out.drops.iter().map(|(at, name)| format!("{at} {name}"));
    let drops: Vec<String> = drops.collect();
    let counted = out.amounts.iter().filter(|amount| amount.total == 0);
    let counted: Vec<u64> = counted.map(|amount| amount.ordinal).collect();
    format!("{operations:?} {rejects:?} {drops:?} {counted:?}")
}

#[test]
fn details_may_be_exploded_below_their_header() {
    let rear = Rear::new(Box::new(Text))
        .explode(Box::new(Commas))
        .step(Box::new(Parted));
    assert_eq!(
        shaped(rear, &[], "H1\na,b\nc,no\nd,e\nleave\nT=1\n"),
        r#"["H1:a", "H1:b", "H1:d", "H1:e"] ["2 no"] ["0 header", "4 left", "5 trailer"] [1, 3]"#
    );
}

/// Refuses `no` and drops `leave`.
struct Parted;

impl crate::Step<String> for Parted {
    fn apply(&self, record: &mut String) -> Verdict {
        match record.split_once(':') {
            Some((_, "no")) => Verdict::Reject(vec![Problem::of_record("no", "no")]),
            Some((_, "leave")) => Verdict::Drop("left".into()),
            _ => Verdict::Keep,
        }
    }
}

#[test]
fn details_may_be_joined_below_their_header() {
    let rear = || Rear::new(Box::new(Text)).join(Box::new(Plus));
    assert_eq!(
        shaped(rear(), &[1, 3, 5, 6, 7], "H1\na\nb\nc\nd!\nT=1\ne\n"),
        r#"["H1/a+H1/b", "H1/e"] ["3 group_rejected", "4 wrong"] ["0 header", "5 trailer"] [1, 2, 6]"#
    );
    assert_eq!(
        shaped(rear(), &[2, 4], "a\nH1\nb\nH2!\n"),
        r#"["-/a"] ["2 group_rejected", "3 wrong"] ["1 header"] [0]"#
    );
}

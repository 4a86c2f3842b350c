//! The proof of constant memory: files of any size are generated on the fly, uploaded, processed and run, and what the
//! program takes meanwhile is measured; `benches/memory` builds and starts it.
//!
//! Promises: no file is ever whole in the memory of anybody, and every count is compared with the truth. Exits with 0
//! where all is as promised, 1 where a count differs or memory grows with the file, 2 where it was called wrongly. Whether
//! an aim is reached is told, and is not judged.

mod asked;
mod input;
mod local;
mod report;
mod served;
mod watch;

use asked::{Asked, USAGE};
use benches::machine;
use input::Amount;
use report::Row;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;
use testbed::limit::Limit;
use testbed::process::Sluicegate;

/// How long each step may take: at least, and for each GB.
const DEADLINE_SECONDS: u64 = 600;
const DEADLINE_SECONDS_PER_GB: u64 = 1_800;
/// Bytes of an order, about.
const ORDER_BYTES: u64 = 153;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let asked = match Asked::read(words) {
        Ok(asked) => asked,
        Err(error) => {
            eprint!("memory: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let limit = asked.limit.map(match asked.ulimit {
        true => Limit::of_data,
        false => Limit::of,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    // A program that is killed for its limit breaks whatever was asked of it: that is told, and then why.
    let measured = catch_unwind(AssertUnwindSafe(|| {
        runtime.and_then(|runtime| runtime.block_on(measure(&asked, limit.as_ref())))
    }));
    let kills = limit.as_ref().and_then(Limit::kills);
    if let Some(kills) = kills {
        println!("The kernel has killed {kills} times for the limit.");
    }
    match measured {
        Ok(Ok(true)) if kills.unwrap_or(0) == 0 => ExitCode::SUCCESS,
        Ok(Ok(_)) => {
            println!("Not as promised: see the table.");
            ExitCode::FAILURE
        }
        Ok(Err(error)) => {
            eprintln!("memory: {error}");
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// Measures all that was asked for, and says whether it is as promised.
async fn measure(asked: &Asked, limit: Option<&Limit>) -> std::io::Result<bool> {
    std::fs::create_dir_all(&asked.out)?;
    let note = machine::says();
    println!("{note}");
    let inside = tempfile::tempdir()?;
    let mut binary = asked.binary.clone();
    if let Some(limit) = limit {
        println!("The program is held to {}.", limit.says());
        binary = inside.path().join("sluicegate");
        limit.write_script(&binary, &asked.binary)?;
    }
    let mut rows: Vec<Row> = Vec::new();
    for &amount in &asked.amounts {
        let deadline = deadline(asked, amount);
        let place = || Sluicegate::new(&binary).deadline(deadline);
        rows.extend(local::run(asked, amount, &place()).await);
        let served = served::serve(asked, amount, place(), deadline, limit, &note);
        let (served, chart) = served.await;
        rows.extend(served);
        let name = format!("{}.svg", name(asked, amount));
        std::fs::write(asked.out.join(&name), chart.svg())?;
        println!("{}", report::table(&rows));
    }
    if asked.amounts.len() > 1 {
        let chart = report::sizes(&rows, &note);
        std::fs::write(asked.out.join("sizes.svg"), chart.svg())?;
        println!("{}", report::growth(&rows));
    }
    let out = std::fs::canonicalize(&asked.out)?;
    println!("Charts: {}", out.display());
    Ok(report::holds(&rows))
}

fn deadline(asked: &Asked, amount: Amount) -> Duration {
    let bytes = match amount {
        Amount::Bytes(bytes) => bytes,
        Amount::Records(records) => records * ORDER_BYTES,
    };
    let gigabytes = (bytes * asked.jobs).div_ceil(1_000_000_000);
    Duration::from_secs(DEADLINE_SECONDS + DEADLINE_SECONDS_PER_GB * gigabytes)
}

/// The name of a chart.
fn name(asked: &Asked, amount: Amount) -> String {
    let amount = match amount {
        Amount::Bytes(bytes) => benches::plot::bytes(bytes as f64).replace(' ', ""),
        Amount::Records(records) => format!("{records}-records"),
    };
    let more = [
        (asked.jobs > 1, format!("-{}-jobs", asked.jobs)),
        (asked.one_line, "-one-line".to_owned()),
        (asked.mongodb, "-mongodb".to_owned()),
        (asked.limit.is_some(), "-limited".to_owned()),
    ];
    let more = more.into_iter().filter(|(said, _)| *said);
    more.fold(amount, |name, (_, more)| name + &more)
}

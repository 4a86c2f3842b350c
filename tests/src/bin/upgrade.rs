//! Replaces every process of one version by one of another under load and tells what became of the work;
//! `deploy/upgrade-check` builds and starts it.
//!
//! Exits with 0 where nothing was lost, 1 where something was, 2 where it was called wrongly.

use std::path::PathBuf;
use std::process::ExitCode;

use testbed::crash::{Upgrade, Upgraded, upgrade};

const USAGE: &str = "\
usage: upgrade OLD_PROGRAM NEW_PROGRAM [--records N] [--seed S]

  --records N  records of each file (200000); under 50000, each batch is followed by a pause
  --seed S     the seed of the first file; each later one has the next one (1)
";

/// Files of fewer records are loaded with pauses, so that there is a middle to end in.
const LEAST_RECORDS_WITHOUT_PAUSE: u64 = 50_000;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let asked = match asked(words) {
        Ok(asked) => asked,
        Err(error) => {
            eprint!("upgrade: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("upgrade: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "Two `serve --workers 0` and two `worker` of {}, replaced one by one by those of {}; files of {} records, seed {}.",
        asked.old.display(),
        asked.new.display(),
        asked.records,
        asked.seed
    );
    let told = runtime.block_on(upgrade(&asked));
    tell(&told);
    if told.violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn asked(words: Vec<String>) -> Result<Upgrade, String> {
    let (mut programs, mut records, mut seed) = (Vec::new(), 200_000, 1);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().unwrap_or_default();
            let number = value.parse::<u64>();
            number.map_err(|_| format!("{word} wants a number, not {value:?}"))
        };
        match word.as_str() {
            "--records" => records = number()?.max(1_000),
            "--seed" => seed = number()?,
            _ => programs.push(PathBuf::from(word)),
        }
    }
    let [old, new] = <[PathBuf; 2]>::try_from(programs)
        .map_err(|programs| format!("two programs were wanted, not {}", programs.len()))?;
    for program in [&old, &new] {
        if !program.is_file() {
            return Err(format!("{} is not there", program.display()));
        }
    }
    Ok(Upgrade {
        old,
        new,
        records,
        seed,
        pause: records < LEAST_RECORDS_WITHOUT_PAUSE,
    })
}

fn tell(told: &Upgraded) {
    println!();
    for step in &told.steps {
        let code = step
            .code
            .map_or("no code".to_owned(), |code| code.to_string());
        println!(
            "{:<18} SIGTERM, and it ended with {code} after {:.1} s",
            step.what,
            step.ended_in.as_secs_f64()
        );
    }
    println!(
        "\n{:>10}  files were taken, a job each; {} uploads were sent again",
        told.jobs, told.sent_again
    );
    println!(
        "{:>10}  jobs the old version began and the new one ended",
        told.handed_over
    );
    println!(
        "{:>10}  jobs the new version queued and the old one worked on",
        told.old_on_new
    );
    println!(
        "{:>10}  jobs the old version queued and the new one worked on from the start",
        told.new_on_old
    );
    println!("{:>10}  records", told.records);
    println!("{:>10}  documents they must become", told.expected);
    println!("{:>10}  documents in MongoDB", told.counted);
    println!("{:>10}  missing, double or wrong", told.faults);
    for violation in &told.violations {
        println!("\nNOT as it must be: {violation}");
    }
    println!(
        "\n{}",
        if told.violations.is_empty() {
            "Nothing was lost."
        } else {
            "FAILED."
        }
    );
}

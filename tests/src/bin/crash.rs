//! Plays rounds of disturbed loads and tells what became of them; `tests/crash` builds and starts it.
//!
//! Exits with 0 where every round was as it must be, 1 where one was not, 2 where it was called wrongly.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use testbed::crash::{Fault, Place, Report, Round, Servers, Width, play};

const USAGE: &str = "\
usage: tests/crash [--rounds N] [--records N] [--on PLACE] [--fault FAULT] [--times N] [--seed S] [--report FILE]

  --rounds N    rounds of each fault in each place (1)
  --records N   records of a file (100000); under 50000, each batch is followed by a pause
  --on PLACE    standalone, replica-set, embedded, embedded-s3 or all (all)
  --fault FAULT kill, stall, all-at-once, primary, mongod, s3, mixed or every (every)
  --times N     disturbances of a round (as many as the fault has)
  --seed S      the seed of the first round; each later round has the next one (1)
  --report FILE where the table goes, after every round, besides standard output
  --binary FILE the program (beside this one)
";

/// Files of fewer records are loaded with pauses, so that there is a middle to disturb.
const LEAST_RECORDS_WITHOUT_PAUSE: u64 = 50_000;

struct Asked {
    rounds: u64,
    records: u64,
    places: Vec<Place>,
    faults: Vec<Fault>,
    times: Option<u64>,
    seed: u64,
    report: Option<PathBuf>,
    binary: PathBuf,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let asked = match asked(&args) {
        Ok(asked) => asked,
        Err(error) => {
            eprint!("crash: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("crash: {error}");
            return ExitCode::FAILURE;
        }
    };
    if runtime.block_on(rounds(&asked)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn asked(args: &[String]) -> Result<Asked, String> {
    let mut asked = Asked {
        rounds: 1,
        records: 100_000,
        places: Place::ALL.to_vec(),
        faults: Fault::ALL.to_vec(),
        times: None,
        seed: 1,
        report: None,
        binary: std::env::current_exe()
            .unwrap_or_default()
            .with_file_name("sluicegate"),
    };
    for pair in args.chunks(2) {
        let [name, value] = pair else {
            return Err(format!("{} has no value", pair.concat()));
        };
        let number = || {
            let number = value.parse::<u64>();
            number.map_err(|_| format!("{name} wants a number, not {value}"))
        };
        match name.as_str() {
            "--rounds" => asked.rounds = number()?,
            "--records" => asked.records = number()?,
            "--times" => asked.times = Some(number()?.max(1)),
            "--seed" => asked.seed = number()?,
            "--report" => asked.report = Some(value.into()),
            "--binary" => asked.binary = value.into(),
            "--on" if value == "all" => asked.places = Place::ALL.to_vec(),
            "--on" => {
                let place = Place::ALL.into_iter().find(|place| place.word() == value);
                asked.places = vec![place.ok_or_else(|| format!("there is no place {value}"))?];
            }
            "--fault" if value == "every" => asked.faults = Fault::ALL.to_vec(),
            "--fault" => {
                let fault = Fault::ALL.into_iter().find(|fault| fault.word() == value);
                asked.faults = vec![fault.ok_or_else(|| format!("there is no fault {value}"))?];
            }
            _ => return Err(format!("there is no option {name}")),
        }
    }
    if asked.records < 1_000 {
        return Err("a file of fewer than 1000 records has no middle".to_owned());
    }
    if !asked.binary.exists() {
        return Err(format!("{} is not there", asked.binary.display()));
    }
    Ok(asked)
}

/// Plays every round that was asked for, and says whether all were as they must be.
async fn rounds(asked: &Asked) -> bool {
    let mut report = Report::default();
    let mut seed = asked.seed;
    let mut played = 0;
    for &place in &asked.places {
        let faults = asked.faults.iter().filter(|fault| fault.is_of(place));
        let mut servers = None;
        for &fault in faults {
            for round in 1..=asked.rounds {
                let running = match servers.take() {
                    Some(running) => running,
                    None => Arc::new(Servers::start(place).await),
                };
                let times = asked.times.unwrap_or_else(|| fault.times());
                let outcome = play(running.clone(), asked.round(fault, times, seed)).await;
                eprintln!("round {round} of {}: {}", asked.rounds, outcome.line());
                for violation in &outcome.violations {
                    eprintln!("  {violation}");
                }
                let records = asked.records;
                let again = format!(
                    "tests/crash --rounds 1 --records {records} --on {place} --fault {fault} --times {times} --seed {seed}"
                );
                if !outcome.is_good() {
                    eprintln!("  again: {again}");
                }
                report.add(&outcome, &again);
                asked.keep(&report);
                // After a round that did not end as it must, servers and databases may be in any state.
                servers = outcome.is_good().then_some(running);
                seed += 1;
                played += 1;
            }
        }
    }
    println!("{}", report.text());
    if played == 0 {
        eprintln!("crash: there is no such fault in such a place");
    }
    played > 0 && report.is_good()
}

impl Asked {
    fn round(&self, fault: Fault, times: u64, seed: u64) -> Round {
        Round {
            binary: self.binary.clone(),
            fault,
            times,
            seed,
            records: self.records,
            pause: self.records < LEAST_RECORDS_WITHOUT_PAUSE,
            width: Width::AsItIs,
            limit_bytes: None,
        }
    }

    /// Writes the report so far: a run that is ended early has one too.
    fn keep(&self, report: &Report) {
        if let Some(path) = &self.report
            && let Err(error) = std::fs::write(path, report.text())
        {
            eprintln!("crash: {}: {error}", path.display());
        }
    }
}

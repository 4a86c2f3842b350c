//! Output, memory and signals, shown on a shell.

use super::*;

fn shell() -> Sluicegate {
    Sluicegate::new("/bin/sh").deadline(Duration::from_secs(60))
}

#[tokio::test]
async fn output_code_and_folder_are_kept() {
    let shell = shell().env("GIVEN", "x");
    shell.write("input", "hello\n");
    let ended = shell
        .run(["-c", "cat input; echo $GIVEN; pwd >&2; exit 3"])
        .await;
    assert_eq!((ended.code, ended.signal), (Some(3), None));
    assert_eq!(ended.stdout, "hello\nx\n");
    assert_eq!(
        Path::new(ended.stderr.trim()),
        shell.folder().canonicalize().unwrap()
    );
}

#[tokio::test]
async fn the_environment_is_the_tests_own() {
    let ended = shell().run(["-c", "env"]).await;
    let names: Vec<&str> = ended
        .stdout
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    let allowed = [
        "PATH",
        "TMPDIR",
        "HOME",
        "AWS_EC2_METADATA_DISABLED",
        "PWD",
        "OLDPWD",
        "_",
        "SHLVL",
    ];
    assert!(names.iter().all(|name| allowed.contains(name)), "{names:?}");
}

#[tokio::test]
async fn standard_input_reaches_the_program() {
    let input = vec![b'a'; 1_000_000];
    assert_eq!(
        shell()
            .run_with_stdin(["-c", "wc -c"], input.clone())
            .await
            .stdout
            .trim(),
        "1000000"
    );
    assert_eq!(
        shell().run_with_stdin(["-c", "exit 4"], input).await.code,
        Some(4)
    );
}

#[tokio::test]
async fn peak_memory_is_seen() {
    // The peak comes early and is let go again: a present value would miss it.
    let script = "import time\na = bytearray(64 << 20)\nfor i in range(0, len(a), 4096): a[i] = 1\ndel a\ntime.sleep(0.2)";
    let ended = Sluicegate::new("python3").run(["-c", script]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        (64 << 20..128 << 20).contains(&ended.peak_rss_bytes),
        "{}",
        ended.peak_rss_bytes
    );
}

#[tokio::test]
async fn a_program_is_killed_when_it_has_said_something() {
    let shell = shell();
    let running = shell.start(["-c", "echo one; echo two; exec sleep 600"]);
    let ended = running
        .kill_when(async |running| running.stdout().contains("two"))
        .await;
    assert_eq!((ended.code, ended.signal), (None, Some(9)));
    let ended = shell
        .start(["-c", "exit 5"])
        .kill_when(async |_| false)
        .await;
    assert_eq!(ended.code, Some(5));
}

#[tokio::test]
async fn signals_arrive() {
    let mut running = shell().start([
        "-c",
        "trap 'exit 7' INT; echo up; while :; do sleep 0.01; done",
    ]);
    crate::eventually("up", Duration::from_secs(30), async || {
        running.stdout().contains("up")
    })
    .await;
    running.signal("INT").await;
    assert_eq!(running.end().await.code, Some(7));
}

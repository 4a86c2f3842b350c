//! `deploy.sh` without a cloud: dry runs, and what it refuses before it asks anybody.

use super::cloud::{REGION, deploy, done, elf, words};
use std::fs;
use testbed::process::Sluicegate;

const SECRET: &str = "hunter2";
const PROGRAM: &str = "program";

/// The programs of the machine but for the aws CLI, in a folder of its own.
fn without_aws(place: &Sluicegate) -> String {
    let folder = place.path("programs");
    fs::create_dir(&folder).unwrap();
    let needed = [
        "bash",
        "sh",
        "env",
        "sed",
        "tr",
        "cut",
        "od",
        "mktemp",
        "rm",
        "chmod",
        "cat",
        "grep",
        "tail",
        "sort",
        "comm",
        "cmp",
        "find",
        "dirname",
        "sha256sum",
        "awk",
        "curl",
    ];
    for name in needed {
        let path = std::env::var("PATH").unwrap();
        let found = std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|path| path.exists());
        std::os::unix::fs::symlink(
            found.unwrap_or_else(|| panic!("no {name}")),
            folder.join(name),
        )
        .unwrap();
    }
    folder.display().to_string()
}

#[tokio::test]
async fn a_dry_run_needs_neither_aws_nor_credentials_and_prints_every_call_and_no_secret() {
    let place = Sluicegate::new(deploy().join("deploy.sh"));
    let path = without_aws(&place);
    let place = Sluicegate::new(deploy().join("deploy.sh")).env("PATH", path);
    place.write(PROGRAM, elf(0x3e));
    place.write(
        "service.env",
        format!("MONGODB_URI=mongodb://shop:{SECRET}@10.0.0.5/shop\n"),
    );
    let up = [
        "--from",
        "203.0.113.7/32",
        "--env",
        "service.env",
        "--program",
        PROGRAM,
        "--dry-run",
    ];
    let ended = place.run(words("up", &up)).await;
    let printed = done(&ended);
    let made = [
        "s3api create-bucket",
        "s3api put-public-access-block",
        "s3api put-bucket-encryption",
        "s3api put-bucket-lifecycle-configuration",
        "iam create-role",
        "iam put-role-policy",
        "iam create-instance-profile",
        "iam add-role-to-instance-profile",
        "ec2 create-key-pair",
        "ec2 create-security-group",
        "ec2 authorize-security-group-ingress",
        "ec2 run-instances",
    ];
    let calls: Vec<_> = printed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    for call in made {
        assert!(
            calls
                .iter()
                .any(|line| line.starts_with(&format!("aws {call} "))),
            "{call} in {printed}"
        );
    }
    assert!(
        calls
            .iter()
            .all(|line| line.starts_with("aws ") || line.starts_with("curl ") || line.is_empty()),
        "{printed}"
    );
    assert!(printed.contains("HttpTokens=required") && printed.contains("\"Encrypted\":true"));
    assert!(!(printed.to_owned() + &ended.stderr).contains(SECRET));

    for (command, expected) in [
        (
            "destroy",
            [
                "ec2 terminate-instances",
                "iam delete-role ",
                "s3api delete-bucket",
                "ec2 delete-security-group",
                "ec2 delete-key-pair",
            ]
            .as_slice(),
        ),
        (
            "upgrade",
            ["s3 cp", "iam put-role-policy", "ssh -i"].as_slice(),
        ),
        (
            "status",
            ["ec2 describe-instances", "iam get-instance-profile"].as_slice(),
        ),
    ] {
        let ended = place.run(words(command, &["--dry-run"])).await;
        let printed = done(&ended);
        for call in expected {
            assert!(printed.contains(call), "{command}: {call} in {printed}");
        }
    }
    let ended = place.run(words("status", &[])).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("--dry-run"), "{}", ended.stderr);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_asked() {
    let place = Sluicegate::new(deploy().join("deploy.sh"));
    for (text, what) in [
        ("HOST=0.0.0.0\n", "HOST is not yours"),
        (
            "AWS_SECRET_ACCESS_KEY=hunter2\n",
            "AWS_SECRET_ACCESS_KEY is not yours",
        ),
        ("export MONGODB_URI=hunter2\n", "no NAME=VALUE"),
        ("MONGODB_URI='hunter2'\n", "write it bare"),
        ("PORT=0\n", "PORT must"),
        ("PORT=22\n", "PORT must"),
        ("S3_PREFIX=deploy/x\n", "deploy/"),
        ("S3_PREFIX=*\n", "S3_PREFIX may"),
    ] {
        place.write("bad.env", text);
        let up = ["--from", "203.0.113.7/32", "--env", "bad.env", "--dry-run"];
        let ended = place.run(words("up", &up)).await;
        assert_eq!(ended.code, Some(2), "{text}: {}", ended.stderr);
        assert!(ended.stderr.contains(what), "{text}: {}", ended.stderr);
        assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
    }
    place.write("text", "no program");
    for (arguments, what) in [
        (["up", "--from", "203.0.113.7"], "network"),
        (["up", "--instance-type", "--dry-run"], "wants a value"),
        (["up", "--from", "any"], "network"),
        (["up", "--from", "203.0.113.7/24"], "network"),
        (["up", "--from", "256.0.0.0/8"], "network"),
        (["up", "--from", "10.0.0.0/33"], "network"),
        (["up", "--name", "Main"], "--name"),
        (["up", "--program", "nowhere"], "no file nowhere"),
        (["up", "--colour", "red"], "no option --colour"),
        (["up", "--disk-gib", "1"], "--disk-gib"),
        (["down", "--region", REGION], "no command down"),
    ] {
        let ended = place.run(arguments).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(what),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
    let ended = place
        .run(words("up", &["--dry-run", "--program", "text"]))
        .await;
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("no program for Linux"),
        "{}",
        ended.stderr
    );
    // Nobody said from where: nothing is opened to everybody.
    let ended = place.run(words("up", &["--dry-run"])).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("--from"), "{}", ended.stderr);
}

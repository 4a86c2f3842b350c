//! `deploy.sh` against moto: what it makes, that it makes it once, mends it and removes it, and touches nothing of others.

use super::cloud::{ACCOUNT, Cloud, deploy, done, elf, words, write_program};
use futures::future::join_all;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use testbed::process::Sluicegate;

const SECRET: &str = "hunter2";
const PROGRAM: &str = "program";

fn environment() -> String {
    format!(
        "# of the set-up\nMONGODB_URI=mongodb://shop:{SECRET}@10.0.0.5/shop?a=1&b=2\nPORT=3100\nS3_PREFIX=acme/\n"
    )
}

fn place(cloud: &Cloud) -> Sluicegate {
    let place = cloud.place();
    place.write(PROGRAM, elf(0x3e));
    place.write("service.env", environment());
    fs::create_dir_all(place.path("specs/tables")).unwrap();
    place.write("specs/parcels.toml", "spec = 1\n");
    place.write("specs/tables/countries.csv", "DE,Germany\n");
    place
}

const UP: [&str; 9] = [
    "--from",
    "203.0.113.7/32",
    "--env",
    "service.env",
    "--specs",
    "specs",
    "--program",
    PROGRAM,
    "--no-wait",
];

/// The resources that stand in moto, by what the CLI says of them.
async fn resources(cloud: &Cloud) -> Value {
    let bucket = format!("sluicegate-main-{ACCOUNT}");
    let asked = [
        (
            "machines",
            "ec2 describe-instances --filters Name=tag:sluicegate,Values=main Name=instance-state-name,Values=pending,running,stopping,stopped --query Reservations[].Instances[]",
        ),
        (
            "disks",
            "ec2 describe-volumes --filters Name=tag:sluicegate,Values=main --query Volumes[].[VolumeId,Encrypted,VolumeType,Size]",
        ),
        (
            "groups",
            "ec2 describe-security-groups --filters Name=tag:sluicegate,Values=main --query SecurityGroups[]",
        ),
        (
            "keys",
            "ec2 describe-key-pairs --filters Name=tag:sluicegate,Values=main --query KeyPairs[]",
        ),
        (
            "role",
            "iam get-role --role-name sluicegate-main --query Role.[RoleId,Tags,AssumeRolePolicyDocument]",
        ),
        (
            "policy",
            "iam get-role-policy --role-name sluicegate-main --policy-name sluicegate-main --query PolicyDocument",
        ),
        (
            "profile",
            "iam get-instance-profile --instance-profile-name sluicegate-main --query InstanceProfile.[InstanceProfileId,Tags,Roles[].RoleName]",
        ),
        (
            "public",
            "s3api get-public-access-block --bucket {bucket} --query PublicAccessBlockConfiguration",
        ),
        (
            "encryption",
            "s3api get-bucket-encryption --bucket {bucket} --query ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault",
        ),
        (
            "lifecycle",
            "s3api get-bucket-lifecycle-configuration --bucket {bucket} --query Rules",
        ),
        (
            "versions",
            "s3api get-bucket-versioning --bucket {bucket} --query Status",
        ),
        (
            "tags",
            "s3api get-bucket-tagging --bucket {bucket} --query TagSet",
        ),
        (
            "objects",
            "s3api list-objects-v2 --bucket {bucket} --query Contents[].[Key,ETag]",
        ),
    ];
    let answers = asked.map(async |(part, call)| {
        let answer = cloud.ask(&call.replace("{bucket}", &bucket)).await;
        (part.to_owned(), answer)
    });
    join_all(answers).await.into_iter().collect()
}

fn is_tagged(resource: &Value) {
    let tags = resource.as_array().unwrap();
    assert!(
        tags.contains(&json!({ "Key": "sluicegate", "Value": "main" })),
        "{resource}"
    );
    assert!(
        tags.contains(&json!({ "Key": "Name", "Value": "sluicegate-main" })),
        "{resource}"
    );
}

/// What the policy of `deploy/` says, for this bucket and prefix.
fn policy() -> Value {
    let text = fs::read_to_string(deploy().join("iam-policy.json")).unwrap();
    let bucket = format!("sluicegate-main-{ACCOUNT}");
    let text = text
        .replace("BUCKET/uploads", "BUCKET/acme/uploads")
        .replace("BUCKET", &bucket);
    serde_json::from_str(&text).unwrap()
}

fn check(all: &Value) {
    let machine = &all["machines"][0];
    assert_eq!(all["machines"].as_array().unwrap().len(), 1);
    let metadata = &machine["MetadataOptions"];
    assert_eq!(metadata["HttpTokens"], "required");
    assert_eq!(metadata["HttpPutResponseHopLimit"], 1);
    assert_eq!(machine["State"]["Name"], "running");
    assert_eq!(machine["InstanceType"], "t3.small");
    assert_eq!(machine["KeyName"], "sluicegate-main");
    let profile = machine["IamInstanceProfile"]["Arn"].as_str().unwrap();
    assert!(
        profile.ends_with(":instance-profile/sluicegate-main"),
        "{profile}"
    );
    is_tagged(&machine["Tags"]);
    assert_eq!(all["disks"].as_array().unwrap().len(), 1);
    assert_eq!(all["disks"][0][1], true);
    assert_eq!(all["disks"][0][2], "gp3");
    assert_eq!(all["disks"][0][3], 20);

    let group = &all["groups"][0];
    assert_eq!(machine["SecurityGroups"][0]["GroupId"], group["GroupId"]);
    is_tagged(&group["Tags"]);
    let rules = group["IpPermissions"].as_array().unwrap();
    let open: Vec<_> = rules
        .iter()
        .map(|rule| {
            (
                rule["FromPort"].as_u64(),
                rule["ToPort"].as_u64(),
                &rule["IpRanges"],
            )
        })
        .collect();
    let from = json!([{ "CidrIp": "203.0.113.7/32" }]);
    assert_eq!(
        open,
        [(Some(22), Some(22), &from), (Some(3100), Some(3100), &from)]
    );
    is_tagged(&all["keys"][0]["Tags"]);

    assert_eq!(all["policy"], policy());
    is_tagged(&all["role"][1]);
    let trust = &all["role"][2]["Statement"][0];
    assert_eq!(
        trust["Principal"],
        json!({ "Service": "ec2.amazonaws.com" })
    );
    is_tagged(&all["profile"][1]);
    assert_eq!(all["profile"][2], json!(["sluicegate-main"]));

    let public = all["public"].as_object().unwrap();
    assert!(public.len() == 4 && public.values().all(|blocked| *blocked == true));
    assert_eq!(all["encryption"]["SSEAlgorithm"], "AES256");
    assert_eq!(all["lifecycle"][0]["Status"], "Enabled");
    let abort = &all["lifecycle"][0]["AbortIncompleteMultipartUpload"];
    assert_eq!(abort["DaysAfterInitiation"], 1);
    assert_eq!(all["versions"], Value::Null);
    is_tagged(&all["tags"]);
    let objects = all["objects"].as_array().unwrap();
    let keys: Vec<_> = objects
        .iter()
        .filter_map(|object| object[0].as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "deploy/SHA256SUMS",
            "deploy/sluicegate",
            "deploy/sluicegate.env",
            "deploy/sluicegate.service",
            "deploy/specs/parcels.toml",
            "deploy/specs/tables/countries.csv"
        ]
    );
}

#[tokio::test]
async fn up_makes_everything_once_and_destroy_removes_it() {
    let cloud = Cloud::start().await;
    let place = place(&cloud);
    let up = place.run(words("up", &UP)).await;
    let printed = done(&up).to_owned() + &up.stderr;
    assert!(printed.contains(":3100/healthz"), "{printed}");
    assert!(!printed.contains(SECRET) && !printed.contains("PRIVATE KEY"));
    let all = resources(&cloud).await;
    check(&all);
    let key = place.path(".ssh/sluicegate-main.pem");
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(fs::read_to_string(&key).unwrap().contains("PRIVATE KEY"));

    // Once more, with and without what was said the first time: nothing is made, nothing is other than it was.
    for more in [&UP[..], &["--program", PROGRAM, "--no-wait"]] {
        let again = place.run(words("up", more)).await;
        let told = done(&again);
        assert!(
            told.lines().take(7).all(|line| line.starts_with("there ")),
            "{told}"
        );
        assert_eq!(resources(&cloud).await, all);
    }
    let status = place.run(words("status", &[])).await;
    let told = done(&status);
    assert!(
        told.contains("IMDSv2 required") && !told.contains("missing"),
        "{told}"
    );

    // The bucket holds a file of somebody's: it stays until that is said.
    let bucket = format!("sluicegate-main-{ACCOUNT}");
    cloud
        .ask(&format!(
            "s3api put-object --bucket {bucket} --key acme/uploads/x"
        ))
        .await;
    let destroy = place.run(words("destroy", &[])).await;
    assert_eq!(destroy.code, Some(3), "{}", destroy.stderr);
    assert!(
        destroy.stderr.contains("--delete-data"),
        "{}",
        destroy.stderr
    );
    let left = resources(&cloud).await;
    for part in ["machines", "disks", "groups", "keys"] {
        assert_eq!(left[part], json!([]), "{part}");
    }
    for part in ["role", "policy", "profile"] {
        assert_eq!(left[part], Value::Null, "{part}");
    }
    // No secret stays behind with it.
    assert_eq!(left["objects"].as_array().unwrap().len(), 1);
    let destroy = place.run(words("destroy", &["--delete-data"])).await;
    done(&destroy);
    let buckets = cloud.ask("s3api list-buckets --query Buckets[].Name").await;
    assert_eq!(buckets, json!([cloud.s3().bucket()]));
    let status = place.run(words("status", &[])).await;
    assert_eq!(status.code, Some(1));
    assert!(
        status.stderr.contains("7 of 7 parts are missing"),
        "{}",
        status.stderr
    );
}

#[tokio::test]
async fn up_mends_what_is_missing_or_was_changed() {
    let cloud = Cloud::start().await;
    let place = place(&cloud);
    done(&place.run(words("up", &UP)).await);
    let all = resources(&cloud).await;
    let id = all["machines"][0]["InstanceId"].as_str().unwrap();
    let group = all["groups"][0]["GroupId"].as_str().unwrap();
    let bucket = format!("sluicegate-main-{ACCOUNT}");
    for harm in [
        format!("ec2 modify-instance-metadata-options --instance-id {id} --http-tokens optional --http-put-response-hop-limit 1"),
        format!("ec2 stop-instances --instance-ids {id}"),
        format!("ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 80 --cidr 0.0.0.0/0"),
        format!("ec2 revoke-security-group-ingress --group-id {group} --protocol tcp --port 3100 --cidr 203.0.113.7/32"),
        format!("s3api delete-public-access-block --bucket {bucket}"),
        format!("s3api delete-bucket-lifecycle --bucket {bucket}"),
        "iam put-role-policy --role-name sluicegate-main --policy-name sluicegate-main --policy-document {\"Version\":\"2012-10-17\",\"Statement\":[]}".to_owned(),
        "iam remove-role-from-instance-profile --instance-profile-name sluicegate-main --role-name sluicegate-main".to_owned(),
    ] {
        cloud.ask(&harm).await;
    }
    done(
        &place
            .run(words("up", &["--program", PROGRAM, "--no-wait"]))
            .await,
    );
    let mended = resources(&cloud).await;
    check(&mended);
    assert_eq!(mended["machines"][0]["InstanceId"], id);
    // From elsewhere now, and from there only.
    done(
        &place
            .run(words(
                "up",
                &[
                    "--program",
                    PROGRAM,
                    "--no-wait",
                    "--from",
                    "198.51.100.0/24",
                ],
            ))
            .await,
    );
    let moved = resources(&cloud).await;
    let rules = moved["groups"][0]["IpPermissions"].as_array().unwrap();
    assert_eq!(rules.len(), 2);
    assert!(
        rules
            .iter()
            .all(|rule| rule["IpRanges"] == json!([{ "CidrIp": "198.51.100.0/24" }])),
        "{rules:?}"
    );
}

#[tokio::test]
async fn a_machine_that_holds_the_database_and_a_role_of_anothers_are_not_removed_by_the_way() {
    let cloud = Cloud::start().await;
    let place = cloud.place();
    place.write(PROGRAM, elf(0xb7));
    let up = [
        "--from",
        "203.0.113.7/32",
        "--program",
        PROGRAM,
        "--no-wait",
    ];
    done(&place.run(words("up", &up)).await);
    let before = resources(&cloud).await;
    // The program is for arm64, and so is the machine.
    assert_eq!(before["machines"][0]["InstanceType"], "t4g.small");
    let destroy = place.run(words("destroy", &[])).await;
    assert_eq!(destroy.code, Some(1));
    assert!(
        destroy.stderr.contains("/var/lib/sluicegate"),
        "{}",
        destroy.stderr
    );
    assert_eq!(resources(&cloud).await, before);
    done(&place.run(words("destroy", &["--delete-data"])).await);
    assert_eq!(resources(&cloud).await["machines"], json!([]));

    // A role of that name which is another's: nothing is made with it, and it stays.
    cloud
        .ask("iam create-role --role-name sluicegate-main --assume-role-policy-document {\"Version\":\"2012-10-17\",\"Statement\":[]} --tags Key=sluicegate,Value=other")
        .await;
    let up = place.run(words("up", &up)).await;
    assert_eq!(up.code, Some(1));
    assert!(up.stderr.contains("--name"), "{}", up.stderr);
    let destroy = place.run(words("destroy", &["--delete-data"])).await;
    assert_eq!(destroy.code, Some(1));
    let role = cloud
        .ask("iam get-role --role-name sluicegate-main --query Role.RoleName")
        .await;
    assert_eq!(role, "sluicegate-main");
}

#[tokio::test]
async fn in_another_region_than_the_set_ups_every_command_is_refused_and_touches_nothing() {
    let cloud = Cloud::start().await;
    let place = place(&cloud);
    done(&place.run(words("up", &UP)).await);
    let before = resources(&cloud).await;
    let elsewhere = ["destroy", "--region", "us-east-1", "--delete-data"];
    let refused = async |arguments: &[&str]| {
        let ended = place.run(arguments.iter().copied()).await;
        assert_eq!(ended.code, Some(1), "{}", ended.stdout);
        let said = "is in eu-central-1, not in us-east-1";
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    };
    refused(&elsewhere).await;
    for command in ["status", "upgrade", "up"] {
        refused(&[command, "--region", "us-east-1"]).await;
    }
    assert_eq!(resources(&cloud).await, before);

    // Somebody has removed the bucket by hand: then the role tells.
    let bucket = format!("s3://sluicegate-main-{ACCOUNT}");
    cloud.ask(&format!("s3 rb --force {bucket}")).await;
    refused(&elsewhere).await;
    let left = resources(&cloud).await;
    assert_eq!(left["machines"], before["machines"]);
    assert_eq!(left["role"], before["role"]);
    done(&place.run(words("destroy", &["--delete-data"])).await);
}

#[tokio::test]
async fn what_iam_and_ec2_do_not_know_yet_is_asked_again() {
    let cloud = Cloud::start().await;
    let place = place(&cloud);
    let programs = cloud.programs();
    fs::rename(programs.join("aws"), programs.join("real-aws")).unwrap();
    // Each text twice, as AWS has said them; then the call itself.
    let refusing = r#"#!/usr/bin/env bash
folder=$(dirname "$0")
refuse() {
  local count=$folder/$1
  [ "$(cat "$count" 2>/dev/null | wc -l)" -lt 2 ] || return 0
  echo refused >>"$count"
  echo "An error occurred ($2" >&2
  exit 254
}
case "$1 $2" in
'iam add-role-to-instance-profile') refuse profile 'NoSuchEntity) when calling the AddRoleToInstanceProfile operation' ;;
'ec2 run-instances')
  refuse unknown 'InvalidParameterValue) when calling the RunInstances operation: Value (sluicegate-main) for parameter iamInstanceProfile.name is invalid.'
  refuse empty 'InvalidParameterValue) when calling the RunInstances operation: IAM Instance Profile "arn:aws:iam::1:instance-profile/sluicegate-main" has no associated IAM Roles'
  ;;
esac
exec "$folder/real-aws" "$@"
"#;
    write_program(&programs.join("aws"), refusing);
    write_program(&programs.join("sleep"), "#!/bin/sh\n");
    done(&place.run(words("up", &UP)).await);
    for text in ["profile", "unknown", "empty"] {
        let refused = fs::read_to_string(programs.join(text)).unwrap();
        assert_eq!(refused.lines().count(), 2, "{text}");
    }
    check(&resources(&cloud).await);
}

#[tokio::test]
async fn a_key_pair_of_anothers_is_not_taken_and_none_is_made_that_cannot_be_kept() {
    let cloud = Cloud::start().await;
    let place = place(&cloud);
    let nowhere = ["--key-file", "service.env/key.pem"];
    let up = place.run(words("up", &[&UP[..], &nowhere].concat())).await;
    assert_eq!(up.code, Some(1), "{}", up.stdout);
    assert!(up.stderr.contains("cannot be written"), "{}", up.stderr);
    assert_eq!(resources(&cloud).await["keys"], json!([]));
    cloud
        .ask("ec2 create-key-pair --key-name sluicegate-main")
        .await;
    let up = place.run(words("up", &UP)).await;
    assert_eq!(up.code, Some(1), "{}", up.stdout);
    assert!(up.stderr.contains("key pair"), "{}", up.stderr);
    assert_eq!(resources(&cloud).await["machines"], json!([]));
}

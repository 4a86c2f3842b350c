//! What happens on the machine: user data as EC2 hands it out makes a service that answers, `deploy.sh upgrade` puts another
//! program there, and goes back where that one does not answer.

use super::cloud::{ACCOUNT, Cloud, done, words, write_program};
use super::imitated::Machine;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use testbed::api::Api;
use testbed::mongod::Mongod;
use testbed::process::Sluicegate;
use testbed::watchdog::free_port;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The program without what debuggers read, which is most of it.
fn small_program(place: &Sluicegate) {
    let stripped = Command::new("strip")
        .arg("-o")
        .args([
            &place.path("program"),
            Path::new(env!("CARGO_BIN_EXE_sluicegate")),
        ])
        .status();
    assert!(
        stripped.is_ok_and(|status| status.success()),
        "strip (binutils) fails"
    );
}

/// `up` with these variables; then what EC2 hands to the machine.
async fn up(cloud: &Cloud, place: &Sluicegate, environment: &str) -> String {
    small_program(place);
    place.write("service.env", environment);
    fs::create_dir(place.path("specs")).unwrap();
    place.write("specs/parcels.toml", "spec = 1\nname = \"parcels\"\n[format.csv]\n[fields]\nno = { type = \"string\" }\n[sink.mongodb]\ncollection = \"parcels\"\n");
    let arguments = [
        "--from",
        "203.0.113.7/32",
        "--env",
        "service.env",
        "--specs",
        "specs",
        "--program",
        "program",
        "--no-wait",
    ];
    done(&place.run(words("up", &arguments)).await);
    let machine = cloud
        .ask("ec2 describe-instances --query Reservations[0].Instances[0].InstanceId")
        .await;
    let machine = machine.as_str().unwrap();
    let data = cloud
        .ask(&format!("ec2 describe-instance-attribute --instance-id {machine} --attribute userData --query UserData.Value"))
        .await;
    let decode = Sluicegate::new("base64");
    let decoded = decode
        .run_with_stdin(["-d"], data.as_str().unwrap().into())
        .await;
    done(&decoded).to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn user_data_makes_a_service_that_answers_and_an_upgrade_goes_back_where_the_new_one_does_not()
 {
    let cloud = Cloud::start().await;
    let place = cloud.place();
    let port = free_port();
    let environment = format!("PORT={port}\nS3_PREFIX=acme\nWEBHOOK_SECRET={SECRET}\n");
    let user_data = up(&cloud, &place, &environment).await;
    assert!(
        user_data.starts_with("#!") && !user_data.contains(SECRET),
        "{user_data}"
    );
    let mut machine = Machine::new(&cloud);
    let booted = machine.boot(user_data).await;
    assert_eq!(booted.code, Some(0), "{}", booted.stderr);
    assert_eq!(machine.started, ["serve"]);
    let (key, settings) = (
        machine.path("etc/sluicegate/first-key"),
        machine.path("etc/sluicegate/sluicegate.env"),
    );
    assert_eq!((mode(&key), mode(&settings)), (0o600, 0o640));
    assert!(fs::read_to_string(&settings).unwrap().contains(SECRET));
    assert!(!(booted.stdout + &booted.stderr).contains("sg_"));
    assert!(
        machine
            .path("etc/systemd/system/sluicegate@.service")
            .exists()
    );

    // The key that was left there opens the service, and what comes lands in the set-up's bucket.
    let secret = fs::read_to_string(&key).unwrap();
    let nobody = Api::new(&format!("http://127.0.0.1:{port}"));
    let api = nobody.with_key(secret.trim());
    nobody.get("/jobs").await.is(401);
    api.get("/specs/parcels").await.is(200);
    api.upload("parcels.csv", "", "no\n1\n").await.is(201);
    let bucket = format!("sluicegate-main-{ACCOUNT}");
    let kept = cloud
        .ask(&format!(
            "s3api list-objects-v2 --bucket {bucket} --prefix acme/uploads/ --query Contents[].Key"
        ))
        .await;
    assert_eq!(kept.as_array().unwrap().len(), 1);

    // Something that starts and is not the service, as a program that was built wrongly.
    write_program(&cloud.programs().join("ssh"), &machine.ssh());
    let installed = machine.path("usr/local/bin/sluicegate");
    let before = fs::read(&installed).unwrap();
    fs::copy("/bin/true", place.path("broken")).unwrap();
    let upgrade = words("upgrade", &["--program", "broken", "--no-wait"]);
    let ended = machine.while_running(place.run(upgrade)).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("of before are put back"),
        "{}",
        ended.stderr
    );
    assert!(fs::read(&installed).unwrap() == before);
    api.get("/jobs").await.is(200);

    // Settings that it does not start with, and specs that come with them.
    let well = fs::read_to_string(&settings).unwrap();
    place.write("bad.env", environment.clone() + "WORKERS=many\n");
    fs::create_dir(place.path("bad")).unwrap();
    place.write("bad/crates.toml", "spec = none\n");
    let bad = ["--program", "program", "--env", "bad.env", "--specs", "bad"];
    let upgrade = [&bad[..], &["--no-wait"]].concat();
    let upgrade = machine.while_running(place.run(words("upgrade", &upgrade)));
    let ended = upgrade.await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let said = "of before are put back";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&settings).unwrap(), well);
    assert!(!machine.path("etc/sluicegate/specs/crates.toml").exists());
    api.get("/specs/parcels").await.is(200);

    // And what is right: with another spec, and the same keys.
    place.write(
        "specs/pallets.toml",
        fs::read_to_string(place.path("specs/parcels.toml"))
            .unwrap()
            .replace("parcels", "pallets"),
    );
    let upgrade = words(
        "upgrade",
        &[
            "--program",
            "program",
            "--env",
            "service.env",
            "--specs",
            "specs",
            "--no-wait",
        ],
    );
    let ended = machine.while_running(place.run(upgrade)).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    api.get("/specs/pallets").await.is(200);
    assert_eq!(fs::read_to_string(&key).unwrap(), secret);
}

#[tokio::test]
async fn with_mongodb_the_api_and_the_jobs_are_two_units_and_the_key_lives_there() {
    let cloud = Cloud::start().await;
    let mongod = Mongod::standalone().await;
    let place = cloud.place();
    let port = free_port();
    let environment = format!("PORT={port}\nMONGODB_URI={}\n", mongod.uri());
    let user_data = up(&cloud, &place, &environment).await;
    let mut machine = Machine::new(&cloud);
    // A worker that dies at its start, here because its port is taken: the API is not started beside it.
    let taken = TcpListener::bind(("127.0.0.1", machine.metrics_port)).unwrap();
    let booted = machine.boot(user_data.clone()).await;
    assert_eq!(booted.code, Some(1), "{}", booted.stderr);
    assert!(
        booted.stderr.contains("sluicegate-refresh"),
        "{}",
        booted.stderr
    );
    assert_eq!(machine.started, ["worker"]);
    // Its cause is mended: what is there by then is the way on.
    drop(taken);
    let booted = machine.refresh().await;
    assert_eq!(booted.code, Some(0), "{}", booted.stderr);
    assert_eq!(machine.started, ["worker", "worker", "serve"]);
    let asked = fs::read_to_string(machine.path("systemctl.log")).unwrap();
    let resets = asked.matches("reset-failed sluicegate@").count();
    assert_eq!(resets, 3, "{asked}");
    let worker = fs::read_to_string(machine.path("etc/sluicegate/worker.env")).unwrap();
    assert_eq!(worker, format!("METRICS_PORT={}\n", machine.metrics_port));
    let serve = fs::read_to_string(machine.path("etc/sluicegate/serve.env")).unwrap();
    assert_eq!(serve, "WORKERS=0\n");
    let key = fs::read_to_string(machine.path("etc/sluicegate/first-key")).unwrap();
    let api = Api::new(&format!("http://127.0.0.1:{port}")).with_key(key.trim());
    api.get("/jobs").await.is(200);
    // Another machine on the same store finds the key that is there, and makes none.
    let mut other = Machine::new(&cloud);
    drop(machine);
    let booted = other.boot(user_data).await;
    assert_eq!(booted.code, Some(0), "{}", booted.stderr);
    assert!(!other.path("etc/sluicegate/first-key").exists());
    api.get("/jobs").await.is(200);
}

//! The connection: what a connection string may say, and what stands in no message.

use super::wire::reason;
use mongodb::bson::doc;
use mongodb::error::ErrorKind;
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use pipeline::Fatal;
use std::time::Duration;

/// The database where the connection string names none.
const DEFAULT_DATABASE: &str = "sluicegate";
/// How long a server is looked for before a try has failed, in milliseconds.
const SERVER_SELECTION_TIMEOUT_MS: u64 = 10_000;
/// How long a connection may take to stand, in milliseconds.
const CONNECT_TIMEOUT_MS: u64 = 5_000;
/// The most connections to one server.
const MAX_CONNECTIONS: u32 = 32;
/// MongoDB 5.0, the first that stores every name (`$`, dots) as it is.
const MIN_WIRE_VERSION: i32 = 13;

/// Connects, and makes sure that the server answers and is new enough. Returns the client and the name of the
/// database that `uri` says.
pub(super) async fn connect(uri: &str) -> Result<(Client, String), Fatal> {
    let mut options = ClientOptions::parse(uri).await.map_err(|error| {
        let message = redact(&reason(&error), uri);
        match *error.kind {
            ErrorKind::DnsResolve { .. } => Fatal::outage(
                "target_unavailable",
                format!("the servers of MongoDB cannot be looked up: {message}"),
            ),
            _ => Fatal::new(
                "bad_uri",
                format!("the connection string of MongoDB is not understood: {message}"),
            ),
        }
    })?;
    let name = options
        .default_database
        .clone()
        .unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
    if name.ends_with("_state") {
        let message =
            format!("the database `{name}` is reserved: names that end with `_state` are");
        return Err(Fatal::new("reserved_database", message)
            .hint("name another database in the connection string"));
    }
    options
        .app_name
        .get_or_insert_with(|| "sluicegate".to_owned());
    options.max_pool_size.get_or_insert(MAX_CONNECTIONS);
    options
        .server_selection_timeout
        .get_or_insert(Duration::from_millis(SERVER_SELECTION_TIMEOUT_MS));
    options
        .connect_timeout
        .get_or_insert(Duration::from_millis(CONNECT_TIMEOUT_MS));
    let client = Client::with_options(options).map_err(|error| {
        let message = redact(&reason(&error), uri);
        Fatal::new("bad_uri", format!("MongoDB cannot be reached: {message}"))
    })?;
    let database = client.database(&name);
    check_version(&database, uri).await?;
    Ok((client, name))
}

async fn check_version(database: &Database, uri: &str) -> Result<(), Fatal> {
    let hello = database.run_command(doc! { "hello": 1 }).await;
    let hello = hello.map_err(|error| {
        let message = redact(&reason(&error), uri);
        match *error.kind {
            ErrorKind::Authentication { .. } => Fatal::new(
                "target_refused",
                format!("MongoDB refuses the credentials: {message}"),
            ),
            _ => {
                let (place, message) = (shown(uri), brief(&message));
                let message = format!("MongoDB does not answer at {place}: {message}");
                Fatal::outage("target_unavailable", message)
            }
        }
    })?;
    let version = hello.get_i32("maxWireVersion").unwrap_or_default();
    if version < MIN_WIRE_VERSION {
        let message = "the server is older than MongoDB 5.0";
        return Err(Fatal::new("target_too_old", message));
    }
    Ok(())
}

/// `HOSTS/DATABASE` of a connection string: never user, password or options.
pub fn shown(uri: &str) -> String {
    let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let place = after_scheme
        .rsplit_once('@')
        .map_or(after_scheme, |(_, place)| place);
    let place = place.split('?').next().unwrap_or_default();
    match place.split_once('/') {
        Some((hosts, database)) if !database.is_empty() => format!("{hosts}/{database}"),
        Some((hosts, _)) => format!("{hosts}/{DEFAULT_DATABASE}"),
        None => format!("{place}/{DEFAULT_DATABASE}"),
    }
}

/// Why no server was found, without the driver's description of all that it knows: the first server's own error.
fn brief(message: &str) -> &str {
    let Some((head, topology)) = message.split_once(" Topology: ") else {
        return message;
    };
    let error = topology.split_once("Error: Kind: ").map(|(_, error)| error);
    let error = error.and_then(|error| error.split(", labels").next());
    error.unwrap_or(head)
}

/// `text` without what `uri` holds of user and password.
fn redact(text: &str, uri: &str) -> String {
    let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    // A password that was not escaped may hold `/` and `@`: everything up to the last `@` may be secret.
    let Some((secret, _)) = after_scheme.rsplit_once('@') else {
        return text.to_owned();
    };
    let (user, password) = secret.split_once(':').unwrap_or((secret, ""));
    let mut clean = text.to_owned();
    for part in [secret, password, user] {
        if !part.is_empty() {
            clean = clean.replace(part, "***");
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(uri: &str, text: &str, expected: &str) {
        assert_eq!(redact(text, uri), expected);
    }

    #[test]
    fn secrets_stand_in_no_message() {
        let uri = "mongodb://zoe9:s3cr/et@db.example.com/x";
        check(uri, "zoe9:s3cr/et is wrong", "*** is wrong");
        check(uri, "s3cr/et is wrong for zoe9", "*** is wrong for ***");
        check(uri, "no host db.example.com", "no host db.example.com");
        check("mongodb://h/x?a=b", "a=b", "a=b");
        check("mongodb://a:p@q@h/x", "p@q", "***");
    }

    #[test]
    fn a_place_is_shown_without_secrets() {
        for (uri, expected) in [
            ("mongodb://zoe9:s3cr/et@h:1,i:2/shop?w=1", "h:1,i:2/shop"),
            ("mongodb+srv://db.example.com", "db.example.com/sluicegate"),
            ("mongodb://h/?w=1", "h/sluicegate"),
        ] {
            assert_eq!(shown(uri), expected);
        }
    }

    async fn refused(uri: &str) -> Fatal {
        match connect(uri).await {
            Ok(_) => panic!("{uri} is refused"),
            Err(fatal) => fatal,
        }
    }

    #[tokio::test]
    async fn what_cannot_be_connected_to_is_told() {
        for uri in [
            "",
            "orders",
            "mongodb://",
            "mongodb://zoe9:s3cr/et@h/x",
            "mongodb://zoe9:s3cret@h/x?w=-1",
            "mongodb://zoe9:s3cret@h:port/x",
        ] {
            let fatal = refused(uri).await;
            assert_eq!(fatal.code, "bad_uri", "{uri}");
            let told = format!("{fatal:?}");
            assert!(!told.contains("s3cr") && !told.contains("zoe9"), "{told}");
        }
        let fatal = refused("mongodb://127.0.0.1:1/a_state").await;
        assert_eq!(fatal.code, "reserved_database");
        let fatal = refused("mongodb://127.0.0.1:1/a?serverSelectionTimeoutMS=50").await;
        assert_eq!(fatal.code, "target_unavailable");
        let told = &fatal.message;
        assert!(
            told.contains("127.0.0.1:1/a: ") && !told.contains("Topology"),
            "{told}"
        );
        assert!(told.contains("refused"), "{told}");
        assert_eq!(fatal.retry, pipeline::Retry::Outage);
    }
}

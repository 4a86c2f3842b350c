//! From a request to its answer: the route is found, the caller allowed, the query judged, the handler run.
//!
//! A handler runs in a task of its own: one that panics answers 500, and one that changes something goes on when its
//! client goes away; one that only reads ends with its client. Nothing here knows what a route means.

use super::access::{self, Caller};
use super::answer::Response;
use super::live::TICKET;
use super::observed::Observed;
use super::openapi;
use super::problem::Problem;
use super::query::Query;
use super::request::{Call, PathParams, RequestBody};
use super::route::{Access, Alias, Patience, Route};
use super::upgrade;
use crate::id::{Entropy, Id};
use crate::service::Service;
use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{Method, Version};
use matchit::Router;
use pipeline::Fatal;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::{Instrument as _, Span};

/// For how long a route may take to begin its answer, uploads and routes that wait on purpose apart.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The prefix that names from other systems have.
const PREFIX: &str = "/api";

/// The HTTP interface: its routes, and what they work on.
pub struct Http {
    service: Service,
    router: Router<Methods>,
    openapi: Bytes,
    /// Whether it may be asked by any name where no key is configured.
    any_host: bool,
    /// Requests that run on without their clients.
    pub(super) tasks: TaskTracker,
    /// Cancelled when the service shuts down.
    pub(super) stop: CancellationToken,
}

/// What answers at a path, by method.
type Methods = BTreeMap<&'static str, Target>;

/// A route, and the parameters that a path without any gives it: `/specs/check` is `/specs/{name}` too, for methods
/// that it has not itself.
#[derive(Clone)]
struct Target {
    route: &'static Route,
    given: Vec<(&'static str, &'static str)>,
}

impl Http {
    /// The interface with these routes. `stop` ends waiting requests, and then the server.
    ///
    /// # Errors
    /// `internal`, when two routes have one path.
    pub fn new(
        service: Service,
        table: &'static [Route],
        aliases: &'static [Alias],
        stop: CancellationToken,
    ) -> Result<Self, Fatal> {
        let mut paths: BTreeMap<&'static str, Methods> = BTreeMap::new();
        let mut enter = |path, route: &'static Route| {
            let given = Vec::new();
            let methods = paths.entry(path).or_default();
            methods.insert(method(&route.method), Target { route, given });
        };
        for route in table {
            enter(route.path, route);
        }
        for alias in aliases {
            let is_meant = |route: &&Route| route.path == alias.of && route.method == alias.method;
            let route = table.iter().find(is_meant).ok_or_else(|| {
                Fatal::new(
                    "internal",
                    format!("{} is the alias of no route", alias.path),
                )
            })?;
            enter(alias.path, route);
        }
        share(&mut paths);
        let mut router = Router::new();
        for (path, routes) in paths {
            router.insert(path, routes).map_err(|error| {
                Fatal::new("internal", format!("{path} cannot be routed")).because(&error)
            })?;
        }
        let openapi = openapi::document(table, aliases).to_string().into();
        Ok(Self {
            service,
            router,
            openapi,
            any_host: false,
            tasks: TaskTracker::new(),
            stop,
        })
    }

    /// The same; where `is` so it answers to any name, though no key is configured.
    #[must_use]
    pub fn for_any_host(self, is: bool) -> Self {
        Self {
            any_host: is,
            ..self
        }
    }

    /// Where chance comes from.
    pub(super) fn entropy(&self) -> &(dyn Entropy + 'static) {
        &*self.service.entropy
    }

    /// Answers a request. Its id and its span were made around it; what the span says beyond them is filled in here.
    pub async fn answer(
        &self,
        parts: Parts,
        body: RequestBody,
        address: IpAddr,
        request_id: &str,
    ) -> Response {
        let mut observed = Observed::new(&self.service.metrics, method(&parts.method));
        let answered = self.run(parts, body, address, &mut observed).await;
        let response = answered.unwrap_or_else(|problem| {
            observed.code = Some(problem.code());
            problem.answer(request_id)
        });
        observed.status = Some(response.status().as_u16());
        response
    }

    async fn run(
        &self,
        parts: Parts,
        body: RequestBody,
        address: IpAddr,
        observed: &mut Observed<'_>,
    ) -> Result<Response, Problem> {
        one_host(&parts)?;
        let (route, path) = self.find(&parts.method, parts.uri.path())?;
        observed.route = Some(route);
        let span = Span::current();
        span.record("route", route.path);
        record_ids(&span, &path);
        let (service, operation) = (&self.service, route.operation);
        let query = || Query::read(parts.uri.query().unwrap_or_default(), operation.query);
        let (caller, query) = match route.access {
            Access::Open => (Caller::ANYBODY, query()),
            Access::Key => {
                let caller = access::caller(&service.authority, &parts, self.any_host).await?;
                (caller, query())
            }
            Access::Observer => {
                let caller = access::observer(&service.authority, &parts, self.any_host).await?;
                (caller, query())
            }
            Access::Ticket => {
                let query = query()?;
                let ticket = query.get(TICKET.name);
                let (head, any_host) = (operation.head, self.any_host);
                let caller = access::watcher(service, &parts, ticket, head, any_host).await?;
                (caller, Ok(query))
            }
        };
        span.record("tenant", caller.tenant.name());
        let query = query?;
        let is_read = matches!(parts.method, Method::GET | Method::HEAD);
        let can_upgrade = upgrade::is_possible(&parts);
        let call = Call {
            service: self.service.clone(),
            caller,
            address,
            headers: parts.headers,
            query,
            path,
            body,
            can_upgrade,
            stop: self.stop.clone(),
            openapi: self.openapi.clone(),
        };
        let task = self.tasks.spawn((operation.run)(call).instrument(span));
        let task = if is_read {
            Running::Read(AbortOnDropHandle::new(task))
        } else {
            Running::Change(task)
        };
        let ended = match operation.patience {
            Patience::Long => task.ended().await,
            Patience::Short => tokio::time::timeout(ANSWER_TIMEOUT, task.ended())
                .await
                .map_err(|_| Problem::new("timeout", "the service did not answer in time"))?,
        };
        // Where it panicked is in the log.
        ended.unwrap_or_else(|_| Err(Fatal::new("internal", "a request's task ended").into()))
    }

    /// The route of a path, as it is or below `/api`, and the path's parameters.
    fn find(&self, wanted: &Method, path: &str) -> Result<(&'static Route, PathParams), Problem> {
        let bare = path
            .strip_prefix(PREFIX)
            .filter(|bare| bare.starts_with('/'));
        let found = self.router.at(path).ok();
        let found = found.or_else(|| self.router.at(bare?).ok());
        let found = found.ok_or_else(|| {
            Problem::new(
                "no_route",
                "there is no such path; GET /openapi.json lists all",
            )
        })?;
        // What answers GET answers HEAD: the server leaves the body out.
        let name = match *wanted {
            Method::HEAD => "GET",
            ref other => method(other),
        };
        match found.value.get(name) {
            Some(Target { route, given }) => {
                let params = found.params.iter().chain(given.iter().copied());
                let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
                Ok((route, params.collect()))
            }
            None => {
                let mut allow: Vec<&str> = found.value.keys().copied().collect();
                if allow.contains(&"GET") {
                    allow.push("HEAD");
                }
                Err(Problem::method_not_allowed(&allow.join(", ")))
            }
        }
    }
}

/// Notes which job and which file a path names, where these are ids: anything may stand there.
fn record_ids(span: &Span, path: &[(String, String)]) {
    for (name, value) in path.iter().filter(|(_, value)| value.parse::<Id>().is_ok()) {
        match &**name {
            "jobId" => span.record("job_id", value),
            "fileId" => span.record("file_id", value),
            _ => continue,
        };
    }
}

/// Gives paths without parameters the methods of patterns that they match, which the router would hide.
fn share(paths: &mut BTreeMap<&'static str, Methods>) {
    let patterns: Vec<_> = paths
        .iter()
        .filter(|(path, _)| path.contains('{'))
        .map(|(path, methods)| (*path, methods.clone()))
        .collect();
    for (path, methods) in paths.iter_mut().filter(|(path, _)| !path.contains('{')) {
        for (pattern, others) in &patterns {
            let Some(given) = matched(pattern, path) else {
                continue;
            };
            for (method, target) in others {
                methods.entry(method).or_insert_with(|| Target {
                    route: target.route,
                    given: given.clone(),
                });
            }
        }
    }
}

/// The parameters of `path` by `pattern`, where it matches.
fn matched(pattern: &'static str, path: &'static str) -> Option<Vec<(&'static str, &'static str)>> {
    let mut given = Vec::new();
    let (mut wanted, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), segments.next()) {
            (None, None) => return Some(given),
            (Some(wanted), Some(segment)) => {
                let name = wanted
                    .strip_prefix('{')
                    .and_then(|name| name.strip_suffix('}'));
                match name {
                    // No word is an id: `/files/upload` is no file.
                    Some("fileId" | "jobId") => return None,
                    Some(name) => given.push((name, segment)),
                    None if wanted == segment => {}
                    None => return None,
                }
            }
            _ => return None,
        }
    }
}

/// The methods that routes have; all others are one, which no route has.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        _ => "",
    }
}

/// A request of HTTP/1.1 names its host once: proxies that disagree about it are how requests are smuggled.
fn one_host(parts: &Parts) -> Result<(), Problem> {
    let hosts = parts.headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && parts.version == Version::HTTP_11) {
        return Err(Problem::new(
            "bad_request",
            "the request must name one host",
        ));
    }
    Ok(())
}

/// A handler at work.
enum Running {
    /// It changes nothing: without its client it ends.
    Read(AbortOnDropHandle<Result<Response, Problem>>),
    /// It goes on without its client.
    Change(tokio::task::JoinHandle<Result<Response, Problem>>),
}

impl Running {
    async fn ended(self) -> Result<Result<Response, Problem>, tokio::task::JoinError> {
        match self {
            Self::Read(task) => task.await,
            Self::Change(task) => task.await,
        }
    }
}

//! Registering a tenant's spec, and telling what is wrong with one.

use super::list::Item;
use super::{Catalog, MAX_PATTERN_BYTES, SINK_HINT, blocking};
use crate::specs::{MAX_VERSIONS, Owner, Put};
use crate::tenant::Tenant;
use pipeline::Fatal;
use stages::plan::{Defaults, Plan};
use stages::spec::{Problem, Problems, SinkSpec, Spec};
use stages::step::bind::FieldSpec;

/// What came of a put.
#[derive(Debug)]
pub enum PutOutcome {
    /// It is new.
    New(Item),
    /// The same text was registered before.
    Identical(Item),
    /// `bad_spec`: it has problems, each at its place.
    Refused(Box<Problems>),
}

/// What a check says.
#[derive(Debug)]
pub enum CheckOutcome {
    /// Nothing is wrong.
    Good(Checked),
    /// Every problem, at its place.
    Bad(Box<Problems>),
}

/// A text without problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// The hash of the text, in hexadecimal digits.
    pub sha256: String,
    /// The names of its fields, in the order in which they are written.
    pub fields: Vec<String>,
    /// How many steps follow them.
    pub steps: usize,
    /// How many tests it has.
    pub tests: usize,
    /// What a put would meet.
    pub registry: Registry,
}

/// What a put of a text would meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registry {
    /// Nothing: it would be new.
    New,
    /// The same text under its name and version.
    Identical,
    /// Another text under its name and version.
    VersionExists,
    /// A spec of the operator's with its name.
    NameTaken,
}

impl Registry {
    /// Its word in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Identical => "identical",
            Self::VersionExists => "version_exists",
            Self::NameTaken => "name_taken",
        }
    }
}

impl Catalog {
    /// Registers `text` under `name`, which must be the name that it gives itself.
    ///
    /// # Errors
    /// `name_mismatch`; `name_taken`, where the operator has a spec of this name; `version_exists`, where another text
    /// has this version; `specs_full`; `specs_unreadable`; outages.
    pub async fn put(&self, tenant: &Tenant, name: &str, text: &str) -> Result<PutOutcome, Fatal> {
        let plan = match self.judge(tenant, text).await? {
            Ok(plan) => plan,
            Err(problems) => return Ok(PutOutcome::Refused(problems)),
        };
        if plan.name != name {
            let message = format!(
                "the text calls itself `{}`, not what the route says",
                plan.name
            );
            return Err(Fatal::new("name_mismatch", message)
                .hint(format!("put it to /specs/{}, or change `name`", plan.name)));
        }
        if self.look().await?.holds(name) {
            let message = format!("`{name}` is a spec of the operator's");
            return Err(Fatal::new("name_taken", message).hint("give it another name"));
        }
        let owner = Owner::Tenant(tenant);
        let put = self
            .specs
            .put(owner, name, plan.version, &plan.sha256, text);
        match put.await? {
            Put::New(made) => Ok(PutOutcome::New(Item::registered(made))),
            Put::Identical(there) => Ok(PutOutcome::Identical(Item::registered(there))),
            Put::Other(there) => {
                let highest = self.specs.get(owner, name, None).await?;
                let highest = highest.map_or(there.version, |highest| highest.version);
                let message = format!("{} is registered with another text", plan.reference());
                let fatal = Fatal::new("version_exists", message);
                Err(match highest.checked_add(1) {
                    Some(next) => {
                        fatal.hint(format!("a version never changes: version = {next} is free"))
                    }
                    None => fatal.hint("a version never changes"),
                })
            }
            Put::Full => Err(full()),
        }
    }

    /// Every problem of `text` as a spec of a tenant's, or what it is.
    ///
    /// # Errors
    /// `specs_unreadable`; outages.
    pub async fn check(&self, tenant: &Tenant, text: &str) -> Result<CheckOutcome, Fatal> {
        let plan = match self.judge(tenant, text).await? {
            Ok(plan) => plan,
            Err(problems) => return Ok(CheckOutcome::Bad(problems)),
        };
        let registry = if self.look().await?.holds(&plan.name) {
            Registry::NameTaken
        } else {
            let owner = Owner::Tenant(tenant);
            let there = self
                .specs
                .get(owner, &plan.name, Some(plan.version))
                .await?;
            match there {
                None => Registry::New,
                Some(there) if there.sha256 == plan.sha256 => Registry::Identical,
                Some(_) => Registry::VersionExists,
            }
        };
        let fields = plan.schema.fields.iter();
        Ok(CheckOutcome::Good(Checked {
            fields: fields.map(|field| field.name.to_string()).collect(),
            steps: plan.step_count(),
            tests: plan.tests.len(),
            name: plan.name,
            version: plan.version,
            sha256: plan.sha256,
            registry,
        }))
    }

    async fn judge(
        &self,
        tenant: &Tenant,
        text: &str,
    ) -> Result<Result<Plan, Box<Problems>>, Fatal> {
        let (tenant, text, defaults) = (tenant.clone(), text.to_owned(), self.defaults);
        blocking(move || judge(&tenant, &text, defaults)).await
    }
}

/// The plan of a tenant's text, or every problem of it.
fn judge(tenant: &Tenant, text: &str, defaults: Defaults) -> Result<Plan, Box<Problems>> {
    const NAME: &str = "spec";
    let (spec, read) = stages::spec::read::<Spec>(NAME, text);
    let forbidden = forbidden(tenant, &spec);
    // Whether there is a secret that is not the tenant's is not told.
    let planned = Plan::read_changed(NAME, text, defaults, None, |spec| {
        forget_salts(tenant, spec)
    });
    match planned {
        Ok(plan) if forbidden.is_empty() => Ok(plan),
        planned => {
            // A text that can be planned has no problems of reading: these are all.
            let mut problems = planned.err().unwrap_or_else(|| Box::new(read));
            forbidden
                .into_iter()
                .for_each(|problem| problems.push(problem));
            Err(problems)
        }
    }
}

/// What only the operator may write.
fn forbidden(tenant: &Tenant, spec: &Spec) -> Vec<Problem> {
    let mut found = Vec::new();
    for (name, field) in spec.fields.iter().flat_map(|fields| &fields.0) {
        if salt_of(field).is_some_and(|salt| !is_own_salt(tenant, salt)) {
            let path = format!("fields.{name}.hash.salt");
            let problem = Problem::new(path, "secret_not_allowed", salt_not_allowed(tenant));
            found.push(problem.hint(SALT_HINT));
        }
    }
    let sink = match &spec.sink {
        None | Some(SinkSpec::Mongodb(_)) => None,
        Some(SinkSpec::Sqlite(_)) => Some("sqlite"),
        Some(SinkSpec::Jsonl(_)) => Some("jsonl"),
        Some(SinkSpec::Csv(_)) => Some("csv"),
        Some(SinkSpec::Null(_)) => Some("null"),
    };
    if let Some(sink) = sink {
        let message = format!("a tenant's spec may not write to [sink.{sink}]");
        let problem = Problem::new(format!("sink.{sink}"), "sink_not_allowed", message);
        found.push(problem.at_key().hint(SINK_HINT));
    }
    let patterns = spec.input.as_ref().and_then(|input| input.matches.as_ref());
    let bytes: usize = patterns.into_iter().flatten().map(String::len).sum();
    if bytes > MAX_PATTERN_BYTES {
        let message =
            format!("the patterns have {bytes} bytes, at most {MAX_PATTERN_BYTES} are taken");
        found.push(Problem::new("input.match", "out_of_range", message));
    }
    found
}

/// What to do about the salt of somebody else.
pub(super) const SALT_HINT: &str =
    "the operator sets the variable; other salts are for the operator's files in SPECS_DIR";

/// Whether a spec of this tenant's may take its salt from the variable: where there are tenants, each has its own.
pub(super) fn is_own_salt(tenant: &Tenant, variable: &str) -> bool {
    variable.starts_with(&salts_begin(tenant))
}

pub(super) fn salt_not_allowed(tenant: &Tenant) -> String {
    format!(
        "a tenant's spec takes salts from variables that begin with {}",
        salts_begin(tenant)
    )
}

fn salts_begin(tenant: &Tenant) -> String {
    match tenant.name() {
        None => "SALT_".to_owned(),
        Some(name) => format!("SALT_{}_", name.to_ascii_uppercase()),
    }
}

/// The variable that holds the salt of a field.
fn salt_of(field: &FieldSpec) -> Option<&str> {
    field.hash.as_ref()?.salt.as_deref()?.strip_prefix("env:")
}

/// Lets the fields with somebody else's salt be as sensitive without it.
fn forget_salts(tenant: &Tenant, spec: &mut Spec) {
    for (_, field) in spec.fields.iter_mut().flat_map(|fields| &mut fields.0) {
        if salt_of(field).is_some_and(|salt| !is_own_salt(tenant, salt)) {
            field.hash = None;
            field.sensitive = Some(true);
        }
    }
}

/// The registry takes no more.
pub(super) fn full() -> Fatal {
    let message =
        format!("{MAX_VERSIONS} versions of specs are registered, and none is ever removed");
    Fatal::new("specs_full", message)
}

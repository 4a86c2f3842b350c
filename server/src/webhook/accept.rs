//! Whether anything can be told, and whether a URL that somebody names may be: judged when it is asked for.

use super::target::Target;
use crate::config::Config;
use pipeline::Fatal;

/// Judges a URL by what it says itself; what its name stands for is judged when it is connected to.
///
/// # Errors
/// `webhooks_off`, where nothing could be signed; `bad_callback`.
pub fn accept(config: &Config, url: &str) -> Result<(), Fatal> {
    signs(config).map_err(|off| {
        off.hint("the operator sets WEBHOOK_SECRET (whsec_ and base64 of 24 to 64 bytes); or leave callbackUrl out")
    })?;
    accept_default(config, url)
}

/// The same of a URL that is kept for jobs to come: whoever keeps it need not be able to sign.
///
/// # Errors
/// `bad_callback`.
pub fn accept_default(config: &Config, url: &str) -> Result<(), Fatal> {
    Target::parse(url, &config.webhook_allow).map(drop)
}

/// Judges whether this process can sign messages: without a secret, none is sent.
///
/// # Errors
/// `webhooks_off`.
pub fn signs(config: &Config) -> Result<(), Fatal> {
    if config.webhook_secret.is_some() {
        return Ok(());
    }
    let message = "the service sends no webhooks: it has no secret to sign them with";
    Err(Fatal::new("webhooks_off", message).hint(
        "the operator sets WEBHOOK_SECRET (whsec_ and base64 of 24 to 64 bytes); until then messages wait",
    ))
}

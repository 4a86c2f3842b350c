//! Whether a URL that somebody names may be told anything: judged when it is named.

use super::target::Target;
use crate::config::Config;
use pipeline::Fatal;

/// Judges a URL by what it says itself; what its name stands for is judged when it is connected to.
///
/// # Errors
/// `webhooks_off`, where nothing could be signed; `bad_callback`.
pub fn accept(config: &Config, url: &str) -> Result<(), Fatal> {
    if config.webhook_secret.is_none() {
        let message = "the service sends no webhooks: it has no secret to sign them with";
        return Err(Fatal::new("webhooks_off", message).hint(
            "the operator sets WEBHOOK_SECRET (whsec_ and base64 of 24 to 64 bytes); or leave callbackUrl out",
        ));
    }
    Target::parse(url, &config.webhook_allow).map(drop)
}

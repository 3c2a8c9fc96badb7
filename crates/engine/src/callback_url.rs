//! Whether a callback URL of an environment's own leads to this server: asked before it is saved,
//! because a wrong one breaks every authorization from that moment on.

use std::time::Duration;

use url::Url;
use valetkey_egress::{Redirects, Request};

use crate::engine::Engine;
use crate::environment_settings;

/// The query parameter of a probe. Our callback answers it with a header of the same name.
pub const PROBE: &str = "valetkey_probe";
/// The header of the answer.
pub const PROBE_HEADER: &str = "valetkey-probe";
/// How long a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// Characters of what a probe has to bring back.
const NONCE_CHARACTERS: usize = 24;

impl Engine {
    /// Where providers send browsers when an environment has no callback URL of its own.
    pub fn own_callback_url(&self) -> String {
        format!("{}/oauth/callback", self.settings.public_url)
    }

    /// Asks whether a callback URL leads here: by a 308 to our own one that keeps the query, or
    /// because it is served by us under another name.
    ///
    /// # Errors
    /// A sentence that says what came instead, for people.
    pub async fn probe_callback_url(&self, text: &str) -> Result<(), String> {
        let mut url = environment_settings::url(text)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err("Expected a URL without a query and without a fragment.".to_owned());
        }
        let nonce = self.rng.alphanumeric(NONCE_CHARACTERS);
        url.query_pairs_mut().append_pair(PROBE, &nonce);
        let request = Request {
            method: http::Method::GET,
            url,
            headers: Vec::new(),
            body: Vec::new().into(),
            timeout: Some(PROBE_TIMEOUT),
            redirects: Redirects::Return,
            identity: None,
        };
        let reply = self
            .egress
            .send(request)
            .await
            .map_err(|error| format!("It could not be asked: {error}."))?;
        if reply.header(PROBE_HEADER) == Some(nonce.as_str()) {
            return Ok(());
        }
        let own = self.own_callback_url();
        let Some(location) = reply.header("location") else {
            return Err(format!(
                "It answered {} instead of redirecting with 308 to {own}.",
                reply.status
            ));
        };
        if reply.status != 308 {
            return Err(format!(
                "It redirects with {}. Only 308 keeps what providers send.",
                reply.status
            ));
        }
        let target = reply.url.join(location).map_err(|_| "Its redirect is no URL.".to_owned())?;
        let leads_here = Url::parse(&own)
            .is_ok_and(|own| target.origin() == own.origin() && target.path() == own.path());
        if !leads_here {
            let mut shown = target;
            shown.set_query(None);
            return Err(format!("It redirects to {shown}, not to {own}."));
        }
        if target.query_pairs().any(|(name, value)| name == PROBE && value == nonce) {
            Ok(())
        } else {
            Err("Its redirect drops the query, in which providers send the code.".to_owned())
        }
    }
}

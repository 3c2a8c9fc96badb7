//! Signatures of OAuth 1.0a (RFC 5849 §3.4).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;
use valetkey_base::{Rng, Secret, Timestamp};
use valetkey_catalog::schema::OAuth1Signature;

use crate::error::{AuthError, Class};
use crate::request::{Body, HttpRequest};
use crate::token_request::set_header;

/// Everything but the unreserved characters of RFC 3986 is escaped (§3.6).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Some servers take no nonce above 30 characters. These hold 178 random bits.
const NONCE_CHARS: usize = 30;

/// Who signs, and how.
pub(crate) struct Signer<'a> {
    pub(crate) consumer_key: &'a str,
    pub(crate) consumer_secret: &'a Secret,
    /// The token and its secret, once there is one.
    pub(crate) token: Option<(&'a str, &'a str)>,
    pub(crate) method: OAuth1Signature,
    /// Written first into the header, and not signed (§3.5.1).
    pub(crate) realm: Option<&'a str>,
}

impl Signer<'_> {
    /// Signs a request in its `Authorization` header. `extra` are protocol parameters such as
    /// `oauth_callback`. The query and a form body are covered; other bodies are not (§3.4.1.3.1).
    ///
    /// # Errors
    /// When the provider entry asks for RSA, which no backend of ours signs with SHA-1.
    pub(crate) fn sign(
        &self,
        request: &mut HttpRequest,
        extra: &[(&str, &str)],
        now: Timestamp,
        rng: &Rng,
    ) -> Result<(), AuthError> {
        spell_spaces(&mut request.url);
        let (timestamp, nonce) = (now.seconds().to_string(), rng.alphanumeric(NONCE_CHARS));
        let mut protocol = vec![
            ("oauth_consumer_key", self.consumer_key),
            ("oauth_nonce", nonce.as_str()),
            ("oauth_signature_method", self.method_name()?),
            ("oauth_timestamp", timestamp.as_str()),
            ("oauth_version", "1.0"),
        ];
        protocol.extend(self.token.map(|(token, _)| ("oauth_token", token)));
        protocol.extend_from_slice(extra);
        let signature = self.signature(request, &protocol);
        protocol.push(("oauth_signature", &signature));
        protocol.sort_unstable();
        let realm = self.realm.map(|realm| format!("realm=\"{}\"", escape(realm)));
        let fields =
            protocol.iter().map(|(name, value)| format!("{}=\"{}\"", escape(name), escape(value)));
        let fields: Vec<String> = realm.into_iter().chain(fields).collect();
        set_header(&mut request.headers, "authorization", format!("OAuth {}", fields.join(", ")));
        Ok(())
    }

    fn method_name(&self) -> Result<&'static str, AuthError> {
        match self.method {
            OAuth1Signature::HmacSha1 => Ok("HMAC-SHA1"),
            OAuth1Signature::HmacSha256 => Ok("HMAC-SHA256"),
            OAuth1Signature::Plaintext => Ok("PLAINTEXT"),
            OAuth1Signature::RsaSha1 => Err(AuthError::new(
                Class::Ours,
                "token_err",
                "The provider entry asks for RSA-SHA1 signatures, which this server does not make.",
            )),
        }
    }

    fn signature(&self, request: &HttpRequest, protocol: &[(&str, &str)]) -> String {
        let token_secret = self.token.map_or("", |(_, secret)| secret);
        let key = format!("{}&{}", escape(self.consumer_secret.expose()), escape(token_secret));
        let algorithm = match self.method {
            OAuth1Signature::HmacSha256 => hmac::HMAC_SHA256,
            OAuth1Signature::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            OAuth1Signature::Plaintext | OAuth1Signature::RsaSha1 => return key,
        };
        let base = base_string(request, protocol);
        STANDARD.encode(hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), base.as_bytes()))
    }
}

/// The text that is signed (§3.4.1).
fn base_string(request: &HttpRequest, protocol: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> =
        protocol.iter().map(|(name, value)| (escape(name), escape(value))).collect();
    pairs.extend(request.url.query_pairs().map(|(name, value)| (escape(&name), escape(&value))));
    if let Body::Form(form) = &request.body {
        pairs.extend(form.iter().map(|(name, value)| (escape(name), escape(value))));
    }
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    [request.method.as_str(), &base_uri(&request.url), &pairs.join("&")].map(escape).join("&")
}

/// A space in the query as `%20`: servers disagree on what a plus sign is, and so would the
/// signatures.
fn spell_spaces(url: &mut Url) {
    if let Some(query) = url.query().filter(|query| query.contains('+')) {
        let query = query.replace('+', "%20");
        url.set_query(Some(&query));
    }
}

/// Scheme, authority and path; a default port is left out by the URL itself (§3.4.1.2).
fn base_uri(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: http::Method, url: &str, form: &[(&str, &str)]) -> HttpRequest {
        let mut request = HttpRequest::new(method, Url::parse(url).unwrap());
        if !form.is_empty() {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            request.body = Body::Form(form.iter().map(own).collect());
        }
        request
    }

    #[test]
    fn the_base_string_of_rfc_5849_section_3_4_1_1() {
        let request = request(
            http::Method::POST,
            "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
            &[("c2", ""), ("a3", "2 q")],
        );
        let protocol = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ];
        assert_eq!(
            base_string(&request, &protocol),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D\
             %253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce\
             %3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26\
             oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    #[test]
    fn the_signature_of_rfc_5849_section_1_2() {
        let photos = request(
            http::Method::GET,
            "http://photos.example.net/photos?file=vacation.jpg&size=original",
            &[],
        );
        let signer = Signer {
            consumer_key: "dpf43f3p2l4k3l03",
            consumer_secret: &Secret::from("kd94hf93k423kf44"),
            token: Some(("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")),
            method: OAuth1Signature::HmacSha1,
            realm: None,
        };
        let protocol = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        assert_eq!(signer.signature(&photos, &protocol), "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    }

    /// The example of the documentation of X.
    #[test]
    fn the_documented_update_of_a_status() {
        let update = request(
            http::Method::POST,
            "https://api.twitter.com/1.1/statuses/update.json?include_entities=true",
            &[("status", "Hello Ladies + Gentlemen, a signed OAuth request!")],
        );
        let signer = Signer {
            consumer_key: "xvz1evFS4wEEPTGEFPHBog",
            consumer_secret: &Secret::from("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
            token: Some((
                "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
                "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
            )),
            method: OAuth1Signature::HmacSha1,
            realm: None,
        };
        let protocol = [
            ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
            ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1318622958"),
            ("oauth_token", "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
            ("oauth_version", "1.0"),
        ];
        assert_eq!(signer.signature(&update, &protocol), "hCtSmYh+iHYCEqBWrE7C7hYmtUk=");
    }

    /// Checked against oauthlib.
    #[test]
    fn a_longer_hash_over_query_and_form() {
        let mut request = request(
            http::Method::POST,
            "https://photos.example.net/photos?file=vacation.jpg&size=original+large&b=%20%2B",
            &[("a3", "2 q"), ("c2", "")],
        );
        let signer = Signer {
            consumer_key: "dpf43f3p2l4k3l03",
            consumer_secret: &Secret::from("kd94hf93k423kf44"),
            token: Some(("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")),
            method: OAuth1Signature::HmacSha256,
            realm: None,
        };
        let protocol = [
            ("oauth_nonce", "chapoH"),
            ("oauth_timestamp", "137131202"),
            ("oauth_version", "1.0"),
            ("oauth_signature_method", "HMAC-SHA256"),
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
        ];
        let expected = "KzDtoPz+CHvwx30Hm5wQriu341OBFjRxjomPfRb3xSg=";
        assert_eq!(signer.signature(&request, &protocol), expected);
        signer.sign(&mut request, &[], Timestamp::from_millis(0), &Rng::seeded(1)).unwrap();
        assert_eq!(
            request.url.query(),
            Some("file=vacation.jpg&size=original%20large&b=%20%2B"),
            "a space has one spelling"
        );
        assert_eq!(signer.signature(&request, &protocol), expected, "and the same meaning");
    }

    #[test]
    fn a_header_names_its_realm_first_and_holds_no_secret() {
        let mut request = request(http::Method::GET, "https://a.test/x", &[]);
        let signer = Signer {
            consumer_key: "key",
            consumer_secret: &Secret::from("hush&1"),
            token: Some(("tok", "quiet")),
            method: OAuth1Signature::HmacSha256,
            realm: Some("123_SB1"),
        };
        let now = Timestamp::from_millis(1_000);
        signer.sign(&mut request, &[("oauth_verifier", "v 1")], now, &Rng::seeded(1)).unwrap();
        let header = &request.headers[0].1;
        assert!(header.starts_with("OAuth realm=\"123_SB1\", oauth_consumer_key=\"key\", "));
        assert!(header.contains("oauth_timestamp=\"1\""), "{header}");
        assert!(header.contains("oauth_verifier=\"v%201\""), "{header}");
        assert!(!header.contains("hush") && !header.contains("quiet"));
    }

    #[test]
    fn plain_text_is_the_two_secrets() {
        let mut request = request(http::Method::POST, "https://a.test/x", &[]);
        let signer = Signer {
            consumer_key: "key",
            consumer_secret: &Secret::from("a b"),
            token: None,
            method: OAuth1Signature::Plaintext,
            realm: None,
        };
        signer.sign(&mut request, &[], Timestamp::from_millis(0), &Rng::seeded(1)).unwrap();
        assert!(request.headers[0].1.contains("oauth_signature=\"a%2520b%26\""));
    }
}

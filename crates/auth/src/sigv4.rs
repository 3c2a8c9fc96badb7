//! Signs requests with AWS Signature Version 4, from temporary or lasting keys.

use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};
use url::Url;
use valetkey_base::Timestamp;
use valetkey_catalog::sigv4::{Signed, Signer, authorization, sha256_hex};

use crate::request::{Body, HttpRequest};
use crate::token_request::set_header;

/// All but the unreserved characters of RFC 3986 is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH_ESCAPED: &AsciiSet = &ESCAPED.remove(b'/');

/// Headers that proxies and clients change on the way, and the signature itself.
const UNSIGNED: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "expect",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// Stands for the digest of a body that is not read.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Keys to sign with.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) signer: Signer<'a>,
    /// Goes with temporary keys.
    pub(crate) session_token: Option<&'a str>,
}

/// Signs a request. Nothing may be changed in it afterwards; its address is brought into the one
/// spelling that is signed, with the same meaning.
pub(crate) fn sign(request: &mut HttpRequest, keys: &Keys<'_>, now: Timestamp) {
    let (content_type, body) = request.body.encode();
    let is_named = request.headers.iter().any(|(name, _)| name == "content-type");
    if let Some(content_type) = content_type.filter(|_| !is_named) {
        set_header(&mut request.headers, "content-type", content_type.to_owned());
    }
    let body_sha256 = match request.body {
        // Taken by the one service whose bodies are too large to be read first.
        Body::Carried => UNSIGNED_PAYLOAD.to_owned(),
        _ => sha256_hex(&body),
    };
    let mut set = |name: &str, value: &str| {
        set_header(&mut request.headers, name, value.to_owned());
    };
    set("x-amz-date", &now.format("%Y%m%dT%H%M%SZ"));
    set("x-amz-content-sha256", &body_sha256);
    if let Some(token) = keys.session_token {
        set("x-amz-security-token", token);
    }
    let value = signature(request, &keys.signer, &body_sha256, now);
    set_header(&mut request.headers, "authorization", value);
}

/// The `Authorization` header of a request as it is.
fn signature(
    request: &mut HttpRequest,
    signer: &Signer<'_>,
    body_sha256: &str,
    now: Timestamp,
) -> String {
    canonicalize(&mut request.url);
    let host = host(&request.url);
    let mut headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .filter(|(name, _)| name != "host" && !UNSIGNED.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    headers.push(("host", &host));
    headers.sort_unstable();
    let signed = Signed {
        method: request.method.as_str(),
        path: request.url.path(),
        query: request.url.query().unwrap_or_default(),
        headers: &headers,
        body_sha256,
    };
    authorization(signer, &signed, now)
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Writes the path and the query as they are signed: everything that may be escaped is, and the
/// parameters are in order.
fn canonicalize(url: &mut Url) {
    let path: Vec<u8> = percent_decode_str(url.path()).collect();
    let path = percent_encode(&path, PATH_ESCAPED).to_string();
    url.set_path(&path);
    if url.query().is_none() {
        return;
    }
    let escaped = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    let mut pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (escaped(&name), escaped(&value))).collect();
    pairs.sort();
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    url.set_query((!pairs.is_empty()).then(|| pairs.join("&")).as_deref());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of the vendor's test suite.
    const SUITE: Signer<'static> = Signer {
        access_key: "AKIDEXAMPLE",
        secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        region: "us-east-1",
        service: "service",
    };
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn suite(method: http::Method, url: &str, more: &[(&str, &str)], body: &str) -> String {
        let mut request = HttpRequest::new(method, Url::parse(url).unwrap());
        request.headers.push(("x-amz-date".to_owned(), "20150830T123600Z".to_owned()));
        request.headers.extend(more.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        let now = Timestamp::parse_iso("2015-08-30T12:36:00Z").unwrap();
        let value = signature(&mut request, &SUITE, &sha256_hex(body.as_bytes()), now);
        value.rsplit_once('=').unwrap().1.to_owned()
    }

    #[test]
    fn the_vendors_test_suite() {
        let get = |url: &str| suite(http::Method::GET, url, &[], "");
        assert_eq!(
            get("https://example.amazonaws.com/"),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(
            get("https://example.amazonaws.com/?Param2=value2&Param1=value1"),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
        assert_eq!(
            get("https://example.amazonaws.com/example/../%E1%88%B4"),
            get("https://example.amazonaws.com/ሴ")
        );
        let form = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(
            suite(http::Method::POST, "https://example.amazonaws.com/", &form, "Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }

    /// The vendor's documented example of reading a part of an object.
    #[test]
    fn the_documented_read_of_an_object() {
        let url = Url::parse("https://examplebucket.s3.amazonaws.com/test.txt").unwrap();
        let mut request = HttpRequest::new(http::Method::GET, url);
        request.headers.push(("range".to_owned(), "bytes=0-9".to_owned()));
        let signer = Signer {
            access_key: "AKIAIOSFODNN7EXAMPLE",
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "s3",
        };
        let now = Timestamp::parse_iso("2013-05-24T00:00:00Z").unwrap();
        sign(&mut request, &Keys { signer, session_token: None }, now);
        let header = |name: &str| request.headers.iter().find(|(key, _)| key == name).unwrap();
        assert_eq!(header("x-amz-content-sha256").1, EMPTY);
        assert_eq!(
            header("authorization").1,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
    }

    #[test]
    fn the_session_token_is_signed_and_the_address_spelled_out() {
        let url = Url::parse("https://b.s3.amazonaws.com:8443/a!b%2Bc d?z=1+2&a=%7e").unwrap();
        let mut request = HttpRequest::new(http::Method::PUT, url);
        request.body = Body::Json(serde_json::json!({"a": 1}));
        request.headers.push(("user-agent".to_owned(), "any".to_owned()));
        let signer = Signer { service: "s3", ..SUITE };
        let keys = Keys { signer, session_token: Some("temporary") };
        sign(&mut request, &keys, Timestamp::from_millis(0));
        assert_eq!(
            request.url.as_str(),
            "https://b.s3.amazonaws.com:8443/a%21b%2Bc%20d?a=~&z=1%202"
        );
        let value = &request.headers.last().unwrap().1;
        let names = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token,";
        assert!(value.contains(&format!("SignedHeaders={names}")), "{value}");
    }

    #[test]
    fn only_s3_signs_the_path_as_it_is_sent() {
        let sign_for = |service: &'static str| {
            let url = Url::parse("https://x.amazonaws.com/model:1/invoke").unwrap();
            let mut request = HttpRequest::new(http::Method::GET, url);
            let signer = Signer { service, ..SUITE };
            let keys = Keys { signer, session_token: None };
            sign(&mut request, &keys, Timestamp::from_millis(0));
            (request.url.path().to_owned(), request.headers.last().unwrap().1.clone())
        };
        let (path, twice) = sign_for("bedrock");
        assert_eq!(path, "/model%3A1/invoke");
        let signer = Signer { service: "bedrock", ..SUITE };
        let headers = [
            ("host", "x.amazonaws.com"),
            ("x-amz-content-sha256", EMPTY),
            ("x-amz-date", "19700101T000000Z"),
        ];
        let signed = Signed {
            method: "GET",
            path: "/model%3A1/invoke",
            query: "",
            headers: &headers,
            body_sha256: EMPTY,
        };
        assert_eq!(twice, authorization(&signer, &signed, Timestamp::from_millis(0)));
        assert_ne!(twice, sign_for("s3").1);
    }
}

//! AWS Signature Version 4: the `Authorization` header of a request.

use aws_lc_rs::{digest, hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use valetkey_base::Timestamp;

/// Unreserved characters of RFC 3986 and the slash stay.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Whose signature it is, and for what.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The id of the key.
    pub access_key: &'a str,
    /// The key.
    pub secret_key: &'a str,
    /// The region of the service.
    pub region: &'a str,
    /// The service's name in signatures, such as `s3`.
    pub service: &'a str,
}

/// The request to be signed.
pub struct Signed<'a> {
    /// In upper case.
    pub method: &'a str,
    /// The path as it is sent.
    pub path: &'a str,
    /// The query, sorted and escaped as RFC 3986 says.
    pub query: &'a str,
    /// The headers to be signed, by lower-case name, in the order of their names.
    pub headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body in hex, or what stands for it.
    pub body_sha256: &'a str,
}

/// The header value. The request must carry `x-amz-date` of the same instant.
pub fn authorization(signer: &Signer<'_>, request: &Signed<'_>, now: Timestamp) -> String {
    let moment = now.format("%Y%m%dT%H%M%SZ");
    let day = now.format("%Y%m%d");
    // Every service but S3 escapes the sent path once more.
    let path = match signer.service {
        "s3" => request.path.to_owned(),
        _ => utf8_percent_encode(request.path, PATH).to_string(),
    };
    let mut headers = String::new();
    for (name, value) in request.headers {
        let words: Vec<&str> = value.split_whitespace().collect();
        headers.extend([*name, ":", &words.join(" "), "\n"]);
    }
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let canonical = format!(
        "{}\n{}\n{}\n{headers}\n{names}\n{}",
        request.method,
        if path.is_empty() { "/" } else { &path },
        request.query,
        request.body_sha256
    );
    let credential_scope = format!("{day}/{}/{}/aws4_request", signer.region, signer.service);
    let hash = sha256_hex(canonical.as_bytes());
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{credential_scope}\n{hash}");
    let mut key = hmac_sha256(format!("AWS4{}", signer.secret_key).as_bytes(), &day);
    for part in [signer.region, signer.service, "aws4_request"] {
        key = hmac_sha256(&key, part);
    }
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{credential_scope}, SignedHeaders={names}, Signature={}",
        signer.access_key,
        hex::encode(hmac_sha256(&key, &text))
    )
}

/// SHA-256 in hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vendor's own example of a signed IAM request.
    #[test]
    fn the_documented_example() {
        let signer = Signer {
            access_key: "AKIDEXAMPLE",
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "iam",
        };
        let request = Signed {
            method: "GET",
            path: "/",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: &[
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("host", "iam.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            body_sha256: &sha256_hex(b""),
        };
        let now = Timestamp::parse_iso("2015-08-30T12:36:00Z").unwrap();
        assert_eq!(
            authorization(&signer, &request, now),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }
}

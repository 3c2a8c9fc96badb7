//! Entity tags (RFC 9110 §8.8.3): a client that has a body already is told so and gets none.

use axum::response::{IntoResponse as _, Response};
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};

/// Bytes of the digest in a tag.
const DIGEST_BYTES: usize = 16;

/// The tag of a body: a digest, so that it is the same on every replica.
pub(crate) fn of(body: &[u8]) -> HeaderValue {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    let mut tag = String::with_capacity(2 + 2 * DIGEST_BYTES);
    tag.push('"');
    for byte in &digest.as_ref()[..DIGEST_BYTES] {
        tag.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        tag.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    tag.push('"');
    HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// A response with its tag, or 304 when the request names that tag. Its caching headers stay.
pub(crate) fn answer(request: &HeaderMap, tag: &HeaderValue, mut response: Response) -> Response {
    if is_known(request, tag) {
        let mut unchanged = StatusCode::NOT_MODIFIED.into_response();
        *unchanged.headers_mut() = std::mem::take(response.headers_mut());
        unchanged.headers_mut().remove(http::header::CONTENT_TYPE);
        response = unchanged;
    }
    response.headers_mut().insert(ETAG, tag.clone());
    response
}

/// Weak comparison (RFC 9110 §13.1.2): a proxy that compressed the body made the tag weak.
fn is_known(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = request.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|known| {
        known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_in_any_list_is_known() {
        let tag = of(b"body");
        assert_eq!(tag, of(b"body"));
        assert_ne!(tag, of(b"other"));
        let text = tag.to_str().unwrap();
        for (given, known) in [
            (text.to_owned(), true),
            (format!("\"other\", W/{text}"), true),
            ("*".to_owned(), true),
            ("\"other\"".to_owned(), false),
            (text.trim_matches('"').to_owned(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, given.parse().unwrap());
            assert_eq!(is_known(&headers, &tag), known, "{given}");
        }
        assert!(!is_known(&HeaderMap::new(), &tag));
    }
}

//! JSON bodies.

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use crate::error::{ApiError, Part};
use crate::schema::Issue;

/// Reads a whole body of at most `bytes_max` bytes.
///
/// # Errors
/// 413 `payload_too_large`, before reading when the length is announced; 400 when the client stops
/// in the middle.
pub async fn read(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        .unwrap_or(0);
    if announced > bytes_max as u64 {
        return Err(too_large(bytes_max));
    }
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(bytes_max)),
        Err(_) => Err(ApiError::simple(
            StatusCode::BAD_REQUEST,
            "invalid_body",
            "The body ended before its announced length",
        )),
    }
}

fn too_large(bytes_max: usize) -> ApiError {
    ApiError::simple(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        format!("The body has more than {bytes_max} bytes"),
    )
}

/// The JSON value of a body: `None` when the request has no JSON content type, `{}` when it has one
/// and no content.
///
/// # Errors
/// 400 `invalid_json` when the text is not an object or array; 400 `invalid_body` when a text
/// holds U+0000, which PostgreSQL cannot store; 415 for a charset or encoding other than UTF-8.
pub fn parse_json(headers: &HeaderMap, bytes: &[u8]) -> Result<Option<Value>, ApiError> {
    let Some(content_type) = headers.get(CONTENT_TYPE) else {
        return Ok(None);
    };
    let content_type = content_type.to_str().unwrap_or_default();
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Ok(None);
    }
    if bytes.is_empty() {
        return Ok(Some(Value::Object(serde_json::Map::new())));
    }
    check_encoding(headers, parts)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(text)
        .map_err(|error| invalid_json(&format!("The body is not valid JSON: {error}")))?;
    if !value.is_object() && !value.is_array() {
        return Err(invalid_json("The body must be a JSON object or array"));
    }
    match nul_place(&value) {
        None => Ok(Some(value)),
        Some(mut path) => {
            path.reverse();
            let message = "A text may not hold the NUL character".to_owned();
            Err(ApiError::validation(Part::Body, vec![Issue { code: "custom", message, path }]))
        }
    }
}

fn invalid_json(message: &str) -> ApiError {
    ApiError::simple(StatusCode::BAD_REQUEST, "invalid_json", message)
}

fn check_encoding<'a>(
    headers: &HeaderMap,
    mut parameters: impl Iterator<Item = &'a str>,
) -> Result<(), ApiError> {
    let foreign_charset = parameters.any(|parameter| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8")
        })
    });
    let encoded = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if foreign_charset || encoded {
        return Err(ApiError::simple(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_content_type",
            "Send JSON as uncompressed UTF-8",
        ));
    }
    Ok(())
}

/// The first place with U+0000 in a key or a text, innermost part first.
fn nul_place(value: &Value) -> Option<Vec<String>> {
    let inside = |part: String, value: &Value| {
        nul_place(value).map(|mut path| {
            path.push(part);
            path
        })
    };
    match value {
        Value::String(text) => text.contains('\0').then(Vec::new),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| inside(index.to_string(), item))
        }
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            if name.contains('\0') { Some(Vec::new()) } else { inside(name.clone(), member) }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn headers(content_type: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers
    }

    fn code(content_type: &'static str, body: &str) -> (u16, String) {
        let error = parse_json(&headers(content_type), body.as_bytes()).unwrap_err();
        (error.status().as_u16(), error.code().to_owned())
    }

    #[test]
    fn a_json_content_type_without_content_is_an_empty_object() {
        assert_eq!(parse_json(&headers("application/json"), b"").unwrap(), Some(json!({})));
        assert_eq!(parse_json(&HeaderMap::new(), b"").unwrap(), None);
        assert_eq!(parse_json(&headers("text/plain"), b"{}").unwrap(), None);
    }

    #[test]
    fn objects_and_arrays_are_read_whatever_the_letter_case_of_the_type() {
        let kind = "Application/JSON; charset=UTF-8";
        assert_eq!(parse_json(&headers(kind), b"[1]").unwrap(), Some(json!([1])));
        let with_mark = b"\xef\xbb\xbf{\"a\":1}";
        assert_eq!(parse_json(&headers(kind), with_mark).unwrap(), Some(json!({"a": 1})));
    }

    #[test]
    fn everything_else_is_invalid_json() {
        for body in ["\"abc\"", "null", "42", " ", "{\"a\":", "{\"a\":\"\\ud800\"}"] {
            assert_eq!(code("application/json", body), (400, "invalid_json".to_owned()), "{body}");
        }
        let latin = "application/json; charset=latin1";
        assert_eq!(code(latin, "{}"), (415, "invalid_content_type".to_owned()));
    }

    #[tokio::test]
    async fn a_nul_character_is_refused_with_its_place() {
        let body = br#"{"metadata":{"list":["ok","a\u0000b"]}}"#;
        let error = parse_json(&headers("application/json"), body).unwrap_err();
        let bytes = error.into_response().into_body().collect().await.unwrap().to_bytes();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["error"]["code"], "invalid_body");
        assert_eq!(value["error"]["errors"][0]["path"], json!(["metadata", "list", "1"]));
    }

    #[tokio::test]
    async fn the_limit_counts_announced_and_real_bytes() {
        let mut announced = HeaderMap::new();
        announced.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        let error = read(&announced, Body::from("12345"), 4).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let error = read(&HeaderMap::new(), Body::from("12345"), 4).await.unwrap_err();
        assert_eq!(error.code(), "payload_too_large");
        assert_eq!(read(&announced, Body::from("12345"), 5).await.unwrap(), "12345");
    }
}

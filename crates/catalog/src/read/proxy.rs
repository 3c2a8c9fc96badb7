//! Reads `proxy`.

use regex::Regex;
use serde_json::Map;

use crate::reader::Reader;
use crate::schema::{Proxy, Retry, StatusRange, Verification, WaitInBody};

pub(super) fn read(reader: &mut Reader<'_>) -> Proxy {
    let raw = reader.map("proxy");
    let mut inner = reader.inside(&raw, "proxy.");
    // What clients that page read for themselves, and what they describe.
    inner.used.extend(["connection_config", "paginate"]);
    let proxy = Proxy {
        base_url: inner.text("base_url"),
        headers: inner.map("headers"),
        query: inner.map("query"),
        body: inner.map("body"),
        verification: verification(&mut inner),
        retry: retry(&mut inner),
        decompress: inner.flag("decompress"),
        forward_headers_on_redirect: inner.flag("forward_headers_on_redirect"),
    };
    reader.close(inner);
    proxy
}

fn verification(proxy: &mut Reader<'_>) -> Option<Verification> {
    let raw = proxy.map("verification");
    if raw.is_empty() {
        return None;
    }
    let mut check = proxy.inside(&raw, "proxy.verification.");
    check.used.push("data");
    let verification = Verification {
        method: check
            .choice("method", &[("GET", "GET"), ("POST", "POST")])
            .unwrap_or("GET")
            .to_owned(),
        endpoints: check.texts("endpoints"),
        headers: check.map("headers"),
        data: raw.get("data").cloned(),
        base_url_override: check.text("base_url_override"),
    };
    proxy.close(check);
    Some(verification)
}

fn retry(proxy: &mut Reader<'_>) -> Retry {
    let raw = proxy.map("retry");
    let mut inner = proxy.inside(&raw, "proxy.retry.");
    let names = |texts: Vec<String>| -> Vec<String> {
        texts.into_iter().map(|name| name.to_ascii_lowercase()).collect()
    };
    let mut error_code = Vec::new();
    for text in inner.texts("error_code") {
        match StatusRange::parse(&text) {
            Some(range) => error_code.push(range),
            None => inner.warn("error_code", "expected is a status, 5xx, or a range as 500-502"),
        }
    }
    let retry = Retry {
        after: names(inner.texts("after")),
        at: names(inner.texts("at")),
        remaining: inner.text("remaining").map(|name| name.to_ascii_lowercase()),
        error_code,
        in_body: wait_in_body(&mut inner),
    };
    proxy.close(inner);
    retry
}

fn wait_in_body(retry: &mut Reader<'_>) -> Option<WaitInBody> {
    let raw = retry.map("in_body");
    if raw == Map::new() {
        return None;
    }
    let mut inner = retry.inside(&raw, "proxy.retry.in_body.");
    let wait = WaitInBody {
        path: inner.text("path").unwrap_or_default(),
        value: inner.text("value").map(without_slashes).unwrap_or_default(),
        is_instant: inner.choice("strategy", &[("at", true), ("after", false)]).unwrap_or(false),
    };
    let groups = Regex::new(&wait.value).map_or(0, |regex| regex.captures_len());
    if wait.path.is_empty() || groups < 2 {
        inner.warn("value", "expected is a path, and a regular expression with a group");
        retry.close(inner);
        return None;
    }
    retry.close(inner);
    Some(wait)
}

/// Other catalogues write the expression between slashes.
fn without_slashes(text: String) -> String {
    match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        Some(inner) => inner.to_owned(),
        None => text,
    }
}

//! A recorded request as a command.

use serde_json::Value;

/// The command that sends a request again, if a message has recorded one. Bodies are not recorded,
/// and secrets were masked when it was.
pub(super) fn command(detail: &Value) -> Option<String> {
    let method = detail["method"].as_str()?;
    let url = detail["url"].as_str()?;
    let mut command = format!("curl -X {} {}", quoted(method), quoted(url));
    if let Some(headers) = detail["headers"].as_object() {
        for (name, value) in headers {
            let header = format!("{name}: {}", value.as_str().unwrap_or_default());
            command.push_str(" \\\n  -H ");
            command.push_str(&quoted(&header));
        }
    }
    if method != "GET" && method != "HEAD" {
        command.push_str(" \\\n  --data @body.json");
    }
    Some(command)
}

/// A text that a shell takes as it is.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_are_safe_to_paste() {
        let get = json!({"method": "GET", "url": "https://a.example/x?y='$(z)'"});
        assert_eq!(command(&get).unwrap(), "curl -X GET 'https://a.example/x?y='\\''$(z)'\\'''");
        let post = json!({"method": "POST", "url": "https://a.example/",
            "headers": {"accept": "*/*"}});
        assert_eq!(
            command(&post).unwrap(),
            "curl -X POST https://a.example/ \\\n  -H 'accept: */*' \\\n  --data @body.json"
        );
        assert_eq!(command(&json!({"a": 1})), None);
    }
}

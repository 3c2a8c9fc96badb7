//! Hides secrets in answers that are shown in a browser.

use serde_json::Value;

/// Names of members whose text is masked, compared without case, `_` and `-`.
const SECRET_NAMES: [&str; 8] = [
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "token",
    "apikey",
    "password",
    "clientsecret",
    "clientprivatekey",
];

/// Masks every secret member, at any depth.
pub(crate) fn masked(mut value: Value) -> Value {
    walk(&mut value);
    value
}

fn walk(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(walk),
        Value::Object(members) => {
            for (name, member) in members {
                let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
                let secret = SECRET_NAMES.contains(&letters.to_ascii_lowercase().as_str());
                match member {
                    Value::String(text) if secret => *text = mask(text),
                    other => walk(other),
                }
            }
        }
        _ => {}
    }
}

/// The first and last characters of a long secret; nothing of a short one.
fn mask(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() < 20 {
        return "••••".to_owned();
    }
    let head: String = characters[..10].iter().collect();
    let tail: String = characters[characters.len() - 4..].iter().collect();
    format!("{head}••••{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_masked_at_any_depth() {
        let body = masked(json!({
            "credentials": {
                "access_token": "emu_at_abcdefghijklmnopqrst",
                "apiKey": "emk_short",
                "raw": {"refresh_token": "emu_rt_abcdefghijklmnopqrst", "expires_in": 120},
            },
            "error": {"code": "invalid_credentials", "message": "no"},
        }));
        assert_eq!(body["credentials"]["access_token"], "emu_at_abc••••qrst");
        assert_eq!(body["credentials"]["apiKey"], "••••");
        assert_eq!(body["credentials"]["raw"]["refresh_token"], "emu_rt_abc••••qrst");
        assert_eq!(body["credentials"]["raw"]["expires_in"], 120);
        assert_eq!(body["error"]["code"], "invalid_credentials");
    }
}

//! A delivery to an e-mail address: what an event says, as a mail.

use serde_json::Value;
use valetkey_egress::{Mail, Mailer};

use crate::webhooks::schedule::Outcome;

/// How the URL of such a delivery begins.
pub(crate) const SCHEME: &str = "mailto:";
/// What all of them share a breaker and a limit by: there is one mail server.
pub(crate) const DESTINATION: &str = "e-mail";
/// SMTP's answer to a mail that was taken (RFC 5321, section 4.2.3).
const TAKEN: u16 = 250;

/// What came of handing a mail over: how it ended, and the server's answer or why there was none.
pub(super) async fn send(
    mailer: Option<&Mailer>,
    event_id: &str,
    to: &str,
    payload: &str,
) -> (Outcome, Result<String, String>) {
    let Some(mailer) = mailer else {
        let reason = "this server has no mail server: VALETKEY_SMTP_URL and VALETKEY_SMTP_FROM";
        return (Outcome::Refused, Err(reason.to_owned()));
    };
    match mailer.send(&mail_of(event_id, to, payload)).await {
        Ok(answer) => (Outcome::Status(TAKEN), Ok(answer)),
        Err(error) if error.is_permanent => (Outcome::Refused, Err(error.reason)),
        Err(error) => (Outcome::Unanswered, Err(error.reason)),
    }
}

/// An alert as a mail. Nothing in it is loaded from anywhere.
fn mail_of(event_id: &str, to: &str, payload: &str) -> Mail {
    let payload: Value = serde_json::from_str(payload).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (summary, link) = (text(&payload["summary"]), text(&payload["link"]));
    let environment = text(&payload["environment"]);
    let troubles = payload["troubles"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |it: &Value| {
        let (integration, connection) = (text(&it["integration"]), text(&it["connectionId"]));
        let about = match (integration.as_str(), connection.as_str()) {
            ("", _) => String::new(),
            (integration, connection) => format!("{integration}, {connection}: "),
        };
        (format!("{about}{}", text(&it["message"])), text(&it["link"]))
    };
    let lines: Vec<(String, String)> = troubles.iter().map(line).collect();

    let why = format!("You get this because it was set up so in the alerts of {environment}.");
    let plain_lines: String = lines
        .iter()
        .map(|(what, at)| match at.as_str() {
            "" => format!("\n- {what}\n"),
            at => format!("\n- {what}\n  {at}\n"),
        })
        .collect();
    let plain = format!("{summary}\n{plain_lines}\n{link}\n\n{why}\n");
    let items: String = lines
        .iter()
        .map(|(what, at)| match (escaped(what), escaped(at)) {
            (what, at) if at.is_empty() => format!("<li>{what}</li>"),
            (what, at) => format!("<li><a href=\"{at}\">{what}</a></li>"),
        })
        .collect();
    let list = if items.is_empty() { items } else { format!("<ul>{items}</ul>") };
    let html = format!(
        "<p>{}</p>{list}<p><a href=\"{link}\">{link}</a></p><p>{}</p>",
        escaped(&summary),
        escaped(&why),
        link = escaped(&link),
    );
    let subject = one_line(&format!("Valetkey, {environment}: {summary}"));
    Mail { id: event_id.to_owned(), to: to.to_owned(), subject, text: plain, html }
}

/// Text inside HTML, in an attribute as well.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A subject of a length that readers show whole.
fn one_line(text: &str) -> String {
    const SHOWN_CHARS: usize = 120;
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mail_says_what_happened_and_where_to_look_and_loads_nothing() {
        let payload = json!({
            "environment": "prod", "summary": "1 connection of <github> fails",
            "link": "https://keys.example.com/dashboard/prod",
            "troubles": [{"integration": "github", "connectionId": "a\"b", "message": "It <died>.",
                "link": "https://keys.example.com/dashboard/prod/connections/github/x"}],
        });
        let mail = mail_of("evt_1", "ada@example.com", &payload.to_string());
        assert_eq!(mail.subject, "Valetkey, prod: 1 connection of <github> fails");
        assert!(mail.text.contains("- github, a\"b: It <died>.\n  https://keys.example.com/"));
        assert!(mail.html.contains("github, a&quot;b: It &lt;died&gt;."), "{}", mail.html);
        assert!(!mail.html.contains("src=") && !mail.html.contains("<github>"));
        let long = mail_of("e", "t", &json!({"summary": "x\r\nBcc: y".repeat(40)}).to_string());
        assert!(long.subject.chars().count() <= 121 && !long.subject.contains(['\r', '\n']));
    }
}

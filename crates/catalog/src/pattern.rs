//! Field patterns. They are JavaScript regular expressions, searched for anywhere in the value.

use regex::Regex;

/// A compiled field pattern.
pub struct Pattern(Engine);

enum Engine {
    Linear(Regex),
    /// For look-around, which the linear engine refuses. Its backtracking is limited by default.
    Backtracking(Box<fancy_regex::Regex>),
}

impl Pattern {
    /// Compiles a pattern; `None` when neither engine takes it.
    pub fn new(source: &str) -> Option<Self> {
        let translated = from_javascript(source);
        if let Ok(regex) = Regex::new(&translated) {
            return Some(Self(Engine::Linear(regex)));
        }
        let regex = fancy_regex::Regex::new(&translated).ok()?;
        Some(Self(Engine::Backtracking(Box::new(regex))))
    }

    /// Whether the pattern occurs in the text, as JavaScript's `RegExp.test` sees it.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.0 {
            Engine::Linear(regex) => regex.is_match(text),
            Engine::Backtracking(regex) => regex.is_match(text).unwrap_or(false),
        }
    }
}

/// Rewrites what the two dialects read differently: `\d` and `\w` are ASCII in JavaScript, and a
/// bracket or a doubled sign inside a class is plain text there.
fn from_javascript(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 8);
    let mut in_class = false;
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let Some(escaped) = chars.next() else {
                    out.push('\\');
                    break;
                };
                let ranges = match escaped {
                    'd' => Some("0-9"),
                    'w' => Some("0-9A-Za-z_"),
                    _ => None,
                };
                match (ranges, in_class) {
                    (Some(ranges), true) => {
                        out.push_str(ranges);
                        // After a shorthand a hyphen is no range.
                        if chars.next_if_eq(&'-').is_some() {
                            out.push_str("\\-");
                        }
                    }
                    (Some(ranges), false) => {
                        out.push('[');
                        out.push_str(ranges);
                        out.push(']');
                    }
                    (None, _) => out.extend(['\\', escaped]),
                }
            }
            '[' if in_class => out.push_str("\\["),
            '[' => {
                in_class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => out.extend(['\\', c]),
            '-' if in_class && chars.peek() == Some(&'-') => out.push_str("\\-"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().is_match(text)
    }

    #[test]
    fn patterns_search_and_mean_what_javascript_means() {
        assert!(test("^[a-z0-9_-]+$", "acme-1"));
        assert!(!test("^[a-z0-9_-]+$", "acme\n"));
        assert!(test("key_", "my key_1"), "unanchored patterns search");
        assert!(!test(r"^\d+$", "٣"), "digits are ASCII");
        assert!(!test(r"^\w+$", "é"));
        assert!(test(r"^[\w-.]+$", "a-b.c"), "a hyphen after a shorthand is a hyphen");
        assert!(test(r"^[[a]+$", "[a"));
        assert!(test(r"^[a&&b]+$", "&"));
        assert!(test(r"^https?:\/\/.*$", "https://x"));
    }

    #[test]
    fn look_ahead_works_and_nonsense_is_refused() {
        let no_lightning = r"^(?!.*lightning)[a-z.]+$";
        assert!(test(no_lightning, "acme.my.salesforce.com"));
        assert!(!test(no_lightning, "acme.lightning.force.com"));
        assert!(Pattern::new("^[z-a]+$").is_none());
    }
}

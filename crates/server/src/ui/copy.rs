//! What pages say, in every language: `locales/<language>.json`, one flat object of texts each. An
//! operator may put words of their own over any of them.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// The languages, the one to fall back to first.
const FILES: [(&str, &str); 10] = [
    ("en", include_str!("../../locales/en.json")),
    ("fr", include_str!("../../locales/fr.json")),
    ("de", include_str!("../../locales/de.json")),
    ("es", include_str!("../../locales/es.json")),
    ("pt", include_str!("../../locales/pt.json")),
    ("it", include_str!("../../locales/it.json")),
    ("nl", include_str!("../../locales/nl.json")),
    ("ja", include_str!("../../locales/ja.json")),
    ("ko", include_str!("../../locales/ko.json")),
    ("zh", include_str!("../../locales/zh.json")),
];
/// Stands for every language in an operator's words.
const EVERY_LANGUAGE: &str = "*";
/// Most bytes of one text.
const TEXT_BYTES_MAX: usize = 2000;

type Texts = BTreeMap<String, String>;

/// An operator's words: language, or `*` for all, to name to text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyOverrides(BTreeMap<String, Texts>);

impl CopyOverrides {
    /// Reads `{"fr": {"form.connect": "Relier"}, "*": {…}}`.
    ///
    /// # Errors
    /// Every entry that is not right, and what was expected: an unknown language or name, or
    /// placeholders that the text does not have.
    pub fn parse(json: &str) -> Result<Self, Vec<String>> {
        let read: BTreeMap<String, Texts> = serde_json::from_str(json)
            .map_err(|error| vec![format!("expected languages, names and texts: {error}")])?;
        let english = read_file(FILES[0].1);
        let mut problems = Vec::new();
        for (language, texts) in &read {
            if language != EVERY_LANGUAGE && !FILES.iter().any(|(known, _)| known == language) {
                let known: Vec<_> = FILES.iter().map(|(known, _)| *known).collect();
                problems.push(format!(
                    "{language}: there is no such language; there are *, {}",
                    known.join(", ")
                ));
            }
            for (name, text) in texts {
                let at = format!("{language}.{name}");
                match english.get(name) {
                    None => problems.push(format!("{at}: there is no text of this name")),
                    Some(_) if text.len() > TEXT_BYTES_MAX => {
                        problems.push(format!("{at}: expected at most {TEXT_BYTES_MAX} bytes"));
                    }
                    Some(known) => {
                        let allowed = placeholders(known);
                        let strange = placeholders(text).into_iter().find(|p| !allowed.contains(p));
                        if let Some(strange) = strange {
                            problems.push(format!("{at}: nothing is put in place of {strange}"));
                        }
                    }
                }
            }
        }
        if problems.is_empty() { Ok(Self(read)) } else { Err(problems) }
    }
}

/// The texts of all languages.
pub(super) struct Copy(Vec<Language>);

/// One language.
pub(super) struct Language {
    /// Its tag, for `<html lang>`.
    pub(super) tag: &'static str,
    texts: Texts,
    /// All texts as JSON that can stand in an HTML `script` element.
    pub(super) json: String,
}

impl Copy {
    pub(super) fn new(overrides: &CopyOverrides) -> Self {
        let english = read_file(FILES[0].1);
        let language = |(tag, file): &(&'static str, &str)| {
            // A text that a translation lacks is an English one.
            let mut texts = english.clone();
            texts.extend(read_file(file));
            for whose in [EVERY_LANGUAGE, tag] {
                texts.extend(overrides.0.get(whose).cloned().unwrap_or_default());
            }
            let json = Value::from_iter(texts.clone()).to_string().replace('<', "\\u003c");
            Language { tag, texts, json }
        };
        Self(FILES.iter().map(language).collect())
    }

    /// The language of a page: the one asked for, otherwise the first of the browser's that there
    /// is (RFC 9110 section 12.5.4).
    pub(super) fn pick(&self, asked: Option<&str>, accept_language: Option<&str>) -> &Language {
        let known = |tag: &str| {
            let primary = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
            self.0.iter().find(|language| language.tag == primary)
        };
        asked
            .and_then(known)
            .or_else(|| accepted(accept_language.unwrap_or_default()).into_iter().find_map(known))
            .unwrap_or(&self.0[0])
    }
}

impl Language {
    /// A text that has no placeholders.
    pub(super) fn plain(&self, name: &str) -> String {
        self.text(name, &[])
    }

    /// A text, with values in the place of its `{placeholders}`.
    pub(super) fn text(&self, name: &str, values: &[(&str, &str)]) -> String {
        let mut text = self.texts.get(name).cloned().unwrap_or_default();
        for (placeholder, value) in values {
            text = text.replace(&format!("{{{placeholder}}}"), value);
        }
        // Sentences may begin with a value that is a common noun.
        let mut characters = text.chars();
        match characters.next() {
            Some(first) if first.is_lowercase() && name.contains('.') => {
                first.to_uppercase().chain(characters).collect()
            }
            _ => text,
        }
    }
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|language| language.tag)).finish()
    }
}

/// The files are part of the binary and a test reads them all.
fn read_file(json: &str) -> Texts {
    serde_json::from_str(json).unwrap_or_default()
}

/// Language ranges in the order of preference.
fn accepted(header: &str) -> Vec<&str> {
    let mut ranges: Vec<(&str, f32)> = header
        .split(',')
        .take(20)
        .filter_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let range = parts.next().filter(|range| !range.is_empty())?;
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            Some((range, weight.unwrap_or(1.0)))
        })
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    ranges.sort_by(|one, other| other.1.total_cmp(&one.1));
    ranges.into_iter().map(|(range, _)| range).collect()
}

fn placeholders(text: &str) -> Vec<&str> {
    let starts = text.match_indices('{').map(|(at, _)| &text[at..]);
    starts.filter_map(|rest| Some(&rest[..=rest.find('}')?])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_text_with_its_placeholders() {
        let english: Texts = serde_json::from_str(FILES[0].1).unwrap();
        assert!(english.len() > 200);
        for (tag, file) in FILES {
            let texts: Texts = serde_json::from_str(file).unwrap_or_else(|e| panic!("{tag}: {e}"));
            assert!(texts.keys().eq(english.keys()), "{tag} has other names than English");
            for (name, text) in &texts {
                let sorted = |text| {
                    let mut all = placeholders(text);
                    all.sort_unstable();
                    all
                };
                assert_eq!(sorted(text), sorted(&english[name]), "{tag} {name}");
                assert!(!text.trim().is_empty(), "{tag} {name}");
            }
        }
    }

    #[test]
    fn the_language_is_the_one_asked_for_then_the_browsers_then_english() {
        let copy = Copy::new(&CopyOverrides::default());
        let pick = |asked, accepted| copy.pick(asked, accepted).tag;
        assert_eq!(pick(Some("fr-CA"), Some("de")), "fr");
        assert_eq!(pick(Some("xx"), Some("de")), "de");
        assert_eq!(pick(None, Some("xx, en;q=0.5, zh-Hant;q=0.8")), "zh");
        assert_eq!(pick(None, Some("fr;q=0, *;q=0.1")), "en");
        assert_eq!(pick(None, None), "en");
    }

    #[test]
    fn an_operators_words_replace_ours_and_are_checked() {
        let overrides = CopyOverrides::parse(
            r#"{"*": {"form.connect": "Go"}, "fr": {"form.connect": "Relier"}}"#,
        );
        let copy = Copy::new(&overrides.unwrap());
        assert_eq!(copy.pick(Some("de"), None).text("form.connect", &[]), "Go");
        assert_eq!(copy.pick(Some("fr"), None).text("form.connect", &[]), "Relier");
        let wrong = r#"{"xx": {}, "en": {"no.such": "a", "form.connect": "Go, {name}"}}"#;
        let problems = CopyOverrides::parse(wrong).unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().any(|text| text.contains("{name}")));
        assert_eq!(CopyOverrides::parse("[]").unwrap_err().len(), 1);
    }

    #[test]
    fn texts_cannot_end_the_element_they_stand_in() {
        let words = r#"{"en": {"form.connect": "</script><script>alert(1)</script>"}}"#;
        let copy = Copy::new(&CopyOverrides::parse(words).unwrap());
        assert!(!copy.pick(None, None).json.contains('<'));
    }

    #[test]
    fn sentences_begin_with_a_capital() {
        let copy = Copy::new(&CopyOverrides::default());
        let english = copy.pick(None, None);
        let provider = english.text("the_provider", &[]);
        assert_eq!(provider, "the provider");
        let sentence = english.text("cause.unavailable", &[("provider", &provider)]);
        assert!(sentence.starts_with("The provider "), "{sentence}");
    }
}

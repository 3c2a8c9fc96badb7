//! Takes typed values out of an entry and notes what does not fit.

use serde_json::{Map, Value};

use crate::finding::{Finding, Level};
use crate::schema::{Field, Format, SuccessTest, VisibleWhen};

/// Takes typed values out of a map and remembers what it was asked for.
pub(crate) struct Reader<'a> {
    pub(crate) name: &'a str,
    pub(crate) map: &'a Map<String, Value>,
    /// Prefix of keys in findings: `""` or `proxy.`.
    pub(crate) path: &'static str,
    pub(crate) findings: Vec<Finding>,
    pub(crate) used: Vec<&'static str>,
}

impl Reader<'_> {
    pub(crate) fn warn(&mut self, key: &str, message: impl Into<String>) {
        let key = format!("{}{key}", self.path);
        self.findings.push(Finding::new(Level::Warning, self.name, key, message));
    }

    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.used.push(key);
        self.map.get(key).filter(|value| !value.is_null()).cloned()
    }

    /// A non-empty text. A number or boolean is read as its text; an empty text means "off".
    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.take(key)?;
        let text = scalar_text(&value);
        if text.is_none() {
            self.warn(key, "a text is expected here; the value is not used");
        }
        text.filter(|text| !text.is_empty())
    }

    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<String> {
        match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let texts: Vec<String> = items.iter().filter_map(scalar_text).collect();
                if texts.len() < items.len() {
                    self.warn(key, "only texts are expected in this list; the others are not used");
                }
                texts
            }
            Some(other) => match scalar_text(&other) {
                Some(text) if text.is_empty() => Vec::new(),
                Some(text) => vec![text],
                None => {
                    self.warn(key, "a list of texts is expected here; the value is not used");
                    Vec::new()
                }
            },
        }
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> bool {
        match self.take(key) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(Value::String(text)) if matches!(text.as_str(), "true" | "false" | "") => {
                text == "true"
            }
            Some(_) => {
                self.warn(key, "true or false is expected here; the value is not used");
                false
            }
        }
    }

    /// A list of maps; anything else in it is noted.
    pub(crate) fn maps(&mut self, key: &'static str) -> Vec<Map<String, Value>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let items = match value {
            Value::Array(items) => items,
            Value::String(text) if text.is_empty() => Vec::new(),
            other => vec![other],
        };
        let mut maps = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::Object(map) => maps.push(map),
                _ => self.warn(key, "only maps are expected in this list; the others are not used"),
            }
        }
        maps
    }

    /// A reader of a map inside, whose findings carry `path`. Hand it to [`Reader::close`].
    pub(crate) fn inside<'m>(&self, map: &'m Map<String, Value>, path: &'static str) -> Reader<'m>
    where
        Self: 'm,
    {
        Reader { name: self.name, map, path, findings: Vec::new(), used: Vec::new() }
    }

    /// Takes over what an inner reader noticed, its unknown keys too.
    pub(crate) fn close(&mut self, mut inner: Reader<'_>) {
        inner.unknown();
        self.findings.append(&mut inner.findings);
    }

    pub(crate) fn count(&mut self, key: &'static str) -> Option<u64> {
        let value = self.take(key)?;
        let count = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if count.is_none() {
            self.warn(key, "a whole number is expected here; the value is not used");
        }
        count
    }

    pub(crate) fn map(&mut self, key: &'static str) -> Map<String, Value> {
        match self.take(key) {
            Some(Value::Object(map)) => map,
            None => Map::new(),
            Some(Value::String(text)) if text.is_empty() => Map::new(),
            Some(_) => {
                self.warn(key, "a map is expected here; the value is not used");
                Map::new()
            }
        }
    }

    pub(crate) fn pairs(&mut self, key: &'static str) -> Vec<(String, String)> {
        let map = self.map(key);
        let mut pairs = Vec::with_capacity(map.len());
        for (from, to) in &map {
            match scalar_text(to) {
                Some(to) => pairs.push((from.clone(), to)),
                None => self.warn(key, format!("\"{from}\" should be replaced by a text")),
            }
        }
        pairs
    }

    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        options: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(key)?;
        let found = options.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
            self.warn(
                key,
                format!("\"{text}\" is not supported here; known are {}", names.join(", ")),
            );
        }
        found
    }

    pub(crate) fn success(&mut self, key: &'static str) -> Option<SuccessTest> {
        let map = self.map(key);
        if map.is_empty() {
            return None;
        }
        if let (Some(path), Some(equals)) =
            (map.get("path").and_then(Value::as_str), map.get("equals"))
        {
            return Some(SuccessTest { path: path.to_owned(), equals: equals.clone() });
        }
        self.warn(key, "\"path\" and \"equals\" are expected here; the test is not used");
        None
    }

    /// The token endpoint: a text, or a map by mode of which the OAuth 2 one counts.
    pub(crate) fn token_url(&mut self) -> Option<String> {
        if let Some(Value::Object(by_mode)) = self.map.get("token_url") {
            self.used.push("token_url");
            // A map by mode; the installation's own endpoint is read beside it.
            return by_mode.get("OAUTH2").and_then(scalar_text).filter(|url| !url.is_empty());
        }
        self.text("token_url")
    }

    /// The token endpoint of app installations, when `token_url` is a map by mode.
    pub(crate) fn app_token_url(&self) -> Option<String> {
        let by_mode = self.map.get("token_url")?.as_object()?;
        by_mode.get("APP").and_then(scalar_text).filter(|url| !url.is_empty())
    }

    pub(crate) fn fields(&mut self, key: &'static str) -> Vec<Field> {
        let map = self.map(key);
        let mut fields = Vec::with_capacity(map.len());
        for (name, value) in &map {
            match value {
                Value::Object(attributes) => fields.push(self.field(key, name, attributes)),
                _ => self
                    .warn(&format!("{key}.{name}"), "a map that describes the input is expected"),
            }
        }
        fields
    }

    pub(crate) fn field(
        &mut self,
        group: &str,
        name: &str,
        attributes: &Map<String, Value>,
    ) -> Field {
        let mut inner = Reader {
            name: self.name,
            map: attributes,
            path: "",
            findings: Vec::new(),
            used: vec!["type", "warnings"],
        };
        let field = Field {
            name: name.to_owned(),
            title: inner.text("title").unwrap_or_else(|| name.to_owned()),
            description: inner.text("description"),
            example: inner.text("example"),
            pattern: inner.text("pattern"),
            format: inner.choice(
                "format",
                &[
                    ("hostname", Format::Hostname),
                    ("uri", Format::Uri),
                    ("uuid", Format::Uuid),
                    ("email", Format::Email),
                ],
            ),
            one_of: inner.texts("enum"),
            optional: inner.flag("optional"),
            default_value: inner.take("default_value").as_ref().and_then(scalar_text),
            hidden: inner.flag("hidden"),
            automated: inner.flag("automated"),
            secret: inner.flag("secret"),
            prefix: inner.text("prefix"),
            suffix: inner.text("suffix"),
            order: inner.take("order").as_ref().and_then(Value::as_i64),
            doc_section: inner.text("doc_section"),
            visible_when: inner.visible_when(),
        };
        inner.unknown();
        for mut finding in inner.findings {
            finding.key = format!("{group}.{name}.{}", finding.key);
            self.findings.push(finding);
        }
        field
    }

    fn visible_when(&mut self) -> Option<VisibleWhen> {
        let map = self.map("visible_when");
        let mut inner = self.inside(&map, "visible_when.");
        let found = inner.text("field").zip(inner.text("equals"));
        self.close(inner);
        found.map(|(field, equals)| VisibleWhen { field, equals })
    }

    pub(crate) fn unknown(&mut self) {
        let unknown: Vec<String> =
            self.map.keys().filter(|key| !self.used.contains(&key.as_str())).cloned().collect();
        for key in unknown {
            self.warn(&key, "this key is not known and has no effect");
        }
    }
}

/// The text of a scalar; lists, maps and null have none.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

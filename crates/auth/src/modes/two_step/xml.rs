//! XML bodies as maps: names that start with `$` are attributes, lists repeat their element.

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};
use valetkey_catalog::scalar_text;

/// The member with the text of an element that has attributes or children too.
pub(super) const TEXT: &str = "_";

const DEPTH_MAX: usize = 32;
const ELEMENTS_MAX: usize = 10_000;

/// A document of the map's one member (or several, for a provider that takes fragments).
pub(super) fn write(map: &Map<String, Value>) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
    write_members(map, &mut out);
    out
}

fn write_members(map: &Map<String, Value>, out: &mut String) {
    for (name, value) in map {
        if name == TEXT {
            out.push_str(&escape(scalar_text(value).unwrap_or_default()));
        } else if !name.starts_with('$') {
            match value {
                Value::Array(items) => items.iter().for_each(|item| write_element(name, item, out)),
                other => write_element(name, other, out),
            }
        }
    }
}

fn write_element(name: &str, value: &Value, out: &mut String) {
    out.push('<');
    out.push_str(name);
    if let Value::Object(map) = value {
        for (attribute, value) in map {
            if let Some(attribute) = attribute.strip_prefix('$') {
                let text = scalar_text(value).unwrap_or_default();
                for part in [" ", attribute, "=\"", &escape(&text), "\""] {
                    out.push_str(part);
                }
            }
        }
    }
    out.push('>');
    match value {
        Value::Object(map) => write_members(map, out),
        other => out.push_str(&escape(scalar_text(other).unwrap_or_default())),
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

struct Open {
    name: String,
    members: Map<String, Value>,
    text: String,
}

impl Open {
    fn new(start: &BytesStart<'_>) -> Option<Self> {
        let mut members = Map::new();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            members.insert(format!("${}", attribute.key.as_ref()), value.into_owned().into());
        }
        Some(Self { name: start.name().as_ref().to_owned(), members, text: String::new() })
    }

    /// An element with nothing but text is its text.
    fn into_value(mut self) -> Value {
        let text = self.text.trim();
        if self.members.is_empty() {
            return text.into();
        }
        if !text.is_empty() {
            self.members.insert(TEXT.to_owned(), text.into());
        }
        Value::Object(self.members)
    }
}

/// A document as a map of its root element; none when it is no well-formed XML. Document types and
/// entities of their own are not read.
pub(in crate::modes) fn read(text: &str) -> Option<Map<String, Value>> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Open { name: String::new(), members: Map::new(), text: String::new() }];
    let mut elements = 0;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                elements += 1;
                if open.len() > DEPTH_MAX || elements > ELEMENTS_MAX {
                    return None;
                }
                open.push(Open::new(&start)?);
            }
            Event::Empty(start) => {
                elements += 1;
                if elements > ELEMENTS_MAX {
                    return None;
                }
                let value = Open::new(&start)?;
                close(open.last_mut()?, value);
            }
            Event::End(_) => {
                let closed = open.pop()?;
                close(open.last_mut()?, closed);
            }
            Event::Text(part) => open.last_mut()?.text.push_str(&part.xml10_content()),
            Event::CData(part) => open.last_mut()?.text.push_str(&part.xml10_content()),
            Event::GeneralRef(reference) => {
                let text = &mut open.last_mut()?.text;
                match reference.resolve_char_ref().ok()? {
                    Some(c) => text.push(c),
                    None => text.push_str(resolve_predefined_entity(&reference)?),
                }
            }
            Event::DocType(_) => return None,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    let root = open.pop().filter(|_| open.is_empty())?;
    (!root.members.is_empty()).then_some(root.members)
}

fn close(parent: &mut Open, closed: Open) {
    let name = closed.name.clone();
    let value = closed.into_value();
    match parent.members.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
        None => {
            parent.members.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_become_elements_and_dollar_names_attributes() {
        let map = json!({"request": {
            "control": {"senderid": "a<b&\"", "flag": false},
            "function": {"$id": "{{$guid}}", "getSession": ""},
            "item": [1, "two"], "note": {"$lang": "en", "_": "hi"}
        }});
        assert_eq!(
            write(map.as_object().unwrap()),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><request><control>\
             <senderid>a&lt;b&amp;&quot;</senderid><flag>false</flag></control>\
             <function id=\"{{$guid}}\"><getSession></getSession></function>\
             <item>1</item><item>two</item><note lang=\"en\">hi</note></request>"
        );
    }

    #[test]
    fn documents_become_maps() {
        let text = "<?xml version=\"1.0\"?><!-- x --><r a=\"1&amp;2\"><s> t&lt;&#65; </s><s><![CDATA[<c>]]></s>\
                    <e/><u k=\"v\">w</u></r>";
        assert_eq!(
            Value::Object(read(text).unwrap()),
            json!({"r": {"$a": "1&2", "s": ["t<A", "<c>"], "e": "", "u": {"$k": "v", "_": "w"}}})
        );
    }

    #[test]
    fn what_is_not_plain_xml_is_nothing() {
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><x>&a;</x>";
        let deep = "<a>".repeat(100);
        for text in [bomb, &deep, "<a>", "<a></b>", "<x>&nope;</x>", "<html", "text"] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}

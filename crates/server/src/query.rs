//! Query strings with brackets: `a=1&a=2` is a list, `tags[k]=v` an object, `+` a blank. Brackets
//! may be written raw or percent-encoded; dots in names are literal.
//!
//! What is malformed is refused here, so that no endpoint sees half-read input.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use crate::error::{ApiError, Part};
use crate::schema::Issue;

/// Most parameters in one query string.
pub const PARAMETERS_MAX: usize = 1000;
/// Most brackets after a name.
pub const DEPTH_MAX: usize = 5;
/// Most items of a list. A longer one becomes an object with its indexes as keys, which the
/// checks of the endpoint then refuse.
pub const LIST_ITEMS_MAX: usize = 100;

/// Why a query string cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// More than [`PARAMETERS_MAX`].
    #[error("The query string has more than 1000 parameters")]
    TooMany,
    /// More than [`DEPTH_MAX`] brackets.
    #[error("A parameter is nested more than 5 levels deep")]
    TooDeep,
    /// A `%` that is not followed by two hex digits, or bytes that are not UTF-8.
    #[error("The query string has a malformed percent escape")]
    Escape,
    /// U+0000, which no database text can hold.
    #[error("The query string has a NUL character")]
    Nul,
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        ApiError::validation(Part::Query, vec![Issue::custom(error.to_string(), &[])])
    }
}

/// Reads the part of a URL after `?`.
pub fn parse(raw: &str) -> Result<Map<String, Value>, QueryError> {
    let mut root = Members::default();
    let pairs = raw.split('&').filter(|pair| !pair.is_empty());
    for (count, pair) in pairs.enumerate() {
        if count == PARAMETERS_MAX {
            return Err(QueryError::TooMany);
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        let (first, rest) = split_name(&name);
        if rest.len() > DEPTH_MAX {
            return Err(QueryError::TooDeep);
        }
        let place = root.entry(first);
        let old = place.take();
        *place = Some(insert(old, &rest, value));
    }
    Ok(root.into_values())
}

/// One query parameter as it is written, for credentials that are read before validation.
pub fn first(query: &Map<String, Value>, name: &str) -> Option<String> {
    match query.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items.first()?.as_str().map(ToOwned::to_owned),
        _ => None,
    }
}

fn decode(text: &str) -> Result<String, QueryError> {
    let spaced = text.replace('+', " ");
    decode_percent(&spaced)
}

/// Percent-decodes a text once, strictly.
pub(crate) fn decode_percent(text: &str) -> Result<String, QueryError> {
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        let hex = |offset: usize| bytes.get(index + offset).is_some_and(u8::is_ascii_hexdigit);
        if *byte == b'%' && !(hex(1) && hex(2)) {
            return Err(QueryError::Escape);
        }
    }
    let decoded = percent_decode(bytes).decode_utf8().map_err(|_| QueryError::Escape)?;
    if decoded.contains('\0') { Err(QueryError::Nul) } else { Ok(decoded.into_owned()) }
}

/// `a[b][]` as `a` and `["b", ""]`. Brackets that do not close belong to the name.
fn split_name(name: &str) -> (&str, Vec<&str>) {
    let Some(open) = name.find('[').filter(|open| *open > 0) else {
        return (name, Vec::new());
    };
    let (first, mut tail) = name.split_at(open);
    let mut rest = Vec::new();
    while let Some(inner) = tail.strip_prefix('[') {
        let Some((segment, after)) = inner.split_once(']') else {
            break;
        };
        rest.push(segment);
        tail = after;
    }
    if tail.is_empty() { (first, rest) } else { (name, Vec::new()) }
}

/// A value while it is being put together.
enum Node {
    Text(String),
    /// From repetition or `[]`.
    List(Vec<Node>),
    /// From `[0]`, `[1]`: sorted, gaps closed at the end.
    Indexed(BTreeMap<usize, Node>),
    Keyed(Members),
}

/// An object in order of first appearance.
#[derive(Default)]
struct Members {
    positions: BTreeMap<String, usize>,
    nodes: Vec<(String, Option<Node>)>,
}

impl Members {
    fn entry(&mut self, name: &str) -> &mut Option<Node> {
        let next = self.nodes.len();
        let position = *self.positions.entry(name.to_owned()).or_insert(next);
        if position == next {
            self.nodes.push((name.to_owned(), None));
        }
        &mut self.nodes[position].1
    }

    fn into_values(self) -> Map<String, Value> {
        self.nodes.into_iter().filter_map(|(name, node)| Some((name, node?.into_value()))).collect()
    }
}

impl Node {
    fn into_value(self) -> Value {
        match self {
            Node::Text(text) => Value::String(text),
            Node::List(nodes) => nodes.into_iter().map(Node::into_value).collect(),
            Node::Indexed(nodes) => nodes.into_values().map(Node::into_value).collect(),
            Node::Keyed(members) => Value::Object(members.into_values()),
        }
    }

    /// The node as an object, a list's indexes becoming its keys.
    fn into_keyed(self) -> Members {
        let pairs: Vec<(String, Node)> = match self {
            Node::Keyed(members) => return members,
            Node::Text(text) => vec![("0".to_owned(), Node::Text(text))],
            Node::List(nodes) => {
                nodes.into_iter().enumerate().map(|(at, node)| (at.to_string(), node)).collect()
            }
            Node::Indexed(nodes) => {
                nodes.into_iter().map(|(at, node)| (at.to_string(), node)).collect()
            }
        };
        let mut keyed = Members::default();
        for (name, node) in pairs {
            *keyed.entry(&name) = Some(node);
        }
        keyed
    }
}

fn insert(old: Option<Node>, path: &[&str], value: String) -> Node {
    let Some((segment, rest)) = path.split_first() else {
        return match old {
            None => Node::Text(value),
            Some(old) => append(old, Node::Text(value)),
        };
    };
    if segment.is_empty() {
        let item = insert(None, rest, value);
        return append(old.unwrap_or(Node::List(Vec::new())), item);
    }
    match (segment.parse::<usize>(), old) {
        (Ok(index), None) if index <= LIST_ITEMS_MAX => {
            Node::Indexed(BTreeMap::from([(index, insert(None, rest, value))]))
        }
        (Ok(index), Some(Node::Indexed(mut nodes))) if index <= LIST_ITEMS_MAX => {
            let inner = nodes.remove(&index);
            nodes.insert(index, insert(inner, rest, value));
            Node::Indexed(nodes)
        }
        (_, old) => {
            let mut members = old.map(Node::into_keyed).unwrap_or_default();
            let place = members.entry(segment);
            let inner = place.take();
            *place = Some(insert(inner, rest, value));
            Node::Keyed(members)
        }
    }
}

fn append(old: Node, item: Node) -> Node {
    let mut nodes = match old {
        Node::List(nodes) => nodes,
        Node::Indexed(nodes) => nodes.into_values().collect(),
        Node::Text(text) => vec![Node::Text(text)],
        Node::Keyed(mut members) => {
            let next = members.nodes.len().to_string();
            *members.entry(&next) = Some(item);
            return Node::Keyed(members);
        }
    };
    nodes.push(item);
    let list = Node::List(nodes);
    match &list {
        Node::List(nodes) if nodes.len() > LIST_ITEMS_MAX => Node::Keyed(list.into_keyed()),
        _ => list,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(raw: &str) -> Value {
        Value::Object(parse(raw).unwrap())
    }

    #[test]
    fn names_and_values_are_decoded() {
        assert_eq!(
            parsed("q=a+b%2Bc&empty=&bare&a.b=1"),
            json!({
                "q": "a b+c", "empty": "", "bare": "", "a.b": "1"
            })
        );
        assert_eq!(parsed(""), json!({}));
        assert_eq!(parsed("&&a=1&"), json!({"a": "1"}));
    }

    #[test]
    fn brackets_make_lists_and_objects() {
        assert_eq!(parsed("a=1&a=2"), json!({"a": ["1", "2"]}));
        assert_eq!(parsed("a[]=1"), json!({"a": ["1"]}));
        assert_eq!(parsed("a[5]=y&a[0]=x"), json!({"a": ["x", "y"]}));
        assert_eq!(parsed("tags%5Bk%5D=v&tags[l]=w"), json!({"tags": {"k": "v", "l": "w"}}));
        assert_eq!(parsed("tags[a]=1&tags[a]=2"), json!({"tags": {"a": ["1", "2"]}}));
        assert_eq!(parsed("a[b][c]=1"), json!({"a": {"b": {"c": "1"}}}));
        assert_eq!(parsed("a[0][b]=1&a[0][c]=2"), json!({"a": [{"b": "1", "c": "2"}]}));
        assert_eq!(parsed("a[101]=x"), json!({"a": {"101": "x"}}));
        assert_eq!(parsed("a[b=1&[c]=2&d[e]f=3"), json!({"a[b": "1", "[c]": "2", "d[e]f": "3"}));
    }

    #[test]
    fn a_list_beyond_the_limit_becomes_an_object() {
        let at_limit = parse(&vec!["a=1"; 100].join("&")).unwrap();
        assert_eq!(at_limit["a"].as_array().unwrap().len(), 100);
        let beyond = parse(&vec!["a=1"; 102].join("&")).unwrap();
        assert_eq!(beyond["a"].as_object().unwrap().len(), 102);
    }

    #[test]
    fn malformed_input_is_refused() {
        assert_eq!(parse("a=%E0%A4%A"), Err(QueryError::Escape));
        assert_eq!(parse("a=%FF"), Err(QueryError::Escape));
        assert_eq!(parse("%=1"), Err(QueryError::Escape));
        assert_eq!(parse("a=%00"), Err(QueryError::Nul));
        assert_eq!(parse("a[1][2][3][4][5][6]=x"), Err(QueryError::TooDeep));
        assert!(parse(&vec!["a=1"; 1000].join("&")).is_ok());
        assert_eq!(parse(&vec!["b=1"; 1001].join("&")), Err(QueryError::TooMany));
    }
}

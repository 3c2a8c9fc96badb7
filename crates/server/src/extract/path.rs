//! Finding the endpoint of a path. Names in the path are matched in any letter case and one
//! trailing slash is ignored, because clients rely on both; parameter values are left as sent.
//! This is why the public API has its own small table beside axum's router, which can do neither.

use std::borrow::Cow;
use std::collections::HashMap;

use http::Method;

use crate::query::{self, QueryError};

/// Where each endpoint answers.
#[derive(Default)]
pub struct PathTable {
    root: Node,
}

#[derive(Default)]
struct Node {
    names: HashMap<String, Node>,
    parameter: Option<Box<Node>>,
    here: Vec<Target>,
    /// Endpoints that take the rest of the path, `{*rest}`.
    rest: Vec<Target>,
}

struct Target {
    /// `None` answers every method.
    method: Option<Method>,
    endpoint: usize,
    parameter_names: Vec<&'static str>,
}

/// What the table knows of a method and a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// An endpoint, and its path parameters still encoded.
    Endpoint(usize, Vec<(&'static str, &'a str)>),
    /// The path exists for other methods only.
    OtherMethods(Vec<Method>),
    /// No such path.
    Nothing,
}

impl PathTable {
    /// Adds a path such as `/connections/{connectionId}` or `/proxy/{*path}`.
    pub fn add(&mut self, method: Option<Method>, path: &'static str, endpoint: usize) {
        let mut node = &mut self.root;
        let mut parameter_names = Vec::new();
        let mut takes_rest = false;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
                Some(name) if name.starts_with('*') => {
                    parameter_names.push(&name[1..]);
                    takes_rest = true;
                }
                Some(name) => {
                    parameter_names.push(name);
                    node = node.parameter.get_or_insert_default();
                }
                None => node = node.names.entry(segment.to_ascii_lowercase()).or_default(),
            }
        }
        let target = Target { method, endpoint, parameter_names };
        if takes_rest {
            node.rest.push(target);
        } else {
            node.here.push(target);
        }
    }

    /// Looks a request up. `HEAD` is answered by `GET`. A path that only a parameter matches is
    /// used when the literal one does not know the method, as in `GET /connections/metadata`.
    pub fn find<'a>(&self, method: &Method, path: &'a str) -> Found<'a> {
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let path = path.strip_prefix('/').unwrap_or(path);
        let mut search = Search { wanted, values: Vec::new(), others: Vec::new() };
        let found = search.walk(&self.root, path);
        match found {
            Some(target) => {
                let values = search.values.into_iter();
                let parameters = target.parameter_names.iter().copied().zip(values).collect();
                Found::Endpoint(target.endpoint, parameters)
            }
            None if search.others.is_empty() => Found::Nothing,
            None => Found::OtherMethods(search.others),
        }
    }
}

struct Search<'a, 'm> {
    wanted: &'m Method,
    values: Vec<&'a str>,
    others: Vec<Method>,
}

impl<'a> Search<'a, '_> {
    /// `path` is what is left below the node, without its first slash.
    fn walk<'t>(&mut self, node: &'t Node, path: &'a str) -> Option<&'t Target> {
        if path.is_empty() {
            return self.target(&node.here);
        }
        let (segment, tail) = path.split_once('/').unwrap_or((path, ""));
        if let Some(next) = node.names.get(lower_case(segment).as_ref())
            && let Some(target) = self.walk(next, tail)
        {
            return Some(target);
        }
        if let Some(next) = node.parameter.as_deref().filter(|_| !segment.is_empty()) {
            self.values.push(segment);
            if let Some(target) = self.walk(next, tail) {
                return Some(target);
            }
            self.values.pop();
        }
        let target = self.target(&node.rest)?;
        self.values.push(path);
        Some(target)
    }

    fn target<'t>(&mut self, targets: &'t [Target]) -> Option<&'t Target> {
        let fits =
            |target: &&Target| target.method.as_ref().is_none_or(|method| method == self.wanted);
        let found = targets.iter().find(fits);
        if found.is_none() {
            for method in targets.iter().filter_map(|target| target.method.as_ref()) {
                if !self.others.contains(method) {
                    self.others.push(method.clone());
                }
            }
        }
        found
    }
}

fn lower_case(segment: &str) -> Cow<'_, str> {
    if segment.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(segment.to_ascii_lowercase())
    } else {
        Cow::Borrowed(segment)
    }
}

/// Decodes one path parameter, once: `%2F` becomes a slash of the value.
pub fn decode(value: &str) -> Result<String, QueryError> {
    query::decode_percent(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> PathTable {
        let mut table = PathTable::default();
        for (index, (method, path)) in [
            (Some(Method::GET), "/connections"),
            (Some(Method::GET), "/connections/{connectionId}"),
            (Some(Method::POST), "/connections/metadata"),
            (Some(Method::DELETE), "/connections/{connectionId}"),
            (Some(Method::GET), "/integrations/{uniqueKey}/functions/{name}"),
            (None, "/proxy/{*path}"),
            (Some(Method::GET), "/"),
        ]
        .into_iter()
        .enumerate()
        {
            table.add(method, path, index);
        }
        table
    }

    #[test]
    fn names_ignore_case_and_values_keep_theirs() {
        let table = table();
        assert_eq!(
            table.find(&Method::GET, "/Connections/Conn%2F1/"),
            Found::Endpoint(1, vec![("connectionId", "Conn%2F1")])
        );
        assert_eq!(table.find(&Method::HEAD, "/CONNECTIONS/"), Found::Endpoint(0, vec![]));
        assert_eq!(table.find(&Method::GET, "/"), Found::Endpoint(6, vec![]));
        assert_eq!(
            table.find(&Method::GET, "/integrations/A/functions/B"),
            Found::Endpoint(4, vec![("uniqueKey", "A"), ("name", "B")])
        );
    }

    #[test]
    fn a_literal_path_wins_where_it_knows_the_method() {
        let table = table();
        assert_eq!(table.find(&Method::POST, "/connections/metadata"), Found::Endpoint(2, vec![]));
        assert_eq!(
            table.find(&Method::GET, "/connections/metadata"),
            Found::Endpoint(1, vec![("connectionId", "metadata")])
        );
    }

    #[test]
    fn other_methods_and_other_paths_are_told_apart() {
        let table = table();
        assert_eq!(
            table.find(&Method::PUT, "/connections/x"),
            Found::OtherMethods(vec![Method::GET, Method::DELETE])
        );
        for path in ["/nothing", "/connections//", "/connections/x/y", "/integrations/a/functions"]
        {
            assert_eq!(table.find(&Method::GET, path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn the_rest_of_a_path_is_taken_as_sent() {
        assert_eq!(
            table().find(&Method::PATCH, "/PROXY/v1/Users//a%20b/"),
            Found::Endpoint(5, vec![("path", "v1/Users//a%20b/")])
        );
        assert_eq!(table().find(&Method::GET, "/proxy"), Found::Nothing);
    }

    #[test]
    fn values_are_decoded_once() {
        assert_eq!(decode("a%252Fb%20+").unwrap(), "a%2Fb +");
        assert_eq!(decode("%E0%A4%A"), Err(QueryError::Escape));
    }
}

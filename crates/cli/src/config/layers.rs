//! Laying the layers over each other, and noticing everything that is wrong on the way.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use toml::Value;
use valetkey_base::Secret;
use valetkey_server::auth_header;

use super::environment::as_text;
use super::key::Key;
use super::keys::{KEYS, PATTERNS};
use super::problem::{Problem, Problems};
use super::{Config, ConfiguredKey};

/// Names the configuration file, when no flag does.
pub(crate) const FILE_VARIABLE: &str = "VALETKEY_CONFIG";
/// Largest configuration or secret file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// How alike two names must be for one to be offered for the other.
const ALIKE_MIN: f64 = 0.8;

/// Where settings come from, weakest first; below them are the defaults.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// The process's variables.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Name of the key and value.
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// What the command at hand cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Sealed data: on PostgreSQL a master key must be given.
    MasterKey,
    /// Nothing besides well-formed settings.
    Nothing,
}

/// The value that counts so far, and who gave it.
struct Given {
    text: String,
    source: String,
}

type Layer = BTreeMap<&'static str, Given>;

/// Reads every source.
///
/// # Errors
/// Everything that is wrong, in one answer.
pub(crate) fn load(sources: Sources, needs: Needs) -> Result<Config, Problems> {
    let mut problems = Vec::new();
    let mut given = Layer::new();
    let variables = as_text(sources.environment, &mut problems);
    let file = sources.file.or_else(|| {
        let named = variables.iter().find(|(name, _)| name == FILE_VARIABLE);
        named.map(|(_, path)| PathBuf::from(path))
    });
    if let Some(path) = file {
        given.extend(file_layer(&path, &mut problems));
    }
    let mut config = Config::defaults();
    given.extend(environment_layer(variables, &mut config, &mut problems));
    for (name, text) in sources.flags {
        let source = format!("--{}", name.replace('_', "-"));
        given.insert(name, Given { text, source });
    }
    for key in KEYS {
        let Some(given) = given.remove(key.name) else { continue };
        if let Err(expected) = key.kind.apply(&mut config, &given.text) {
            let message =
                if key.secret { expected } else { format!("{expected}, not {:?}", given.text) };
            problems.push(Problem::new(given.source, message));
        }
    }
    if needs == Needs::MasterKey {
        problems.extend(missing_master_key(&config, &problems));
    }
    if config.openid.issuer.is_some() != config.openid.client_id.is_some() {
        let message = "openid_issuer and openid_client_id are set together, or neither is";
        problems.push(Problem::new("openid_client_id", message));
    }
    if config.smtp_server.is_some() != config.smtp_from.is_some() {
        let message = "smtp_url and smtp_from are set together, or neither is";
        problems.push(Problem::new("smtp_from", message));
    }
    if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
}

/// A key that is malformed is reported as such, not as missing.
fn missing_master_key(config: &Config, problems: &[Problem]) -> Option<Problem> {
    let is_missing = config.database_url.is_some() && config.master_key.is_none();
    let is_reported = problems.iter().any(|problem| problem.source.contains("MASTER_KEY"));
    (is_missing && !is_reported).then(|| {
        Problem::new(
            "VALETKEY_MASTER_KEY",
            "required on PostgreSQL; make one with `openssl rand -base64 32`, give it to every \
             server of this database, and keep a copy elsewhere",
        )
    })
}

fn file_layer(path: &Path, problems: &mut Vec<Problem>) -> Layer {
    let name = path.display().to_string();
    let table = read_limited(path).and_then(|text| {
        // The parser's own message quotes the line, which may hold a secret.
        text.parse::<toml::Table>().map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            format!("line {line} is not valid TOML: {}", error.message())
        })
    });
    let table = match table {
        Ok(table) => table,
        Err(message) => {
            problems.push(Problem::new(name, message));
            return Layer::new();
        }
    };
    let mut layer = Layer::new();
    for (written, value) in table {
        let source = format!("{written} in {name}");
        let Some((key, is_path)) = find(&written, |key| key.name, "_file") else {
            let known = KEYS.iter().map(|key| key.name);
            problems.push(Problem::new(source, unknown("key", &written, known)));
            continue;
        };
        let Some(text) = as_line(value) else {
            let expected = format!("expected {}", key.kind.form());
            problems.push(Problem::new(source, expected));
            continue;
        };
        add(&mut layer, key, is_path, text, source, problems);
    }
    layer
}

/// A TOML value as it would be written in a variable.
fn as_line(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Array(values) => {
            let texts = values.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
            Some(texts.join(","))
        }
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

fn environment_layer(
    variables: Vec<(String, String)>,
    config: &mut Config,
    problems: &mut Vec<Problem>,
) -> Layer {
    let mut layer = Layer::new();
    let mut api_keys = Vec::new();
    for (name, value) in variables {
        if name == FILE_VARIABLE {
            continue;
        }
        if let Some((key, is_path)) = find(&name, |key| key.variable, "_FILE") {
            add(&mut layer, key, is_path, value, name, problems);
        } else if let Some(environment) =
            PATTERNS.iter().find_map(|it| name.strip_prefix(it.prefix))
        {
            let environment = environment.to_owned();
            api_keys.extend(api_key(name, &environment, value, problems));
        } else {
            let known = KEYS.iter().map(|key| key.variable).chain([FILE_VARIABLE]);
            let message = unknown("variable", &name, known);
            problems.push(Problem::new(name, message));
        }
    }
    config.api_keys = without_clashes(api_keys, problems);
    layer
}

fn api_key(
    variable: String,
    environment: &str,
    value: String,
    problems: &mut Vec<Problem>,
) -> Option<ConfiguredKey> {
    let (environment, value) = match environment.strip_suffix("_FILE") {
        Some(environment) => (environment, from_file(&variable, &value, problems)?),
        None => (environment, value),
    };
    let secret = Secret::new(value.trim());
    if environment.is_empty() {
        let message = "the name of an environment must follow, such as VALETKEY_API_KEY_DEV";
        problems.push(Problem::new(variable, message));
        return None;
    }
    if auth_header::api_key(secret.expose()).is_err() {
        let message = "expected a version 4 UUID, or vk_ and visible ASCII characters";
        problems.push(Problem::new(variable, message));
        return None;
    }
    let environment = environment.to_lowercase();
    Some(ConfiguredKey { variable, environment, secret })
}

/// A key opens one environment. The same key twice for the same one is a harmless repetition.
fn without_clashes(keys: Vec<ConfiguredKey>, problems: &mut Vec<Problem>) -> Vec<ConfiguredKey> {
    let mut kept: Vec<ConfiguredKey> = Vec::new();
    for key in keys {
        let file = format!("{}_FILE", key.variable);
        if let Some(other) = kept
            .iter()
            .find(|kept| kept.variable == file || format!("{}_FILE", kept.variable) == key.variable)
        {
            let message = format!("set together with {}; remove one of them", other.variable);
            problems.push(Problem::new(key.variable, message));
            continue;
        }
        match kept.iter().find(|kept| kept.secret == key.secret) {
            Some(same) if same.environment == key.environment => {}
            Some(other) => {
                let message =
                    format!("the same key as {}, for another environment", other.variable);
                problems.push(Problem::new(key.variable, message));
            }
            None => kept.push(key),
        }
    }
    kept
}

/// The key of that name, and whether the name is its `…_file` form.
fn find(
    written: &str,
    name: fn(&Key) -> &'static str,
    suffix: &str,
) -> Option<(&'static Key, bool)> {
    if let Some(key) = KEYS.iter().find(|key| name(key) == written) {
        return Some((key, false));
    }
    let base = written.strip_suffix(suffix)?;
    KEYS.iter().find(|key| key.secret && name(key) == base).map(|key| (key, true))
}

fn add(
    layer: &mut Layer,
    key: &'static Key,
    is_path: bool,
    text: String,
    source: String,
    problems: &mut Vec<Problem>,
) {
    if let Some(other) = layer.get(key.name) {
        let message = format!("set together with {}; remove one of them", other.source);
        problems.push(Problem::new(source, message));
        return;
    }
    let text = if is_path { from_file(&source, &text, problems) } else { Some(text) };
    if let Some(text) = text {
        layer.insert(key.name, Given { text, source });
    }
}

fn from_file(source: &str, path: &str, problems: &mut Vec<Problem>) -> Option<String> {
    match read_limited(Path::new(path.trim())) {
        Ok(text) => Some(text.trim().to_owned()),
        Err(message) => {
            problems.push(Problem::new(source, format!("{path}: {message}")));
            None
        }
    }
}

fn read_limited(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let mut text = String::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
    }
    Ok(text)
}

fn unknown<'a>(what: &str, written: &str, known: impl Iterator<Item = &'a str>) -> String {
    let closest = known
        .map(|name| (strsim::jaro_winkler(name, written), name))
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match closest {
        Some((alike, name)) if alike >= ALIKE_MIN => {
            format!("there is no such {what}; did you mean {name}?")
        }
        _ => format!("there is no such {what}; `valetkey config reference` lists all"),
    }
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;

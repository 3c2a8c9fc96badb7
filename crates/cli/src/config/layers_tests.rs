use std::fs;

use super::*;
use crate::config::LogFormat;

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const UUID: &str = "5f2d7b1e-0c64-4f5e-9a3b-2f5d1f0a9c77";

fn environment(variables: &[(&str, &str)]) -> Sources {
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Sources { environment: variables.collect(), ..Sources::default() }
}

fn wrong(sources: Sources) -> Vec<(String, String)> {
    let problems = load(sources, Needs::MasterKey).unwrap_err().0;
    problems.into_iter().map(|problem| (problem.source, problem.message)).collect()
}

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("valetkey-config-{}", valetkey_base::Rng::system().hex(8));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn each_layer_lies_over_the_one_before_it() {
    let folder = Folder::new();
    let text = "listen = '127.0.0.1:1'\nrate_limit_per_min = 1\nlog_format = 'json'\n\
                providers = ['a.yaml', 'b']";
    let mut sources =
        environment(&[("VALETKEY_LISTEN", "127.0.0.1:2"), ("VALETKEY_RATE_LIMIT_PER_MIN", "2")]);
    sources.file = Some(folder.file("valetkey.toml", text));
    sources.flags = vec![("listen", "127.0.0.1:3".to_owned())];
    let config = load(sources, Needs::MasterKey).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.rate_limit_per_min, 2);
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.providers, [PathBuf::from("a.yaml"), PathBuf::from("b")]);
    assert_eq!(config.data_dir, PathBuf::from("./data"));
    assert_eq!(config.public_url(config.listen), "http://127.0.0.1:3");
}

#[test]
fn everything_wrong_is_told_at_once_with_its_source() {
    let folder = Folder::new();
    let path = folder.file("valetkey.toml", "listn = 'x'\nlog_format = 'xml'\n[section]\na = 1");
    let mut sources = environment(&[
        ("DATABASE_URL", "mysql://root:hunter2@db/x"),
        ("VALETKEY_MASTER_KEY", "hunter2"),
        ("VALETKEY_RATE_LIMIT_PER_MINUTE", "5"),
        ("VALETKEY_API_KEY_DEV", "hunter2"),
        ("VALETKEY_TOKEN_TIMEOUT", "30"),
        ("VALETKEY_TEST_POSTGRES", "not a setting"),
        ("NANGO_HOST", "not ours"),
    ]);
    sources.file = Some(path.clone());
    sources.flags = vec![("public_url", "example.com".to_owned())];
    let problems = wrong(sources);
    let file = path.display();
    let expected = [
        (format!("listn in {file}"), "did you mean listen?"),
        (format!("section in {file}"), "no such key"),
        ("VALETKEY_API_KEY_DEV".into(), "expected a version 4 UUID"),
        ("VALETKEY_RATE_LIMIT_PER_MINUTE".into(), "did you mean VALETKEY_RATE_LIMIT_PER_MIN?"),
        ("--public-url".into(), "not \"example.com\""),
        ("DATABASE_URL".into(), "postgres://user:password@host/database"),
        ("VALETKEY_MASTER_KEY".into(), "base64 of 32 bytes"),
        ("VALETKEY_TOKEN_TIMEOUT".into(), "from 1s to 5m, written with its unit"),
        (format!("log_format in {file}"), "text or json"),
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (source, part) in expected {
        let found = problems.iter().find(|problem| problem.0 == source);
        assert!(found.is_some_and(|problem| problem.1.contains(part)), "{source}: {problems:#?}");
    }
    assert!(!format!("{problems:?}").contains("hunter2"));
}

#[test]
fn a_secret_comes_from_a_file_and_never_from_both() {
    let folder = Folder::new();
    let path = folder.file("key", &format!("{KEY}\n")).display().to_string();
    let config = load(environment(&[("VALETKEY_MASTER_KEY_FILE", &path)]), Needs::MasterKey);
    assert!(config.unwrap().master_key.is_some());

    let both = [("VALETKEY_MASTER_KEY_FILE", path.as_str()), ("VALETKEY_MASTER_KEY", KEY)];
    let problems = wrong(environment(&both));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].1.contains("set together with VALETKEY_MASTER_KEY;"), "{problems:?}");

    let problems = wrong(environment(&[("VALETKEY_MASTER_KEY_FILE", "/nowhere/key")]));
    assert_eq!(problems[0].0, "VALETKEY_MASTER_KEY_FILE");
    assert!(problems[0].1.contains("/nowhere/key: cannot be read"), "{problems:?}");

    // Only secrets have that form.
    let problems = wrong(environment(&[("VALETKEY_LISTEN_FILE", path.as_str())]));
    assert!(problems[0].1.contains("no such variable"));
}

#[test]
fn a_secret_in_a_malformed_file_is_not_shown() {
    let folder = Folder::new();
    let path = folder.file("a.toml", "listen = '127.0.0.1:1'\nmaster_key = 'hunter2");
    let sources = Sources { file: Some(path), ..Sources::default() };
    let problems = wrong(sources);
    assert!(problems[0].1.contains("line 2 is not valid TOML"), "{problems:?}");
    assert!(!format!("{problems:?}").contains("hunter2"));
}

#[test]
fn postgres_needs_a_master_key_only_where_something_is_sealed() {
    let url = ("DATABASE_URL", "postgres://valetkey@db/valetkey");
    let problems = wrong(environment(&[url]));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].1.contains("openssl rand -base64 32"));
    assert!(load(environment(&[url]), Needs::Nothing).is_ok());
    assert!(load(environment(&[url, ("VALETKEY_MASTER_KEY", KEY)]), Needs::MasterKey).is_ok());
}

#[test]
fn api_keys_come_under_both_names_and_belong_to_one_environment() {
    let other = "vk_0123456789abcdef";
    let config = load(
        environment(&[
            ("VALETKEY_API_KEY_DEV", UUID),
            ("NANGO_SECRET_KEY_DEV", UUID),
            ("NANGO_SECRET_KEY_EU_PROD", other),
            ("VALETKEY_API_KEY_STAGING", ""),
        ]),
        Needs::MasterKey,
    )
    .unwrap();
    let keys: Vec<_> = config.api_keys.iter().map(|key| key.environment.as_str()).collect();
    assert_eq!(keys, ["dev", "eu_prod"]);

    let problems =
        wrong(environment(&[("VALETKEY_API_KEY_DEV", UUID), ("VALETKEY_API_KEY_PROD", UUID)]));
    assert_eq!(problems[0].0, "VALETKEY_API_KEY_PROD");
    assert!(problems[0].1.contains("the same key as VALETKEY_API_KEY_DEV"));
}

#[test]
fn the_default_file_is_accepted_and_changes_nothing() {
    let folder = Folder::new();
    let commented = crate::config::document::default_file();
    let lines = commented.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if setting.contains(" = ") && !setting.starts_with(' ') => setting,
        _ => line,
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    assert!(text.contains("\nlisten = \"127.0.0.1:3003\""), "{text}");
    let path = folder.file("default.toml", &text);
    let sources = Sources { file: Some(path), ..Sources::default() };
    let config = load(sources, Needs::MasterKey).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::defaults()));
}

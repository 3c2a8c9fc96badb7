//! Provider files: what the linter says, and what a running server does when they change.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::program::{Folder, Running, get, send, until};

const KEY: &str = "5f2d7b1e-0c64-4f5e-9a3b-2f5d1f0a9c77";

const HEAD: &str = "categories: [crm]\ndocs: https://docs.acme.test\nsource: https://docs.acme.test\n\
                    checked: 2026-01-31\nauth_mode: API_KEY\n";

fn entry(display_name: &str, more: &str) -> String {
    format!("display_name: {display_name}\n{HEAD}{more}")
}

/// A server over a folder of provider files, looking at them at this interval.
struct Served {
    _folder: Folder,
    files: PathBuf,
    server: Running,
    url: String,
}

impl Served {
    fn new(interval: &str) -> Self {
        let folder = Folder::new();
        let files = folder.path().join("providers");
        fs::create_dir(&files).unwrap();
        fs::write(files.join("acme.yaml"), entry("Acme", "")).unwrap();
        let environment = [
            ("VALETKEY_LISTEN", "127.0.0.1:0"),
            ("VALETKEY_API_KEY_DEV", KEY),
            ("VALETKEY_PROVIDERS", files.to_str().unwrap()),
            ("VALETKEY_PROVIDERS_RELOAD_INTERVAL", interval),
        ];
        let mut server = folder.start(&["serve"], &environment);
        let url = server.line(concat!("Valetkey ", env!("CARGO_PKG_VERSION"), " listens on "));
        Self { _folder: folder, files, server, url }
    }

    fn write(&self, name: &str, text: &str) {
        // As an editor does: a file that is there is whole.
        let draft = self.files.join("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.files.join(name)).unwrap();
    }

    /// The display name of a provider, as clients see it.
    fn name_of(&self, provider: &str) -> Option<String> {
        let (_, answer) = get(&format!("{}/providers/{provider}", self.url), KEY);
        answer["data"]["display_name"].as_str().map(str::to_owned)
    }

    fn post(&self, path: &str, body: &serde_json::Value) {
        let headers =
            [("authorization", &*format!("Bearer {KEY}")), ("content-type", "application/json")];
        let (status, answer) =
            send("POST", &format!("{}{path}", self.url), &headers, &body.to_string());
        assert!(status < 300, "{path}: {status} {answer}");
    }
}

#[test]
fn sighup_reads_the_files_anew_and_connections_go_on() {
    let served = Served::new("0");
    served.post("/integrations", &json!({"unique_key": "acme", "provider": "acme"}));
    served.post(
        "/connections",
        &json!({
            "provider_config_key": "acme", "connection_id": "one",
            "credentials": {"type": "API_KEY", "apiKey": "secret"}
        }),
    );
    let connection = format!("{}/connections/one?provider_config_key=acme", served.url);
    assert_eq!(get(&connection, KEY).0, 200);

    served.write("acme.yaml", &entry("Acme anew", ""));
    served.write("beta.yaml", &entry("Beta", ""));
    assert_eq!(served.name_of("acme").as_deref(), Some("Acme"), "nothing looks by itself");
    served.server.hang_up();
    until("the new entry is there", || served.name_of("beta").is_some());
    assert_eq!(served.name_of("acme").as_deref(), Some("Acme anew"));
    let (status, answer) = get(&connection, KEY);
    assert_eq!((status, &answer["credentials"]["apiKey"]), (200, &json!("secret")), "{answer}");

    fs::remove_file(served.files.join("beta.yaml")).unwrap();
    served.server.hang_up();
    until("the entry is gone", || served.name_of("beta").is_none());
    let ended = served.server.terminate();
    assert!(ended.stderr.contains("reloaded: added beta; changed acme"), "{ended:#?}");
    assert!(ended.stderr.contains("reloaded: removed beta"), "{ended:#?}");
}

#[test]
fn a_changed_file_is_noticed_and_a_bad_one_changes_nothing() {
    let served = Served::new("50ms");
    served.write("acme.yaml", &entry("Acme anew", ""));
    until("the change is noticed", || served.name_of("acme").as_deref() == Some("Acme anew"));

    served.write("bad.yaml", &entry("Bad", "proxi: {}\n"));
    served.write("acme.yaml", &entry("Acme once more", ""));
    let refused = "the catalogue stays as it was: mistakes in bad";
    until("the mistake is noticed", || served.server.stderr().contains(refused));
    assert_eq!(served.name_of("acme").as_deref(), Some("Acme anew"));
    served.write("bad.yaml", &entry("Good", ""));
    until("the mended files are read", || served.name_of("bad").is_some());
    assert_eq!(served.name_of("acme").as_deref(), Some("Acme once more"));
    served.server.terminate().good();
}

#[test]
fn why_a_reload_was_refused_is_logged_with_file_and_line() {
    let served = Served::new("0");
    served.write("bad.yaml", &entry("Bad", "proxi: {base_url: https://api.acme.test}\n"));
    served.write("acme.yaml", &entry("Acme anew", ""));
    served.server.hang_up();
    let says = |part: &str| until(part, || served.server.stderr().contains(part));
    says("not reloaded, the catalogue stays as it was: mistakes in bad");
    says("bad.yaml:7: error: bad: proxi: this key is not known; did you mean proxy?");
    assert_eq!(served.name_of("acme").as_deref(), Some("Acme"), "all or nothing");

    served.write("bad.yaml", "auth_mode: NONE\ndisplay_name: [\n");
    served.server.hang_up();
    says("is not valid YAML");
    let stderr = served.server.stderr();
    let line = stderr.lines().find(|line| line.contains("is not valid YAML")).unwrap();
    assert!(
        line.contains("the catalogue stays as it was: ") && line.contains("bad.yaml:"),
        "{line}"
    );

    fs::remove_file(served.files.join("bad.yaml")).unwrap();
    served.server.hang_up();
    says("reloaded: changed acme");
    served.server.terminate().good();
}

#[test]
fn a_start_leaves_out_what_the_linter_refuses_and_says_so() {
    let folder = Folder::new();
    let files = folder.path().join("providers");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("good.yaml"), entry("Good", "")).unwrap();
    fs::write(files.join("bad.yaml"), entry("Bad", "tokn_url: https://acme.test\n")).unwrap();
    let path = files.to_str().unwrap();
    let environment = [("VALETKEY_LISTEN", "127.0.0.1:0"), ("VALETKEY_PROVIDERS", path)];
    let mut server = folder.start(&["serve"], &environment);
    server.line("Valetkey ");
    let stderr = server.terminate().stderr;
    assert!(stderr.contains("bad.yaml:7: error: bad: tokn_url: this key is not known"), "{stderr}");
    assert!(stderr.contains("left out until they are mended: bad"), "{stderr}");

    let checked = folder.run(&["config", "check"], &environment).failed(2);
    assert!(checked.contains("bad.yaml:7: error: bad: tokn_url"), "{checked}");
    let linted = folder.run(&["providers", "lint", path], &[]);
    assert_eq!(linted.code, Some(1), "{linted:#?}");
    assert!(linted.stdout.contains("did you mean token_url?"), "{linted:#?}");
    assert!(linted.stdout.contains("2 providers: 1 without a remark, 0 with warnings, 1 left out"));
}

#[test]
fn a_foreign_catalogue_is_taken_as_it_is_and_what_it_lacks_is_counted() {
    let folder = Folder::new();
    let file = folder.file(
        "providers.yaml",
        "acme: {display_name: Acme, auth_mode: API_KEY, categories: [crm], docs: 'https://a.test', \
         post_connection_script: acmePostConnection, webhook_routing_script: acmeWebhookRouting, \
         frobnicate: 1}\n\
         acme-eu: {alias: acme, webhook_routing_script: ''}\n",
    );
    let linted = folder.run(&["providers", "lint", &file], &[]).good();
    for part in [
        "providers.yaml:1: warning: acme: webhook_routing_script: acmeWebhookRouting is code",
        "providers.yaml:2: warning: acme-eu: post_connection_script: acmePostConnection is code",
        "0 errors, 5 warnings",
        "2 providers: 0 without a remark, 2 with warnings, 0 left out",
        "2 × post_connection_script",
        "1 × webhook_routing_script",
    ] {
        assert!(linted.contains(part), "{part}:\n{linted}");
    }
    let checked = folder.run(&["config", "check"], &[("VALETKEY_PROVIDERS", &file)]).good();
    assert!(checked.contains("2 × post_connection_script"), "{checked}");
    assert_eq!(folder.run(&["providers", "lint", "--strict", &file], &[]).code, Some(1));
}

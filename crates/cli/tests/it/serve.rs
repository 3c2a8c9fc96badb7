use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use crate::program::{Folder, Running, get, until};

const KEY: &str = "5f2d7b1e-0c64-4f5e-9a3b-2f5d1f0a9c77";
const ENVIRONMENT: [(&str, &str); 2] =
    [("VALETKEY_LISTEN", "127.0.0.1:0"), ("VALETKEY_API_KEY_DEV", KEY)];

fn start(folder: &Folder) -> (Running, String) {
    let mut server = folder.start(&["serve"], &ENVIRONMENT);
    let url = server.line(concat!("Valetkey ", env!("CARGO_PKG_VERSION"), " listens on "));
    (server, url)
}

#[test]
fn the_first_start_makes_everything_and_sigterm_ends_it_cleanly() {
    let folder = Folder::new();
    let (mut server, url) = start(&folder);
    assert_eq!(server.line("public URL"), url);
    assert_eq!(server.line("database"), "SQLite ./data/valetkey.db");
    assert_eq!(server.line("environments"), "dev, prod");
    let link = server.line("Create the owner: ");
    assert!(link.starts_with(&format!("{url}/setup?token=")), "{link}");

    let address = url.strip_prefix("http://").unwrap();
    assert_eq!(folder.run(&["healthcheck", "--address", address], &[]).good(), "ready\n");
    let mode = |name: &str| {
        let path = folder.path().join("data").join(name);
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("."), 0o700);
    assert_eq!(mode("master.key"), 0o600);

    let second = folder.run(&["serve"], &ENVIRONMENT).failed(1);
    assert!(second.contains("another server uses the data folder ./data"), "{second}");

    let ended = server.terminate();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stderr.contains("stopped"), "{ended:#?}");
    let nobody = folder.run(&["healthcheck", "--address", address], &[]).failed(1);
    assert!(nobody.contains("does not answer"), "{nobody}");

    // The same data again, and a new link while there is no owner.
    let (mut server, _) = start(&folder);
    assert_ne!(server.line("Create the owner: "), link);
}

#[test]
fn a_database_whose_master_key_is_gone_is_not_given_a_new_one() {
    let folder = Folder::new();
    let (server, _) = start(&folder);
    server.terminate().good();
    let key = folder.path().join("data/master.key");
    let text = fs::read_to_string(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let stderr = folder.run(&["serve"], &ENVIRONMENT).failed(1);
    assert!(stderr.contains("./data/master.key is missing"), "{stderr}");
    assert!(!key.exists());

    let other =
        [ENVIRONMENT[0], ("VALETKEY_MASTER_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")];
    let stderr = folder.run(&["serve"], &other).failed(1);
    assert!(stderr.contains("sealed under another master key"), "{stderr}");

    // With both, what the old one sealed is sealed anew, and the old one can go.
    let both = [other[0], other[1], ("VALETKEY_MASTER_KEY_PREVIOUS", text.trim())];
    let mut server = folder.start(&["serve"], &both);
    server.line("Valetkey ");
    server.terminate().good();
    let mut server = folder.start(&["serve"], &other);
    server.line("Valetkey ");
    server.terminate().good();
}

#[test]
fn settings_variables_and_keys_change_beside_a_running_server() {
    let folder = Folder::new();
    let (server, url) = start(&folder);
    let set =
        ["env", "set", "dev", "webhook_url=https://example.com/hook", "on_auth_creation=false"];
    let shown = folder.run(&set, &[]).good();
    assert!(shown.starts_with("webhook_url=https://example.com/hook\n"), "{shown}");
    assert!(shown.contains("\non_auth_creation=false\n"), "{shown}");
    assert_eq!(folder.run(&["env", "get", "dev"], &[]).good(), shown);
    let stderr = folder.run(&["env", "set", "staging", "webhook_url="], &[]).failed(1);
    assert!(stderr.contains("there are: dev, prod"), "{stderr}");
    let wrong =
        ["env", "set", "dev", "webhook_url=http://10.0.0.1/", "on_auth_creation=yes", "x=1"];
    let stderr = folder.run(&wrong, &[]).failed(2);
    for part in ["3 things are wrong", "webhook_url: ", "Expected true or false", "no such setting"]
    {
        assert!(stderr.contains(part), "{part}:\n{stderr}");
    }
    assert_eq!(folder.run(&["env", "get", "dev"], &[]).good(), shown, "all or nothing");

    folder.run(&["env", "variables", "set", "dev", "REGION=eu"], &[]).good();
    assert_eq!(folder.run(&["env", "variables", "list", "dev"], &[]).good(), "REGION\n");
    folder.run(&["env", "create", "staging"], &[]).good();
    assert!(folder.run(&["env", "list"], &[]).good().contains("\nstaging  test"));

    let connections = format!("{url}/connections");
    assert_eq!(get(&connections, KEY).0, 200, "the key of the environment variable");
    let key = folder.run(&["keys", "create", "dev", "--name", "backend"], &[]).good();
    let key = key.trim();
    assert!(key.starts_with("vk_"), "{key}");
    assert_eq!(get(&connections, key).0, 200);
    let list = folder.run(&["keys", "list", "dev"], &[]).good();
    let row = list.lines().find(|line| line.contains("backend")).unwrap();
    assert!(!list.contains(key) && row.contains("environment:*"), "{list}");
    let id = row.split_whitespace().next().unwrap();
    folder.run(&["keys", "revoke", id], &[]).good();
    until("a revoked key is refused", || get(&connections, key).0 == 401);
    server.terminate().good();
}

#[test]
fn a_key_for_an_unknown_environment_names_its_variable() {
    let folder = Folder::new();
    let environment = [ENVIRONMENT[0], ("NANGO_SECRET_KEY_STAGING", KEY)];
    let stderr = folder.run(&["serve"], &environment).failed(2);
    let part =
        "NANGO_SECRET_KEY_STAGING: there is no environment \"staging\"; there are: dev, prod";
    assert!(stderr.contains(part), "{stderr}");
}

#[test]
fn migrate_prepares_a_database_that_serve_takes_over() {
    let folder = Folder::new();
    let said = folder.run(&["migrate"], &[]).good();
    assert!(said.starts_with("SQLite ./data/valetkey.db is at schema version "), "{said}");
    let (server, _) = start(&folder);
    server.terminate().good();
}

/// A request whose body has not come yet. The server has read its head.
fn half_a_request(url: &str) -> TcpStream {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    // The interim answer says that the head was read and the body is waited for.
    let head = format!(
        "POST /connect/sessions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn a_request_under_way_is_finished_and_no_new_one_is_taken() {
    let folder = Folder::new();
    let (server, url) = start(&folder);
    let mut under_way = half_a_request(&url);
    server.signal();
    let address = url.strip_prefix("http://").unwrap();
    until("the port is closed", || TcpStream::connect(address).is_err());
    under_way.write_all(b"{}").unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    server.ended().good();
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_limit_ends_it_late() {
    let folder = Folder::new();
    let (server, url) = start(&folder);
    let hanging = half_a_request(&url);
    server.signal();
    let address = url.strip_prefix("http://").unwrap();
    until("the port is closed", || TcpStream::connect(address).is_err());
    assert!(server.terminate().failed(1).contains("stopping at once"));
    drop(hanging);

    let mut server = folder.start(&["serve", "--shutdown-timeout", "1s"], &ENVIRONMENT);
    let url = server.line(concat!("Valetkey ", env!("CARGO_PKG_VERSION"), " listens on "));
    let _hanging = half_a_request(&url);
    assert!(server.terminate().failed(1).contains("the limit passed"));
}

use crate::program::{Folder, Running, get, send, until};

fn start(folder: &Folder, more: &[&str]) -> Running {
    let arguments: Vec<_> = ["dev", "--port-base", "0"].iter().chain(more).copied().collect();
    folder.start(&arguments, &[])
}

/// The pieces of a printed curl line: what stands in quotes, and whether it posts.
fn run(line: &str) -> (u16, serde_json::Value) {
    let quoted: Vec<_> = line.split('\'').skip(1).step_by(2).collect();
    let (headers, rest): (Vec<_>, Vec<_>) =
        quoted.into_iter().partition(|part| part.contains(": ") && !part.starts_with('{'));
    let headers: Vec<_> = headers.iter().map(|header| header.split_once(": ").unwrap()).collect();
    match *rest.as_slice() {
        [url] => send("GET", url, &headers, ""),
        [body, url] => send("POST", url, &headers, body),
        _ => panic!("unexpected: {line}"),
    }
}

#[test]
fn the_printed_lines_work_and_the_key_stays() {
    let folder = Folder::new();
    let mut dev = start(&folder, &[]);
    let app = dev.line("Sample app ");
    let app = app.split_whitespace().next().unwrap().to_owned();
    let inbox = dev.line("Webhook inbox ");
    let key = dev.line("API key (dev) ");
    let lines: Vec<_> = (0..3).map(|_| dev.line("curl ")).collect();

    let (status, list) = run(&lines[0]);
    assert_eq!((status, list["connections"].as_array().unwrap().len()), (200, 1), "{list}");
    let (status, connection) = run(&lines[1]);
    assert_eq!(status, 200, "{connection}");
    assert!(connection["credentials"]["apiKey"].as_str().unwrap().starts_with("emk_"));
    let (status, session) = run(&lines[2]);
    assert_eq!(status, 201, "{session}");
    assert!(session["data"]["token"].is_string(), "{session}");
    for url in [&app, &inbox, &format!("{app}/api/connections")] {
        assert_eq!(send("GET", url, &[], "").0, 200, "{url}");
    }

    let second = folder.run(&["dev", "--port-base", "0"], &[]).failed(1);
    assert!(second.contains("another server uses the data folder"), "{second}");
    dev.terminate().good();

    let mut again = start(&folder, &[]);
    assert_eq!(again.line("API key (dev) "), key);
    again.terminate().good();
    let mut fresh = start(&folder, &["--fresh"]);
    assert_ne!(fresh.line("API key (dev) "), key);
    fresh.terminate().good();
}

#[test]
fn provider_files_can_be_tried_and_changed() {
    let folder = Folder::new();
    let text = "auth_mode: API_KEY\ndisplay_name: Acme\n";
    let file = folder.file("acme.yaml", text);
    let mut dev = start(&folder, &["--providers", &file]);
    let url = dev.line("Server ");
    let key = dev.line("API key (dev) ");
    let name = || get(&format!("{url}/providers/acme"), &key).1["data"]["display_name"].clone();
    assert_eq!(name(), "Acme");
    folder.file("acme.yaml", &text.replace("Acme", "Acme anew"));
    dev.hang_up();
    until("the change is read", || name() == "Acme anew");
    dev.terminate().good();
}

#[test]
fn an_app_of_ones_own_runs_beside_it_with_what_it_needs() {
    let folder = Folder::new();
    let app = "echo \"told $VALETKEY_HOST ${VALETKEY_API_KEY%_*} ${#VALETKEY_SIGNING_KEY} $PORT\"; exec sleep 60";
    let mut dev = start(&folder, &["--", "sh", "-c", app]);
    let own = dev.line("Your app ");
    let server = dev.line("Server ");
    let told = dev.line("told ");
    let told: Vec<_> = told.split_whitespace().collect();
    assert_eq!(told[0], server);
    assert!(told[1].starts_with("vk"), "{told:?}");
    assert_eq!(told[2], "36", "a signing key is a UUID");
    assert_eq!(own, format!("http://127.0.0.1:{}", told[3]));
    dev.terminate().good();

    let missing = folder.run(&["dev", "--port-base", "0", "--", "no-such-program"], &[]).failed(1);
    assert!(missing.contains("no-such-program cannot be started"), "{missing}");
}

use crate::program::Folder;

#[test]
fn everything_wrong_is_reported_at_once_and_no_secret_is_shown() {
    let folder = Folder::new();
    let file = folder.file("valetkey.toml", "listn = '127.0.0.1:1'\nwebhook_timeout = 20\n");
    let environment = [
        ("VALETKEY_MASTER_KEY", "hunter2"),
        ("VALETKEY_RATE_LIMIT", "5"),
        ("VALETKEY_API_KEY_DEV", "hunter2"),
    ];
    let check = ["config", "check", "--config", &file, "--public-url", "example.com"];
    let stderr = folder.run(&check, &environment).failed(2);
    for part in [
        "error: 6 things are wrong with the settings",
        "listn in ",
        "did you mean listen?",
        "webhook_timeout in ",
        "VALETKEY_MASTER_KEY: expected base64 of 32 bytes",
        "VALETKEY_RATE_LIMIT: there is no such variable; did you mean VALETKEY_RATE_LIMIT_PER_MIN?",
        "VALETKEY_API_KEY_DEV: expected a version 4 UUID",
        "--public-url: expected an http or https URL",
    ] {
        assert!(stderr.contains(part), "{part}:\n{stderr}");
    }
    assert!(!stderr.contains("hunter2"), "{stderr}");
    // A server says the same.
    let serve = ["serve", "--config", &file, "--public-url", "example.com"];
    assert_eq!(folder.run(&serve, &environment).failed(2), stderr);
}

#[test]
fn postgres_without_a_master_key_says_how_to_make_one() {
    let folder = Folder::new();
    let environment = [("DATABASE_URL", "postgres://valetkey:hunter2@127.0.0.1:1/valetkey")];
    let stderr = folder.run(&["serve"], &environment).failed(2);
    assert!(stderr.starts_with("error: VALETKEY_MASTER_KEY: required on PostgreSQL"), "{stderr}");
    assert!(stderr.contains("openssl rand -base64 32"), "{stderr}");
    assert!(!stderr.contains("hunter2"), "{stderr}");
    assert!(!folder.path().join("data").exists());
}

#[test]
fn the_default_file_serves_as_it_is_printed() {
    let folder = Folder::new();
    let text = folder.run(&["config", "default"], &[]).good();
    assert!(text.contains("#listen = \"127.0.0.1:3003\""), "{text}");
    let file = folder.file("valetkey.toml", &text);
    let checked = folder.run(&["config", "check"], &[("VALETKEY_CONFIG", &file)]);
    assert_eq!(checked.good(), "The settings are good.\n");
    assert!(text.contains("\n#rate_limit_per_min = 200\n"), "{text}");
    let reference = folder.run(&["config", "reference"], &[]).good();
    assert!(reference.contains("`VALETKEY_MASTER_KEY` or `VALETKEY_MASTER_KEY_FILE`"));
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/config.md");
    let remedy = "write it anew with `valetkey config reference > docs/reference/config.md`";
    assert!(std::fs::read_to_string(page).unwrap() == reference, "{remedy}");
}

#[test]
fn provider_files_are_checked() {
    let folder = Folder::new();
    let good = folder.file(
        "mine.yaml",
        "display_name: Mine\nauth_mode: API_KEY\nproxy:\n    base_url: https://api.example.com\n",
    );
    folder.run(&["config", "check"], &[("VALETKEY_PROVIDERS", &good)]).good();
    let broken = folder.file("broken.yaml", "a: [");
    let both = format!("{broken},/nowhere.yaml");
    let stderr = folder.run(&["config", "check", "--providers", &both], &[]).failed(2);
    assert!(stderr.contains("broken.yaml:1 is not valid YAML"), "{stderr}");
    assert!(stderr.contains("/nowhere.yaml cannot be read"), "{stderr}");
}

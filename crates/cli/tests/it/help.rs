use crate::program::Folder;

#[test]
fn help_names_every_command_and_gives_examples() {
    let folder = Folder::new();
    let help = folder.run(&["--help"], &[]).good();
    for command in ["serve", "dev", "env", "keys", "migrate", "config", "healthcheck"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}:\n{help}");
    }
    assert!(help.contains("valetkey env set dev webhook_url="), "{help}");
    assert!(help.contains("Exit codes: 0 done, 1 failed, 2 wrong"), "{help}");

    let serve = folder.run(&["serve", "--help"], &[]).good();
    for part in
        ["--public-url <VALUE>", "[default: 127.0.0.1:3003]", "back it up!", "--config <FILE>"]
    {
        assert!(serve.contains(part), "{part}:\n{serve}");
    }
    // Other users of the machine see flags, so secrets have none.
    assert!(!serve.contains("--master-key"), "{serve}");
    assert!(!folder.run(&["serve", "-h"], &[]).good().contains("--public-url <"));

    let env = folder.run(&["env", "set", "--help"], &[]).good();
    assert!(env.contains("on_auth_refresh_error") && env.contains("--data-dir"), "{env}");
    let keys = folder.run(&["keys", "create", "--help"], &[]).good();
    assert!(keys.contains("--expires-in 90d"), "{keys}");
    assert!(folder.run(&["--version"], &[]).good().starts_with("valetkey "));
}

#[test]
fn wrong_arguments_end_with_2() {
    let folder = Folder::new();
    assert!(folder.run(&["sreve"], &[]).failed(2).contains("serve"));
    let stderr = folder.run(&["keys", "create", "--name", "x"], &[]).failed(2);
    assert!(stderr.contains("ENVIRONMENT"), "{stderr}");
    let scope = ["keys", "create", "dev", "--name", "x", "--scope", "everything"];
    let stderr = folder.run(&scope, &[]).failed(2);
    assert!(stderr.contains("environment:connections:list"), "{stderr}");
    let lifetime = ["keys", "create", "dev", "--name", "x", "--expires-in", "90"];
    assert!(folder.run(&lifetime, &[]).failed(2).contains("12h or 90d"));
    assert!(!folder.path().join("data").exists(), "nothing was opened");
}

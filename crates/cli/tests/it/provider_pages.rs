//! The pages of the bundled catalogue are as the program would write them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::program::Folder;

fn pages(folder: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(file).unwrap())
        })
        .collect()
}

#[test]
fn the_pages_are_those_of_the_catalogue() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/providers");
    if !kept.exists() {
        return;
    }
    let folder = Folder::new();
    folder.run(&["providers", "pages", "new"], &[]).good();
    let (new, old) = (pages(&folder.path().join("new")), pages(&kept));
    // Read here and nowhere else: a person asks for it.
    if std::env::var_os("VALETKEY_UPDATE").is_some() {
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            fs::remove_file(kept.join(name)).unwrap();
        }
        for (name, text) in &new {
            fs::write(kept.join(name), text).unwrap();
        }
        return;
    }
    let differ = |name: &&String| new.get(*name) != old.get(*name);
    let stale: Vec<&String> = new.keys().chain(old.keys()).filter(differ).collect();
    let remedy = "write them anew with `VALETKEY_UPDATE=1 cargo test -p valetkey-cli pages`";
    assert!(stale.is_empty(), "{stale:?}: {remedy}");
}

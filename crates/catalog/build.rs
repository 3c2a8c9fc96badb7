//! Packs `catalog/*.yaml` of the repository into one generated table of (name, text, JSON).
//!
//! YAML is slow to read and a server reads hundreds of files before it answers its first request,
//! so that is done here. A file that cannot be read keeps an empty third column: telling about it
//! is the library's work, so that a mistake is a failing test with a message and not a broken build.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets CARGO_MANIFEST_DIR")?;
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let folder = Path::new(&manifest).join("../../catalog");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", folder.display());

    let mut table = String::from("&[\n");
    for file in yaml_files(&folder)? {
        let name = file.file_stem().and_then(|stem| stem.to_str()).ok_or("a file name in UTF-8")?;
        let path = file.canonicalize()?;
        let json = json_of(&fs::read_to_string(&path)?).unwrap_or_default();
        let path = path.display().to_string();
        writeln!(table, "    ({name:?}, include_str!({path:?}), {json:?}),")?;
    }
    table.push_str("]\n");
    fs::write(Path::new(&out).join("bundled.rs"), table)?;
    Ok(())
}

/// The same document as JSON, read as the library reads YAML.
fn json_of(text: &str) -> Option<String> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let value: serde_json::Value = serde_saphyr::from_str_with_options(text, options).ok()?;
    Some(value.to_string())
}

/// The YAML files of the folder by name; none when the folder is missing.
fn yaml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

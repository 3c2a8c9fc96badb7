//! Packs `catalog/*.yaml` of the repository into one generated table of (name, text).
//!
//! The files are compiled in as they are; reading them is the library's work, so that a mistake in
//! one of them is a failing test with a message and not a broken build.

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
        writeln!(table, "    ({name:?}, include_str!({:?})),", path.display().to_string())?;
    }
    table.push_str("]\n");
    fs::write(Path::new(&out).join("bundled.rs"), table)?;
    Ok(())
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

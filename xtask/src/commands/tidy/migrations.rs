//! Both engines have the same migrations, numbered alike and without gaps.

use std::path::{Path, PathBuf};

use super::Findings;

const FOLDER: &str = "crates/store/migrations";
const ENGINES: [&str; 2] = ["sqlite", "postgres"];

/// Compare the two folders, file name by file name.
pub(crate) fn check(files: &[PathBuf], findings: &mut Findings) {
    let [sqlite, postgres] = ENGINES.map(|engine| names(files, engine));
    for (here, there, engine) in [(&sqlite, &postgres, "postgres"), (&postgres, &sqlite, "sqlite")]
    {
        for name in here.iter().filter(|name| !there.contains(name)) {
            findings.problem(
                &Path::new(FOLDER).join(engine),
                format!("`{name}` is missing; the other engine has it"),
            );
        }
    }
    for (index, name) in sqlite.iter().enumerate() {
        let number = format!("{:04}_", index + 1);
        if !name.starts_with(&number) {
            findings.problem(
                &Path::new(FOLDER).join("sqlite").join(name),
                format!("expected a name that starts with `{number}`"),
            );
        }
    }
}

fn names(files: &[PathBuf], engine: &str) -> Vec<String> {
    let folder = Path::new(FOLDER).join(engine);
    let mut names: Vec<String> = files
        .iter()
        .filter(|file| file.parent() == Some(folder.as_path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "sql"))
        .filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{FOLDER, check};
    use crate::commands::tidy::Findings;

    fn problems(names: &[&str]) -> usize {
        let files: Vec<PathBuf> =
            names.iter().map(|name| PathBuf::from(format!("{FOLDER}/{name}"))).collect();
        let mut findings = Findings::default();
        check(&files, &mut findings);
        findings.problems.len()
    }

    #[test]
    fn equal_folders_pass() {
        assert_eq!(problems(&["sqlite/0001_init.sql", "postgres/0001_init.sql"]), 0);
    }

    #[test]
    fn a_missing_file_and_a_gap_are_found() {
        assert_eq!(problems(&["sqlite/0001_init.sql"]), 1);
        assert_eq!(problems(&["sqlite/0002_init.sql", "postgres/0002_init.sql"]), 1);
    }
}

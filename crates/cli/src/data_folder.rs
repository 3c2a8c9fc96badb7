//! The data folder: the SQLite file, the keys beside it, and the lock that keeps a second server
//! away.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use valetkey_base::{Rng, Secret};

/// The SQLite database.
pub(crate) const DATABASE_FILE: &str = "valetkey.db";
/// The master key made at the first start.
pub(crate) const MASTER_KEY_FILE: &str = "master.key";
const LOCK_FILE: &str = "serve.lock";

/// The database file in a data folder.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join(DATABASE_FILE)
}

/// Makes the folder for this user only, unless it is there.
pub(crate) fn create(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the data folder {} cannot be made", folder.display()))
}

/// Holds the folder for one server, until the answer is dropped or the process ends.
///
/// # Errors
/// When another process holds it.
pub(crate) fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK_FILE);
    let cannot = || format!("{} cannot be locked", path.display());
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another server uses the data folder {}: one SQLite database has one server; \
             several servers need PostgreSQL (DATABASE_URL)",
            folder.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(cannot),
    }
}

/// Reads a file that holds one secret; `None` when there is no file.
pub(crate) fn read_secret(path: &Path) -> Result<Option<Secret>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Secret::new(text.trim()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

/// Writes a file with one secret for this user only, whole or not at all, and answers with what it
/// holds then: when two processes do this at once, both go on with the first one's.
pub(crate) fn write_new_secret(path: &Path, secret: &Secret, rng: &Rng) -> Result<Secret> {
    let written = path.with_extension(rng.hex(8));
    let result = write_file(&written, secret).and_then(|()| fs::hard_link(&written, path));
    // Nothing depends on the second name; left behind it would only be untidy.
    let _ = fs::remove_file(&written);
    match result {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("{} cannot be written", path.display()))
        }
        _ => read_secret(path)?.with_context(|| format!("{} went away", path.display())),
    }
}

fn write_file(path: &Path, secret: &Secret) -> io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    writeln!(file, "{}", secret.expose())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_secret_stays_and_belongs_to_this_user_alone() {
        let rng = Rng::system();
        let folder = std::env::temp_dir().join(format!("valetkey-folder-{}", rng.hex(8)));
        create(&folder.join("data")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.join("data")), 0o700);

        let path = folder.join("data/master.key");
        assert!(read_secret(&path).unwrap().is_none());
        let first = Secret::new("first");
        assert_eq!(write_new_secret(&path, &first, &rng).unwrap(), first);
        assert_eq!(write_new_secret(&path, &Secret::new("second"), &rng).unwrap(), first);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(fs::read_dir(folder.join("data")).unwrap().count(), 1);

        let held = lock(&folder).unwrap();
        let refused = lock(&folder).unwrap_err().to_string();
        assert!(refused.contains("another server uses the data folder"), "{refused}");
        drop(held);
        assert!(lock(&folder).is_ok());
        fs::remove_dir_all(&folder).unwrap();
    }
}

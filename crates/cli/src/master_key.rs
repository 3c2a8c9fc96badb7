//! Where the master keys come from: the settings, or on SQLite a file made at the first start.

use anyhow::{Context as _, Result, bail};
use valetkey_base::Rng;
use valetkey_vault::{MasterKey, MasterKeyRing};

use crate::config::Config;
use crate::data_folder::{self, MASTER_KEY_FILE};

/// The keys of this configuration. The data folder must exist.
///
/// # Errors
/// When there is a database but no key: a new one could not open anything in it.
pub(crate) fn ring(config: &Config, rng: &Rng) -> Result<MasterKeyRing> {
    let current = match &config.master_key {
        Some(key) => key.clone(),
        None if config.database_url.is_some() => bail!("VALETKEY_MASTER_KEY is not set"),
        None => from_folder(config, rng)?,
    };
    Ok(MasterKeyRing::new(current, config.master_keys_previous.clone()))
}

fn from_folder(config: &Config, rng: &Rng) -> Result<MasterKey> {
    let path = config.data_dir.join(MASTER_KEY_FILE);
    let text = match data_folder::read_secret(&path)? {
        Some(text) => text,
        None if data_folder::database(&config.data_dir).exists() => bail!(
            "{} is missing, but there is a database beside it that only this key opens: put the \
             file back from your backup, or give the key as VALETKEY_MASTER_KEY. To start anew, \
             move the database away",
            path.display()
        ),
        None => data_folder::write_new_secret(&path, &MasterKey::generate(rng).to_base64(), rng)?,
    };
    MasterKey::from_base64(&text)
        .with_context(|| format!("{} does not hold a master key", path.display()))
}

//! Reading the audit trail, and checking that nobody changed it.
//!
//! Each server process wrote a chain of its own: an entry's hash covers its fields and the hash
//! before it. A changed entry does not have its hash any more; a removed one leaves a gap. Entries
//! removed from the end of a chain leave no trace in the database: whoever fears that exports them.

use std::collections::HashMap;

pub use valetkey_store::{AuditFilter, AuditRow};

use crate::engine::Engine;
use crate::error::Result;
use crate::recorder::entry_hash;

/// Entries read at once while everything is checked.
const CHECKED_AT_ONCE: i64 = 2_000;
/// Entries that one check looks at; more are left to the next release of patience.
pub const CHECKED_MAX: u64 = 2_000_000;

/// An entry with what checking it found.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// Row id, for paging.
    pub id: i64,
    /// The entry.
    pub row: AuditRow,
    /// Whether its hash is right and follows the entry before it.
    pub is_sound: bool,
}

/// What checking every entry found.
#[derive(Clone, Debug, Default)]
pub struct AuditCheck {
    /// Entries looked at.
    pub entries: u64,
    /// Chains they are in.
    pub chains: u64,
    /// Chain and place of entries that were changed, or before which some are missing.
    pub broken: Vec<(String, i64)>,
    /// Whether there were more than [`CHECKED_MAX`].
    pub is_partial: bool,
}

/// Broken places that are told.
const BROKEN_TOLD_MAX: usize = 20;

impl Engine {
    /// Entries, newest first, each checked.
    pub async fn audit_page(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>> {
        let rows = self.store.audit_page(filter).await?;
        let known: HashMap<(String, i64), String> = rows
            .iter()
            .map(|(_, row)| ((row.chain.clone(), row.position), row.hash.clone()))
            .collect();
        let mut entries = Vec::with_capacity(rows.len());
        for (id, row) in rows {
            let before = (row.chain.clone(), row.position - 1);
            let follows = if row.position == 1 {
                row.previous_hash.is_empty()
            } else if let Some(hash) = known.get(&before) {
                *hash == row.previous_hash
            } else {
                let hash = self.store.audit_hash_at(&before.0, before.1).await?;
                hash.is_some_and(|hash| hash == row.previous_hash)
            };
            let is_sound = follows && entry_hash(&row) == row.hash;
            entries.push(AuditEntry { id, row, is_sound });
        }
        Ok(entries)
    }

    /// Every action there is an entry of.
    pub async fn audit_actions(&self) -> Result<Vec<String>> {
        Ok(self.store.audit_actions().await?)
    }

    /// Checks every entry of every chain.
    pub async fn check_audit(&self) -> Result<AuditCheck> {
        let mut check = AuditCheck::default();
        let (mut chain, mut position, mut hash) = (String::new(), 0, String::new());
        loop {
            let rows = self.store.audit_after(&chain, position, CHECKED_AT_ONCE).await?;
            let is_last = (rows.len() as i64) < CHECKED_AT_ONCE;
            for row in rows {
                if row.chain != chain {
                    chain.clone_from(&row.chain);
                    (position, hash) = (0, String::new());
                    check.chains += 1;
                }
                let follows = row.position == position + 1 && row.previous_hash == hash;
                if !(follows && entry_hash(&row) == row.hash)
                    && check.broken.len() < BROKEN_TOLD_MAX
                {
                    check.broken.push((row.chain.clone(), row.position));
                }
                check.entries += 1;
                position = row.position;
                hash = row.hash;
            }
            if is_last {
                return Ok(check);
            }
            if check.entries >= CHECKED_MAX {
                check.is_partial = true;
                return Ok(check);
            }
        }
    }

    /// Address of everybody who ever was a member, by row id.
    pub async fn member_emails(&self, account_id: i64) -> Result<HashMap<i64, String>> {
        Ok(self.store.member_emails(account_id).await?.into_iter().collect())
    }
}

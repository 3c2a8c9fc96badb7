//! The catalogue with the operator's own provider files laid over it, and its renewal while the
//! server runs: at SIGHUP, and when a file has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::Signal;
use valetkey_catalog::load::provider_files;
use valetkey_catalog::{Catalog, CatalogError, Changes, Finding, Level, Overlay};
use valetkey_engine::Engine;

use crate::config::{Problem, Problems};

/// Findings that are logged one by one; a whole foreign catalogue can have hundreds.
const TOLD_MAX: usize = 20;
/// Names in one log line.
const NAMES_MAX: usize = 20;
/// How long a changed file must stay the same before it is read: it may be half written.
const SETTLE: Duration = Duration::from_millis(250);

/// The operator's provider files.
pub(crate) struct ProviderFiles {
    base: Catalog,
    paths: Vec<PathBuf>,
    seen: Seen,
}

/// Time and size of each file; nothing for a path that cannot be looked at.
type Seen = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

impl ProviderFiles {
    /// Files and folders over a catalogue, the later ones over the earlier ones.
    pub(crate) fn new(base: Catalog, paths: &[PathBuf]) -> Self {
        Self { base, paths: paths.to_owned(), seen: Seen::new() }
    }

    /// Reads them.
    ///
    /// # Errors
    /// The first that cannot be used at all.
    pub(crate) fn read(&mut self) -> Result<Overlay, CatalogError> {
        // Looked at first: a change during the reading is another change.
        self.seen = self.look();
        self.base.overlaid(&self.paths)
    }

    /// As [`ProviderFiles::read`], for a start.
    ///
    /// # Errors
    /// Every path that cannot be used at all.
    pub(crate) fn read_at_start(&mut self) -> Result<Overlay, Problems> {
        self.read().map_err(|first| {
            let each = self.paths.iter().filter_map(|path| {
                self.base.overlaid(std::slice::from_ref(path)).err().map(|error| problem(&error))
            });
            let mut problems: Vec<Problem> = each.collect();
            if problems.is_empty() {
                problems.push(problem(&first));
            }
            Problems(problems)
        })
    }

    fn look(&self) -> Seen {
        let mut seen = Seen::new();
        for path in &self.paths {
            // An empty folder is there, too.
            seen.insert(path.clone(), None);
            for file in provider_files(path).unwrap_or_default() {
                let meta = fs::metadata(&file).and_then(|meta| Ok((meta.modified()?, meta.len())));
                seen.insert(file, meta.ok());
            }
        }
        seen
    }

    /// Renews the engine's catalogue until the shutdown. An interval of zero never looks by itself.
    pub(crate) async fn watch(mut self, engine: Engine, mut hangup: Signal, interval: Duration) {
        let stop = engine.tasks().stopping();
        let looks = !interval.is_zero() && !self.paths.is_empty();
        let mut changing: Option<Seen> = None;
        loop {
            let pause = if changing.is_some() { SETTLE.min(interval) } else { interval };
            tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => {
                    changing = None;
                    tokio::task::block_in_place(|| self.renew(&engine));
                }
                () = tokio::time::sleep(pause), if looks => {
                    let now = tokio::task::block_in_place(|| self.look());
                    if now == self.seen {
                        changing = None;
                    } else if changing.as_ref() == Some(&now) {
                        changing = None;
                        tokio::task::block_in_place(|| self.renew(&engine));
                    } else {
                        changing = Some(now);
                    }
                }
            }
        }
    }

    /// Reads the files anew. All or nothing: with a mistake in them the catalogue stays as it was.
    fn renew(&mut self, engine: &Engine) {
        const KEPT: &str = "the catalogue stays as it was";
        let overlay = match self.read() {
            Ok(overlay) => overlay,
            Err(error) => {
                tracing::error!("provider files are not reloaded, {KEPT}: {}", told(&error));
                return;
            }
        };
        if !overlay.refused.is_empty() {
            let names = names(&overlay.refused);
            tracing::error!("provider files are not reloaded, {KEPT}: mistakes in {names}");
            log(&overlay.findings);
            return;
        }
        let changes = overlay.catalog.changes_since(&engine.catalog());
        engine.set_catalog(overlay.catalog);
        if changes.is_empty() {
            tracing::info!("provider files reloaded: no provider has changed");
            return;
        }
        log(&overlay.findings);
        tracing::info!("provider files reloaded: {}", describe(&changes));
    }
}

fn problem(error: &CatalogError) -> Problem {
    Problem::new("VALETKEY_PROVIDERS", told(error))
}

/// An error with its cause, in one line.
fn told(error: &CatalogError) -> String {
    let cause = std::error::Error::source(error);
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

fn describe(changes: &Changes) -> String {
    let parts =
        [("added", &changes.added), ("changed", &changes.changed), ("removed", &changes.removed)];
    let parts = parts.into_iter().filter(|(_, list)| !list.is_empty());
    parts.map(|(what, list)| format!("{what} {}", names(list))).collect::<Vec<_>>().join("; ")
}

fn names(list: &[String]) -> String {
    let shown = list.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
    match list.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Logs what a start noticed.
pub(crate) fn log_start(overlay: &Overlay) {
    log(&overlay.findings);
    let left_out = [overlay.refused.as_slice(), overlay.unusable.as_slice()].concat();
    if !left_out.is_empty() {
        tracing::error!("provider files: left out until they are mended: {}", names(&left_out));
    }
}

fn log(findings: &[Finding]) {
    let worth = findings.iter().filter(|finding| finding.level > Level::Note);
    let (told, more): (Vec<_>, Vec<_>) =
        worth.enumerate().partition(|(index, _)| *index < TOLD_MAX);
    for (_, finding) in told {
        if finding.level == Level::Error {
            tracing::error!("provider file: {finding}");
        } else {
            tracing::warn!("provider file: {finding}");
        }
    }
    if !more.is_empty() {
        let more = more.len();
        tracing::warn!("provider files: {more} more; `valetkey config check` shows all");
    }
}

/// What a person who brings files wants to know at the end: how many entries work as they are, and
/// what the others lack.
pub(crate) fn summary(overlay: &Overlay) -> String {
    let left_out = overlay.refused.len() + overlay.unusable.len();
    let mut warned = BTreeSet::new();
    let mut by_key: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in &overlay.findings {
        let is_out = |list: &[String]| list.contains(&finding.provider);
        if finding.level == Level::Warning
            && !is_out(&overlay.refused)
            && !is_out(&overlay.unusable)
        {
            warned.insert(&finding.provider);
            *by_key.entry(&finding.key).or_default() += 1;
        }
    }
    let good = overlay.count.saturating_sub(left_out + warned.len());
    let noun = if overlay.count == 1 { "provider" } else { "providers" };
    let mut text = format!(
        "{} {noun}: {good} without a remark, {} with warnings, {left_out} left out",
        overlay.count,
        warned.len()
    );
    for (key, count) in by_key {
        let _ = write!(text, "\n  {count} × {key}");
    }
    text
}

//! Every provider entry on trial: its whole life against a provider that behaves as the entry says.
//!
//! Nothing is sent. An auth mode says which requests it would make; a [`personality`] looks at each
//! of them field by field, by its own reading of the entry, and answers in the entry's own shape.
//! What differs, stays unresolved or goes unnoticed is a failed scene with a sentence.
//!
//! Start at [`rehearse`]; `acts/` has one file per family of modes.

mod acts;
mod expect;
mod pattern;
mod personality;
mod sample;
mod stage;

use std::fmt;

use valetkey_catalog::{AuthMode, Catalog, Level, Provider, lint};

use stage::Stage;

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// What it shows, in one or two words.
    pub name: &'static str,
    /// Nothing, or what was wrong.
    pub outcome: Result<(), String>,
}

/// The outcome of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// The entry.
    pub provider: String,
    /// Its mode.
    pub auth_mode: AuthMode,
    /// What was tried, in order.
    pub scenes: Vec<Scene>,
}

impl Rehearsal {
    /// Whether every scene went well.
    pub fn passed(&self) -> bool {
        self.scenes.iter().all(|scene| scene.outcome.is_ok())
    }

    /// The scenes that did not.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.scenes.iter().filter_map(|scene| {
            scene.outcome.as_ref().err().map(|reason| (scene.name, reason.as_str()))
        })
    }
}

impl fmt::Display for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (scene, reason) in self.failures() {
            writeln!(f, "{} {}: {scene}: {reason}", self.provider, self.auth_mode)?;
        }
        Ok(())
    }
}

/// Plays one entry through: authorization, the token answer in its own shape, facts, an API call,
/// refresh, refusal in each class, denial, verification, revocation, bad input.
pub fn rehearse(provider: &Provider) -> Rehearsal {
    let mut script = Script::default();
    script.scene("lint", || match lint(provider).into_iter().find(|f| f.level == Level::Error) {
        Some(finding) => Err(format!("{}: {}", finding.key, finding.message)),
        None => Ok(()),
    });
    match Stage::new(provider) {
        Ok(stage) => acts::play(&stage, &mut script),
        Err(reason) => script.scene("inputs", || Err(reason)),
    }
    Rehearsal {
        provider: provider.name.clone(),
        auth_mode: provider.auth_mode,
        scenes: script.scenes,
    }
}

/// Plays a whole catalogue.
pub fn rehearse_all(catalog: &Catalog) -> Vec<Rehearsal> {
    catalog.all().map(|provider| rehearse(provider)).collect()
}

/// Collects scenes.
#[derive(Default)]
pub(crate) struct Script {
    scenes: Vec<Scene>,
}

impl Script {
    pub(crate) fn scene(&mut self, name: &'static str, play: impl FnOnce() -> Result<(), String>) {
        self.scenes.push(Scene { name, outcome: play() });
    }

    /// As [`Script::scene`], for one whose outcome later scenes need.
    pub(crate) fn scene_with<T>(
        &mut self,
        name: &'static str,
        play: impl FnOnce() -> Result<T, String>,
    ) -> Option<T> {
        let (outcome, value) = match play() {
            Ok(value) => (Ok(()), Some(value)),
            Err(reason) => (Err(reason), None),
        };
        self.scenes.push(Scene { name, outcome });
        value
    }
}

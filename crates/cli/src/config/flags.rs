//! Command line flags made from the list of settings.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};

use super::key::Key;
use super::keys::KEYS;
use super::section::Section;
use super::{Config, Needs, Problems, Sources, load, variables};

const HEADING: &str =
    "Settings (also as variables and in the file, see `valetkey config reference`)";

/// `--config` and the settings given as flags. `ALL` settings, or only those of storage.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings<const ALL: bool> {
    file: Option<PathBuf>,
    given: Vec<(&'static str, String)>,
}

/// Flags of commands that serve.
pub(crate) type AllSettings = Settings<true>;
/// Flags of commands that only need the database.
pub(crate) type StorageSettings = Settings<false>;

impl<const ALL: bool> Settings<ALL> {
    /// Reads every layer.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn load(&self, needs: Needs) -> Result<Config, Problems> {
        let sources = Sources {
            file: self.file.clone(),
            environment: variables(),
            flags: self.given.clone(),
        };
        load(sources, needs)
    }

    fn keys() -> impl Iterator<Item = (&'static Key, String)> {
        let wanted = |key: &&Key| ALL || key.section == Section::Storage;
        KEYS.iter().filter(wanted).filter_map(|key| Some((key, key.flag()?)))
    }
}

impl<const ALL: bool> FromArgMatches for Settings<ALL> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut settings = Self::default();
        settings.update_from_arg_matches(matches)?;
        Ok(settings)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.file = matches.get_one::<PathBuf>("config").cloned();
        let given = Self::keys()
            .filter_map(|(key, _)| Some((key.name, matches.get_one::<String>(key.name)?.clone())));
        self.given = given.collect();
        Ok(())
    }
}

impl<const ALL: bool> Args for Settings<ALL> {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Configuration file (TOML); `valetkey config default` prints one")
            .help_heading(HEADING);
        Self::keys().fold(command.arg(file), |command, (key, flag)| {
            let first = key.doc.split_once(". ").map_or(key.doc, |(first, _)| first);
            let default = key.default.map_or(key.otherwise, |default| default);
            let help = format!("{} [default: {default}]", first.trim_end_matches('.'));
            let arg = Arg::new(key.name)
                .long(flag)
                .value_name("VALUE")
                .help(help.replace('`', ""))
                .help_heading(HEADING)
                // `-h` shows the command, `--help` everything.
                .hide_short_help(true);
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

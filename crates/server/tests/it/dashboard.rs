//! The dashboard as a browser without scripts sees it. [`person::Person`] is somebody signed in.

mod audit;
mod bad_input;
mod connections;
mod counts;
mod durations;
mod home;
mod installs;
mod integrations;
mod list;
mod logs;
mod passkeys;
mod person;
mod profile;
mod search;
mod settings;
mod sign_in;
mod start;
mod team;

pub(crate) use person::browser;
pub(crate) use profile::code;

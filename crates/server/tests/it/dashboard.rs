//! The dashboard as a browser without scripts sees it. [`person::Person`] is somebody signed in.

mod audit;
mod connections;
mod counts;
mod home;
mod integrations;
mod list;
mod logs;
mod person;
mod profile;
mod search;
mod sign_in;
mod team;

pub(crate) use person::browser;
pub(crate) use profile::code;

//! The dashboard as a browser without scripts sees it. [`person::Person`] is somebody signed in.

mod list;
mod person;
mod profile;
mod sign_in;
mod team;

pub(crate) use person::browser;
pub(crate) use profile::code;

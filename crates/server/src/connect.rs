//! What browsers call to make a connection: forms are submitted here and outcomes asked for. The
//! pages of the redirect flow are in [`crate::ui`].

pub(crate) mod params;
mod result;
mod submit;

use crate::app::App;
use crate::route::Endpoint;

/// The operations.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let mut endpoints = submit::endpoints();
    endpoints.push(result::endpoint());
    endpoints
}

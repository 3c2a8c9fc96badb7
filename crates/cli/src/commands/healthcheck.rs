//! `valetkey healthcheck`: for container images without curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use valetkey_egress::{AllowList, Bytes, Egress, Limits, Method, Policy, Redirects, Request, Url};

use crate::config::Needs;
use crate::config::flags::AllSettings;
use crate::output::say;

const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
#[command(after_help = "Exit code 0 when the server and its database answer, 1 otherwise.")]
pub(crate) struct Options {
    /// Address of the server, when it is not the one in the settings.
    #[arg(long, value_name = "ADDRESS:PORT")]
    address: Option<SocketAddr>,
    #[command(flatten)]
    settings: AllSettings,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let listens_on = match options.address {
        Some(address) => address,
        None => options.settings.load(Needs::Nothing)?.listen,
    };
    if listens_on.port() == 0 {
        bail!("the settings leave the port open; name it with --address");
    }
    let address = reachable(listens_on);
    let allow = AllowList::parse(&address.ip().to_string()).map_err(anyhow::Error::msg)?;
    let egress = Egress::new(Policy { allow }, Limits::default())?;
    let request = Request {
        method: Method::GET,
        url: Url::parse(&format!("http://{address}/ready"))?,
        headers: Vec::new(),
        body: Bytes::new(),
        timeout: Some(TIMEOUT),
        redirects: Redirects::Refuse,
        identity: None,
    };
    let reply = egress.send(request).await.with_context(|| format!("{address} does not answer"))?;
    if reply.status != 200 {
        bail!("{address} is not ready: status {}", reply.status);
    }
    say("ready");
    Ok(())
}

/// A server on every address is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

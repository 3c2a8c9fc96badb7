//! `ANY /proxy/…`: a call to the provider's API with a connection's credentials.

mod answer;
mod control;
mod tunnel;

use http::Method;
use http_body_util::BodyExt as _;
use valetkey_engine::proxy::ProxyCall;

use crate::app::App;
use crate::call::Call;
use crate::error::ApiResult;
use crate::route::{Auth, BodyRule, Endpoint};

pub(crate) use answer::Carried;

const SCOPE: &[&str] = &["environment:proxy"];

/// The proxy.
pub fn endpoints() -> Vec<Endpoint<App>> {
    vec![
        Endpoint::new(Method::GET, "/proxy/{*path}", Auth::ApiKey(SCOPE), proxy)
            .any_method()
            .alias("/proxy")
            .raw_query()
            // Not in the OpenAPI document: what it takes and answers is the provider's to say.
            .body_rule(BodyRule::Stream),
    ]
}

async fn proxy(mut call: Call<App>) -> ApiResult {
    let control = control::read(call.headers())?;
    let body = call.body_stream().map_err(Into::into).boxed_unsync();
    let caller = call.caller()?;
    let environment = caller.environment()?.clone();
    let asked = ProxyCall {
        method: call.parts.method.clone(),
        path: call.path("path").to_owned(),
        query: call.uri().query().map(str::to_owned),
        headers: control::relayed(call.headers(), control.decompress),
        integration_key: control.integration_key,
        connection_id: control.connection_id,
        base_url: control.base_url,
        retries: control.retries,
        retry_on: control.retry_on,
        decompress: control.decompress,
        forward_headers: control.forward_headers,
        upgrade: control::upgrade(call.headers()),
        deadline: control.deadline,
        log: control.log,
        actor: caller.actor(),
        grant: caller.grant(),
    };
    let engine = call.host.engine.clone();
    let answered = engine.proxy(&environment, asked, body).await.map_err(answer::failure)?;
    Ok(answer::response(&engine, &mut call.parts, answered))
}

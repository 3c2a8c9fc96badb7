//! Replacing the data key of an environment while the server runs.

use serde_json::json;
use valetkey_base::Secret;
use valetkey_engine::members::sign_in::SignIn;
use valetkey_engine::sealing::{Column, SERVER_ENVIRONMENT};

use crate::app::{TestApp, on_each};

#[tokio::test]
async fn what_an_old_data_key_sealed_still_opens_in_every_column() {
    on_each(async |app: TestApp| {
        let id = app.environment.id;
        app.integration("emulator-oauth2", "notes").await;
        let imported = app
            .post("/connections")
            .bearer(&app.api_key)
            .json(&json!({"provider_config_key": "notes", "connection_id": "c",
                "credentials": {"type": "OAUTH2", "access_token": "at"},
                "connection_config": {"team": "blue"}}))
            .send()
            .await;
        assert_eq!(imported.status, 201, "{}", imported.text);
        let session = app.session(json!({"tags": {"team": "a"}})).await;
        let waiting = "0e3a5a1e-6d6b-4a8f-9c70-1b7b6d1e2f3a";
        let start =
            format!("/oauth/connect/notes?connect_session_token={session}&ws_client_id={waiting}");
        let started = app.get(start).send().await;
        let market = crate::installs::Market::open(&app).await;
        crate::installs::accept(&app, "shop").await;
        let held = crate::installs::install(&app, "good").await.0;
        let signing_key = app.engine.signing_keys(id).await.unwrap().remove(0);
        let value = Secret::new("eu");
        app.engine.set_environment_variable(id, "REGION", &value, "test").await.unwrap();

        app.engine.rotate_data_key(id, "test").await.unwrap();

        let mut opened = Vec::new();
        let read = app.get("/connections/c?provider_config_key=notes").bearer(&app.api_key);
        let read = read.send().await.json();
        assert_eq!(read["credentials"]["access_token"], "at");
        assert_eq!(read["connection_config"]["team"], "blue");
        opened.extend([Column::CREDENTIALS, Column::CONFIG]);
        let known = app.get("/connect/session").bearer(&session).send().await;
        assert_eq!(known.status, 200, "{}", known.text);
        opened.push(Column::SESSION);
        let back = app.visit_provider(&started.location(), "auto=approve").await;
        let page = app.get(&back).cookie(&started.cookie()).send().await;
        assert_eq!(page.status, 200, "{}", page.text);
        opened.extend([Column::STATE, Column::INTEGRATION]);
        let after = app.engine.signing_keys(id).await.unwrap().remove(0);
        assert_eq!(after.expose(), signing_key.expose());
        opened.push(Column::SIGNING_KEY);
        let made = crate::installs::claim(&app, &held, &json!({})).await;
        assert_eq!((made.status, market.exchanged()), (201, 1), "{}", made.text);
        opened.push(Column::INSTALL);
        let variables = app.engine.environment_variables(id).await.unwrap();
        assert_eq!((variables[0].0.as_str(), variables[0].1.expose()), ("REGION", "eu"));
        opened.push(Column::VARIABLE);

        opened.extend(second_factor(&app).await);

        for column in Column::ALL {
            let seen = opened
                .iter()
                .any(|seen| seen.table == column.table && seen.column == column.column);
            assert!(seen, "{}.{} has no rotation case", column.table, column.column);
        }
    })
    .await;
}

/// Members' secrets have a data key of the server's own.
async fn second_factor(app: &TestApp) -> [Column; 2] {
    let link = app.engine.make_owner_link(app.account_id).await.unwrap().unwrap();
    let (_, token) = link.expose().split_once("token=").unwrap();
    let password = Secret::new("correct horse battery");
    let member = app.engine.create_owner(token, "a@example.com", &password).await.unwrap();
    let shown = app.engine.new_second_factor(&member).await.unwrap();
    app.engine.rotate_data_key(SERVER_ENVIRONMENT, "test").await.unwrap();
    let again = app.engine.pending_second_factor(&member, &shown.step).await.unwrap();
    assert_eq!(again.secret, shown.secret);
    let code = crate::dashboard::code(&shown.secret, app.clock.now().millis() / 1000);
    app.engine.confirm_second_factor(&member, &shown.step, &code).await.unwrap();
    app.engine.rotate_data_key(SERVER_ENVIRONMENT, "test").await.unwrap();
    app.advance_s(30);
    let browser = crate::dashboard::browser();
    let asked = app.engine.sign_in("a@example.com", &password, browser.clone()).await.unwrap();
    let SignIn::NeedsCode(step) = asked else { panic!("a second factor is on") };
    let code = crate::dashboard::code(&shown.secret, app.clock.now().millis() / 1000);
    app.engine.sign_in_with_code(step.expose(), &code, browser).await.unwrap();
    [Column::TOTP, Column::SIGN_IN_STEP]
}

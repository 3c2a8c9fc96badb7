//! Callbacks with a code and without a state of ours.

use super::*;

#[tokio::test]
async fn a_code_without_a_state_is_refused_until_somebody_switches_it_on() {
    with_market(async |app, market| {
        let own = address(&app, "shop").await;
        for path in ["/oauth/callback", own.as_str(), "/oauth/install/nowhere/shop"] {
            let answer = app.get(format!("{path}?code=good")).send().await;
            assert_eq!(answer.status, 400, "{path}");
            assert!(answer.text.contains("data-error-type=\"state_err\""), "{}", answer.text);
        }
        assert!(market.seen().forms.is_empty(), "no code may be exchanged");
        assert_eq!((listed(&app, "").await, connections(&app).await), (vec![], vec![]));
    })
    .await;
}

#[tokio::test]
async fn it_is_held_at_once_and_the_person_is_led_on() {
    with_market(async |app, market| {
        accept(&app, "shop").await;
        let own = address(&app, "shop").await;
        let page = app.get(format!("{own}?code=good-1")).send().await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("Installation received"));
        assert!(page.text.contains("Acme &#60;b&#62;GmbH&#60;/b&#62;"), "{}", page.text);
        assert!(page.text.contains("https://app.example/claim?from=dir&#38;claim_token=vk_claim_"));
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        let sent = form(&market.seen().forms[0]);
        assert_eq!(sent["redirect_uri"], format!("{PUBLIC_URL}{own}"));
        assert!(!sent.contains_key("code_verifier"), "nobody here made one");

        let held = listed(&app, "?provider_config_key=shop").await;
        assert_eq!(held.len(), 1);
        assert_eq!(
            (&held[0]["source"], &held[0]["account"]),
            (&json!("callback"), &json!("Acme <b>GmbH</b>"))
        );
        assert!(!held[0].to_string().contains(ACCESS_TOKEN));
        assert_eq!(connections(&app).await, Vec::<Value>::new(), "it belongs to nobody");
        let events = told(&app).await;
        assert_eq!(events.len(), 1);
        assert_eq!(
            (&events[0]["type"], &events[0]["operation"], &events[0]["installId"]),
            (&json!("install"), &json!("unclaimed"), &held[0]["id"])
        );
        assert!(!events[0].to_string().contains("vk_claim_"), "the token is the person's");
        assert_eq!(told(&app).await.len(), 1, "it is told once");

        let again = app.get(format!("{own}?code=good-1")).send().await;
        assert_eq!((again.status, listed(&app, "").await.len()), (400, 1), "{}", again.text);
        let declined = app.get(format!("{own}?error=access_denied")).send().await;
        assert_eq!((declined.status, listed(&app, "").await.len()), (400, 1));
    })
    .await;
}

#[tokio::test]
async fn the_common_address_takes_it_only_when_it_is_clear_whose_it_is() {
    with_market(async |app, market| {
        accept(&app, "shop").await;
        let page = app.get("/oauth/callback?code=good-1").send().await;
        assert_eq!((page.status, listed(&app, "").await.len()), (200, 1), "{}", page.text);
        let sent = form(&market.seen().forms[0]);
        assert_eq!(sent["redirect_uri"], format!("{PUBLIC_URL}/oauth/callback"));
        integration(&app, "market", "other").await;
        accept(&app, "other").await;
        let answer = app.get("/oauth/callback?code=good-2").send().await;
        assert!(answer.text.contains("data-error-type=\"state_err\""), "{}", answer.text);
        assert_eq!((listed(&app, "").await.len(), market.seen().forms.len()), (1, 1));
        let own = address(&app, "other").await;
        assert_eq!(app.get(format!("{own}?code=good-2")).send().await.status, 200);
        patch(&app, "other", &json!({"installs": {"accept": false}})).await;
        assert_eq!(app.get(format!("{own}?code=good-3")).send().await.status, 400);
        assert_eq!(app.get("/oauth/callback?code=good-4").send().await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_state_that_is_not_ours_is_never_an_installation() {
    with_market(async |app, market| {
        accept(&app, "shop").await;
        let own = address(&app, "shop").await;
        for path in ["/oauth/callback", own.as_str()] {
            let answer = app.get(format!("{path}?code=good-1&state=forged")).send().await;
            assert!(answer.text.contains("data-error-type=\"state_err\""), "{}", answer.text);
        }
        assert!(market.seen().forms.is_empty() && listed(&app, "").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_claim_page_has_to_be_on_the_list() {
    with_market(async |app, _| {
        for url in ["https://evil.example/claim", "javascript:alert(1)", "/claim"] {
            let body = json!({"installs": {"accept": true, "claim_url": url}});
            let call = app.call(Method::PATCH, "/integrations/shop").bearer(&app.api_key);
            let answer = call.json(&body).send().await;
            assert_eq!(answer.error(), (400, "invalid_body".to_owned()), "{url}");
            assert!(answer.text.contains("claim_url"), "{}", answer.text);
        }
        let shown = app.get("/integrations/shop?include=installs").bearer(&app.api_key);
        let shown = shown.send().await.json();
        assert_eq!(shown["data"]["installs"]["accept"], false, "nothing was changed");
        accept(&app, "shop").await;
        let id = app.environment.id;
        app.engine
            .update_environment_settings(id, "test", |settings| settings.return_urls.clear())
            .await
            .unwrap();
        let page = app.get(format!("{}?code=good", address(&app, "shop").await)).send().await;
        assert!(page.text.contains("Installation received") && !page.text.contains("claim_token"));
    })
    .await;
}

#[tokio::test]
async fn there_are_bounds_in_number_and_in_time() {
    with_market(async |app, _| {
        accept(&app, "shop").await;
        let own = address(&app, "shop").await;
        let per_minute = valetkey_engine::installs::CALLBACKS_PER_MINUTE;
        for number in 0..per_minute {
            let page = app.get(format!("{own}?code=good-{number}")).send().await;
            assert_eq!(page.status, 200, "{number}: {}", page.text);
        }
        let late = app.get(format!("{own}?code=good-late")).send().await;
        assert!(late.text.contains("too_many_request"), "{}", late.text);
        let all = listed(&app, "?limit=50").await;
        let last = all.last().unwrap()["id"].as_str().unwrap();
        let rest = listed(&app, &format!("?limit=50&after={last}")).await;
        assert_eq!((all.len(), rest.len()), (50, per_minute as usize - 50));
        assert!(rest.iter().all(|it| !all.contains(it)));

        app.advance_s(14 * 24 * 3600 + 1);
        assert_eq!(listed(&app, "").await, Vec::<Value>::new());
        let gone = claim(&app, last, &json!({})).await;
        assert_eq!(gone.error(), (404, "not_found".to_owned()));
        app.advance_s(3600);
        assert!(app.engine.purge_once().await.unwrap().rows >= u64::from(per_minute));
    })
    .await;
}

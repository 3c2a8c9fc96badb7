//! `/providers`, `/providers.json` and the marks of providers.

use serde_json::{Value, json};

use super::{error, issues};
use crate::app::{PUBLIC_URL, TestApp, on_each};

async fn get(app: &TestApp, uri: &str) -> crate::app::Answer {
    app.get(uri).bearer(&app.api_key).send().await
}

#[tokio::test]
async fn one_provider_is_the_entry_of_the_catalogue() {
    on_each(async |app: TestApp| {
        let answer = get(&app, "/providers/test-shop").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let data = answer.json()["data"].clone();
        let mut expected = app.engine.catalog().get("test-shop").unwrap().entry.clone();
        assert!(!expected.contains_key("source"));
        let logo = format!("{PUBLIC_URL}/images/template-logos/test-shop.svg");
        expected.insert("name".to_owned(), json!("test-shop"));
        expected.insert("logo_url".to_owned(), json!(logo));
        assert_eq!(data, Value::Object(expected));
        assert_eq!(data["connection_config"]["region"]["enum"], json!(["eu", "us"]));

        let nope = get(&app, "/providers/nope").await;
        assert_eq!(nope.error(), error(404, "not_found"));
        assert!(nope.text.contains("nope"));
        assert_eq!(issues(&get(&app, "/providers/a.b").await), ["invalid_format provider"]);
        let templates = get(&app, "/providers/nope/templates").await;
        assert_eq!(templates.text, r#"{"data":[]}"#);
    })
    .await;
}

#[tokio::test]
async fn providers_are_searched_by_pattern() {
    on_each(async |app: TestApp| {
        let names = async |query: &str| -> Vec<String> {
            let body = get(&app, &format!("/providers{query}")).await.json();
            let data = body["data"].as_array().unwrap();
            data.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("?search=TEST.").await, ["test-none", "test-shop"]);
        assert_eq!(names("?search=nothing-like-it").await, [""; 0]);
        assert!(names("").await.len() > 40);
        let refused = get(&app, "/providers?search=(a").await;
        assert_eq!(issues(&refused), ["invalid_format search"]);
        let token = app.session(json!({"tags": {}})).await;
        for uri in ["/providers", "/providers/github"] {
            assert_eq!(app.get(uri).bearer(&token).send().await.status, 200, "{uri}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_whole_catalogue_and_the_marks_are_for_everyone() {
    on_each(async |app: TestApp| {
        let all = app.get("/providers.json").send().await;
        assert_eq!(all.status, 200);
        assert_eq!(all.json()["github"]["auth_mode"], "OAUTH2");
        assert!(all.json()["github"].get("logo_url").is_none());

        let mark = app.get("/images/template-logos/github.svg").send().await;
        assert_eq!(mark.status, 200);
        assert_eq!(mark.header("content-type"), "image/svg+xml");
        assert_eq!(mark.header("cache-control"), "public, max-age=86400");
        assert!(mark.text.contains(">GH</text>"), "{}", mark.text);
        for bad in ["github", "a.b.svg", "%3Cscript%3E.svg"] {
            let answer = app.get(format!("/images/template-logos/{bad}")).send().await;
            assert_eq!(answer.error(), error(404, "not_found"), "{bad}");
        }
    })
    .await;
}

/// Asked for again with its tag, a body does not come; after a change of the catalogue it does.
#[tokio::test]
async fn what_a_client_has_already_is_not_sent_again() {
    on_each(async |app: TestApp| {
        let ask = async |uri: &str, tag: Option<&str>| {
            let request = app.get(uri).bearer(&app.api_key);
            match tag {
                Some(tag) => request.header("if-none-match", tag).send().await,
                None => request.send().await,
            }
        };
        let mark = "/images/template-logos/test-shop.svg";
        for uri in ["/providers", "/providers/test-shop", "/providers.json", mark] {
            let first = ask(uri, None).await;
            assert_eq!(first.status, 200, "{uri}");
            let tag = first.header("etag").to_owned();
            let again = ask(uri, Some(&tag)).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{uri}");
            assert_eq!(again.header("etag"), tag, "{uri}");
            assert_eq!(again.header("cache-control"), first.header("cache-control"), "{uri}");

            let before = (*app.engine.catalog()).clone();
            let text =
                "test-shop: {auth_mode: NONE, display_name: Other Shop, source: our-own-note}";
            let (changed, _) = before.overlay(text, "changed.yaml").unwrap();
            app.engine.set_catalog(changed);
            let changed = ask(uri, Some(&tag)).await;
            assert_eq!(changed.status, 200, "{uri}");
            assert!(!changed.text.contains("our-own-note"), "{uri}");
            app.engine.set_catalog(before);
            assert_eq!(ask(uri, Some(&tag)).await.status, 304, "{uri}");
        }
    })
    .await;
}

#[tokio::test]
async fn keys_of_our_own_form_stay_inside() {
    on_each(async |app: TestApp| {
        let all = app.get("/providers.json").send().await.json();
        let list = get(&app, "/providers").await.json();
        let listed = list["data"].as_array().unwrap().iter();
        for entry in all.as_object().unwrap().values().chain(listed) {
            let keys = entry.as_object().unwrap().keys();
            let own = valetkey_catalog::read::OWN_KEYS;
            let leaked: Vec<_> = keys.filter(|key| own.contains(&key.as_str())).collect();
            assert!(leaked.is_empty(), "{leaked:?} in {}", entry["display_name"]);
        }
    })
    .await;
}

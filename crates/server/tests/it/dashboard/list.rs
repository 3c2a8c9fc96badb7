//! What holds for every page there is.

use http::Method;
use valetkey_engine::members::Role;
use valetkey_server::ui::dashboard::{self, Access};

use crate::app::{TestApp, on_each};

/// A path with every parameter filled in.
fn filled(path: &str, environment: &str) -> String {
    path.split('/')
        .map(|part| match part {
            "{environment}" => environment,
            part if part.starts_with('{') => "x",
            part => part,
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn strangers_see_the_way_in_and_nothing_else() {
    on_each(async |app: TestApp| {
        for (method, path, access) in dashboard::list() {
            let uri = format!("/dashboard{}", filled(path, "dev"));
            let answer = app.call(method.clone(), &uri).form("").send().await;
            if access == Access::Stranger {
                // A form without its token, or a page to look at.
                assert!([200, 303, 400, 403, 404].contains(&answer.status), "{method} {uri}");
                continue;
            }
            assert_eq!(answer.status, 303, "{method} {uri}");
            assert!(answer.location().starts_with("/dashboard/account/sign-in"), "{uri}");
            let forged = app.call(method.clone(), &uri).cookie("valetkey_session=x").form("");
            assert_eq!(forged.send().await.status, 303, "{method} {uri}");
        }
    })
    .await;
}

#[tokio::test]
async fn no_form_is_taken_without_its_token_from_elsewhere_or_in_another_shape() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        for (method, path, access) in dashboard::list() {
            if method != Method::POST || access == Access::Stranger {
                continue;
            }
            let path = filled(path, "dev");
            for form in ["", "csrf=", "csrf=0000", "id=1"] {
                let answer = owner.post_raw(&path, form).await;
                assert_eq!(answer.status, 403, "{path} {form}");
                assert!(answer.text.contains("This form is too old"), "{path}");
            }
            let page = owner.get("/account/profile").await;
            let token = format!("csrf={}", super::person::csrf_of(&page));
            let elsewhere = app
                .post(format!("/dashboard{path}"))
                .cookie(&owner.cookie)
                .header("sec-fetch-site", "cross-site")
                .form(&token)
                .send()
                .await;
            assert_eq!(elsewhere.status, 403, "{path}");
            let json = app.post(format!("/dashboard{path}")).cookie(&owner.cookie);
            let json = json.text("text/plain", &token).send().await;
            assert_eq!(json.status, 403, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_role_may_what_it_may_and_nothing_more() {
    on_each(async |app: TestApp| {
        for role in [Role::ReadOnly, Role::Support, Role::Developer, Role::Admin] {
            let person = app.person(role).await;
            for (method, path, access) in dashboard::list() {
                let Access::May(permission) = access else { continue };
                let path = filled(path, "dev");
                let answer = if method == Method::GET {
                    person.get(&path).await
                } else {
                    person.post(&path, &[]).await
                };
                let denied = answer.status == 403 && answer.text.contains("Your role does not");
                assert_eq!(denied, !role.may(permission), "{role:?} {method} {path}");
                assert!(answer.status < 500, "{role:?} {method} {path}: {}", answer.text);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn other_environments_and_what_is_not_there_are_not_found() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        for (method, path, _) in dashboard::list() {
            if !path.contains("{environment}") {
                continue;
            }
            let path = filled(path, "elsewhere");
            let answer = if method == Method::GET {
                owner.get(&path).await
            } else {
                owner.post(&path, &[]).await
            };
            assert_eq!(answer.status, 404, "{method} {path}");
        }
        for path in ["/dev/nothing", "/account/nothing", "/dev/a/b/c/d"] {
            let answer = owner.get(path).await;
            assert_eq!(answer.status, 404, "{path}");
            assert!(answer.text.contains("There is nothing here"), "{path}: {}", answer.text);
        }
    })
    .await;
}

#[tokio::test]
async fn every_page_is_html_under_a_strict_policy_and_small() {
    /// Most bytes of a page with its styles and scripts, compressed.
    const PAGE_BYTES_MAX: usize = 60_000;
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        for (method, path, access) in dashboard::list() {
            if method != Method::GET || path.contains("{id}") || access == Access::Stranger {
                continue;
            }
            let path = filled(path, "dev");
            let page = owner.get(&path).await;
            if page.status != 200 {
                continue;
            }
            if !page.header("content-type").starts_with("text/html") {
                continue;
            }
            let policy = page.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{path}: {policy}");
            assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
            assert_eq!(page.header("cache-control"), "no-store", "{path}");
            assert!(!page.text.contains(" style=\"") && !page.text.contains("<style"), "{path}");
            assert!(!page.text.contains(" onclick"), "{path}");
            let uri = format!("/dashboard{path}");
            let mut bytes = app.get(uri).cookie(&owner.cookie).bytes_compressed().await;
            let files = page.text.split('"').filter(|text| text.starts_with("/static/"));
            for file in files.collect::<std::collections::BTreeSet<_>>() {
                bytes += app.get(file).bytes_compressed().await;
            }
            assert!(bytes < PAGE_BYTES_MAX, "{path} has {bytes} bytes");
        }
    })
    .await;
}

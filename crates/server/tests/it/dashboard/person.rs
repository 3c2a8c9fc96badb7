//! Somebody who is signed in: a cookie, and the token that forms carry.

use http::header::SET_COOKIE;
use url::form_urlencoded;
use valetkey_base::Secret;
use valetkey_engine::members::Role;
use valetkey_engine::members::sign_in::{Browser, SignIn};

use crate::app::{Answer, TestApp};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Somebody who is signed in.
pub(crate) struct Person<'a> {
    app: &'a TestApp,
    /// `name=value`.
    pub(crate) cookie: String,
    csrf: String,
}

pub(crate) fn browser() -> Browser {
    Browser { user_agent: "test".to_owned(), address: "192.0.2.7".to_owned() }
}

impl TestApp {
    /// The owner, signed in. Made at the first call.
    pub(crate) async fn owner(&self) -> Person<'_> {
        if let Some(link) = self.engine.make_owner_link(self.account_id).await.unwrap() {
            let (_, token) = link.expose().split_once("token=").unwrap();
            let password = Secret::new(PASSWORD);
            self.engine.create_owner(token, "owner@example.com", &password).await.unwrap();
        }
        Person::sign_in(self, "owner@example.com").await
    }

    /// Somebody with a role, `<role>@example.com`, invited by the owner and signed in.
    pub(crate) async fn person(&self, role: Role) -> Person<'_> {
        if role == Role::Owner {
            return self.owner().await;
        }
        let owner = self.owner().await;
        let by = self.engine.signed_in(owner.token()).await.unwrap().unwrap();
        let email = format!("{}@example.com", role.name());
        let link = self.engine.invite(&by, &email, role.name()).await.unwrap();
        let (_, token) = link.expose().split_once("token=").unwrap();
        let password = Secret::new(PASSWORD);
        self.engine.accept_invitation(token, "", &password).await.unwrap();
        Person::sign_in(self, &email).await
    }
}

impl<'a> Person<'a> {
    pub(crate) async fn sign_in(app: &'a TestApp, email: &str) -> Self {
        let signed_in = app.engine.sign_in(email, &Secret::new(PASSWORD), browser()).await.unwrap();
        let SignIn::Done(done) = signed_in else { panic!("a second factor is on") };
        Self::with_cookie(app, format!("valetkey_session={}", done.token.expose())).await
    }

    pub(crate) async fn with_cookie(app: &'a TestApp, cookie: String) -> Self {
        let page = app.get("/dashboard/account/profile").cookie(&cookie).send().await;
        assert_eq!(page.status, 200, "{}", page.text);
        Self { app, csrf: csrf_of(&page), cookie }
    }

    /// What the cookie has.
    pub(crate) fn token(&self) -> &str {
        self.cookie.split_once('=').unwrap().1
    }

    /// A page. `path` is after `/dashboard`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.app.get(format!("/dashboard{path}")).cookie(&self.cookie).send().await
    }

    /// Sends a form, with its token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &self.csrf).extend_pairs(fields);
        self.post_raw(path, &form.finish()).await
    }

    /// Sends a form as it is.
    pub(crate) async fn post_raw(&self, path: &str, form: &str) -> Answer {
        self.app.post(format!("/dashboard{path}")).cookie(&self.cookie).form(form).send().await
    }
}

/// The token in the forms of a page.
#[track_caller]
pub(crate) fn csrf_of(page: &Answer) -> String {
    let rest = page.text.split_once("name=\"csrf\" value=\"");
    let (_, rest) = rest.unwrap_or_else(|| panic!("no form with a token: {}", page.text));
    rest.split('"').next().unwrap().to_owned()
}

/// A cookie of an answer that sets several.
pub(crate) fn cookie_named(answer: &Answer, name: &str) -> Option<String> {
    let lines = answer.headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .map(|line| line.split(';').next().unwrap_or_default())
        .find(|pair| pair.starts_with(&format!("{name}=")))
        .map(str::to_owned)
}

//! Passkeys: adding, using and removing them, with an authenticator made of software.

use serde_json::Value;
use valetkey_engine::members::Role;
use valetkey_engine::members::passkeys::PASSKEYS_MAX;
use valetkey_server::app::Options;
use valetkey_testkit::authenticator::{Authenticator, Key, Made, Used};
use valetkey_testkit::on_each_database;

use super::person::{PASSWORD, Person, cookie_named, csrf_of};
use crate::app::{Answer, PUBLIC_URL, TestApp, on_each};

const PROFILE: &str = "/account/profile";
const NEW: &str = "/account/profile/passkeys/new";
const ADD: &str = "/account/profile/passkeys";
const SIGN_IN: &str = "/dashboard/account/sign-in";

/// What the page gives to the browser.
#[track_caller]
fn options_of(page: &Answer) -> Value {
    assert_eq!(page.status, 200, "{}", page.text);
    let (_, rest) = page.text.split_once("data-passkey=\"").unwrap();
    let text = rest.split('"').next().unwrap();
    let text = text.replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&");
    serde_json::from_str(&text).unwrap()
}

async fn begin(person: &Person<'_>) -> Value {
    options_of(&person.post(NEW, &[("passkey_password", PASSWORD)]).await)
}

async fn send(person: &Person<'_>, made: &Made) -> Answer {
    let fields = [("client_data", made.client_data.as_str()), ("attestation", &made.attestation)];
    person.post(ADD, &fields).await
}

/// Somebody gets a passkey.
async fn add(person: &Person<'_>) -> Authenticator {
    let mut device = Authenticator::new(Key::es256(), PUBLIC_URL);
    let made = device.make(&begin(person).await);
    let added = send(person, &made).await;
    assert_eq!(added.location(), "/dashboard/account/profile?said=passkey-added", "{}", added.text);
    device
}

/// A browser at the sign-in page.
struct Stranger<'a> {
    app: &'a TestApp,
    cookie: String,
    csrf: String,
}

impl<'a> Stranger<'a> {
    async fn new(app: &'a TestApp) -> Self {
        let page = app.get(SIGN_IN).send().await;
        let cookie = cookie_named(&page, "valetkey_visitor").unwrap();
        Self { app, cookie, csrf: csrf_of(&page) }
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &self.csrf).extend_pairs(fields);
        self.app
            .post(format!("{SIGN_IN}{path}"))
            .cookie(&self.cookie)
            .form(&form.finish())
            .send()
            .await
    }

    async fn options(&self) -> Value {
        let answer = self.post("/passkey/options", &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.json()
    }

    async fn send(&self, used: &Used) -> Answer {
        let fields = [
            ("id", used.id.as_str()),
            ("client_data", &used.client_data),
            ("authenticator_data", &used.authenticator_data),
            ("signature", &used.signature),
            ("user_handle", &used.user_handle),
            ("next", "/dashboard/account/profile"),
        ];
        self.post("/passkey", &fields).await
    }

    /// Signs in with what a device has.
    async fn sign_in(&self, device: &mut Authenticator) -> Answer {
        let used = device.answer(&self.options().await);
        self.send(&used).await
    }
}

#[track_caller]
fn refused(answer: &Answer, sentence: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains(sentence), "no “{sentence}” in {}", answer.text);
    assert!(cookie_named(answer, "valetkey_session").is_none());
}

async fn audited(app: &TestApp, person: &Person<'_>, action: &str) -> bool {
    app.engine.recorder().flush().await.unwrap();
    person.get("/account/audit").await.text.contains(action)
}

#[tokio::test]
async fn a_passkey_is_added_signs_in_is_renamed_and_removed() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let page = owner.get(PROFILE).await;
        assert!(page.text.contains("Add a passkey"), "{}", page.text);
        let options = begin(&owner).await;
        assert_eq!(options["rp"]["id"], "localhost");
        assert_eq!(options["user"]["name"], "owner@example.com");
        assert_eq!(options["attestation"], "none");
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        let mut device = add(&owner).await;
        let known = begin(&owner).await;
        assert_eq!(known["excludeCredentials"].as_array().unwrap().len(), 1);
        assert_eq!(known["user"]["id"], options["user"]["id"], "one handle per member");

        let stranger = Stranger::new(&app).await;
        let done = stranger.sign_in(&mut device).await;
        assert_eq!((done.status, done.location().as_str()), (303, "/dashboard/account/profile"));
        let me = Person::with_cookie(&app, done.cookie()).await;
        let page = me.get(PROFILE).await;
        assert!(page.text.contains("<td data-label=\"With\">passkey</td>"), "{}", page.text);
        assert!(page.text.contains("<td data-label=\"Last used\">just now</td>"));

        let passkey = &known["excludeCredentials"][0]["id"];
        let path = format!("{ADD}/{}", passkey.as_str().unwrap());
        let bad = me.post(&path, &[("name", " ")]).await;
        assert_eq!(bad.status, 400);
        assert!(bad.text.contains("id=\"name-issue\""), "{}", bad.text);
        assert_eq!(me.post(&path, &[("name", &"x".repeat(101))]).await.status, 400);
        assert_eq!(me.post(&path, &[("name", "<b>Yellow key")]).await.status, 303);
        assert!(me.get(PROFILE).await.text.contains("&#60;b&#62;Yellow key"));

        let remove = format!("{path}/remove");
        let bad = me.post(&remove, &[("confirm", "wrong")]).await;
        assert!(bad.status == 400 && bad.text.contains("id=\"confirm-issue\""), "{}", bad.text);
        let removed = me.post(&remove, &[("confirm", PASSWORD)]).await;
        assert_eq!(removed.location(), "/dashboard/account/profile?said=passkey-removed");
        assert_eq!(me.get(&path).await.status, 404);
        let gone = stranger.sign_in(&mut device).await;
        refused(&gone, "This server does not know this passkey.");
        for action in ["member.passkey_added", "member.passkey_removed", "member.sign_in_failed"] {
            assert!(audited(&app, &me, action).await, "{action}");
        }
    })
    .await;
}

#[tokio::test]
async fn adding_needs_the_password_and_the_very_session_that_began_once_and_soon() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let wrong = owner.post(NEW, &[("passkey_password", "not this one")]).await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text.contains("id=\"passkey_password-issue\""), "{}", wrong.text);
        for path in [NEW, ADD] {
            assert_eq!(owner.get(path).await.location(), "/dashboard/account/profile");
        }
        let mut device = Authenticator::new(Key::es256(), PUBLIC_URL);
        let late = "That took too long, or it was begun elsewhere.";

        let options = begin(&owner).await;
        let elsewhere = Person::sign_in(&app, "owner@example.com").await;
        refused(&send(&elsewhere, &device.make(&options)).await, late);
        let other = app.person(Role::Support).await;
        let options = begin(&owner).await;
        refused(&send(&other, &device.make(&options)).await, late);
        let options = begin(&owner).await;
        app.advance_s(5 * 60 + 1);
        refused(&send(&owner, &device.make(&options)).await, late);
        // A challenge for signing in is none for adding.
        let options = Stranger::new(&app).await.options().await;
        refused(&send(&owner, &device.make(&options)).await, late);
        // One that was used.
        let options = begin(&owner).await;
        assert_eq!(send(&owner, &device.make(&options)).await.status, 303);
        let mut second = Authenticator::new(Key::eddsa(), PUBLIC_URL);
        refused(&send(&owner, &second.make(&options)).await, late);

        let mut bad = Authenticator::new(Key::es256(), "https://evil.example");
        refused(&send(&owner, &bad.make(&begin(&owner).await)).await, "at another address");
        let mut bad = Authenticator::new(Key::es256(), PUBLIC_URL);
        bad.flags = 1;
        refused(&send(&owner, &bad.make(&begin(&owner).await)).await, "did not check who you are");
        let nothing = Made { client_data: String::new(), attestation: String::new() };
        refused(&send(&owner, &nothing).await, "cannot be read");
    })
    .await;
}

#[tokio::test]
async fn a_passkey_belongs_to_one_member_and_nobody_else_sees_it() {
    on_each(async |app: TestApp| {
        let (owner, other) = (app.owner().await, app.person(Role::ReadOnly).await);
        let mut device = add(&owner).await;
        let again = send(&owner, &device.make(&begin(&owner).await)).await;
        refused(&again, "This passkey is known here already.");
        let theirs = send(&other, &device.make(&begin(&other).await)).await;
        refused(&theirs, "This passkey is known here already.");
        // The device says now that it is the other one's.
        let stranger = Stranger::new(&app).await;
        refused(&stranger.sign_in(&mut device).await, "it belongs to somebody else");

        let known = begin(&owner).await["excludeCredentials"][0]["id"].clone();
        let path = format!("{ADD}/{}", known.as_str().unwrap());
        assert_eq!(owner.get(&path).await.status, 200);
        assert_eq!(other.get(&path).await.status, 404);
        assert_eq!(other.post(&path, &[("name", "mine")]).await.status, 404);
        let remove = format!("{path}/remove");
        assert_eq!(other.post(&remove, &[("confirm", PASSWORD)]).await.status, 404);
        assert_eq!(owner.get(&path).await.status, 200);
        add(&other).await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_signs_in_once_soon_and_in_the_browser_that_asked() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let mut device = add(&owner).await;
        let stranger = Stranger::new(&app).await;
        let late = "That took too long. Try again.";

        let used = device.answer(&stranger.options().await);
        assert_eq!(stranger.send(&used).await.status, 303);
        refused(&stranger.send(&used).await, late);
        let used = device.answer(&stranger.options().await);
        refused(&Stranger::new(&app).await.send(&used).await, late);
        let used = device.answer(&stranger.options().await);
        app.advance_s(5 * 60 + 1);
        refused(&stranger.send(&used).await, late);
        // A challenge for adding is none for signing in.
        let mut options = begin(&owner).await;
        options["rpId"] = "localhost".into();
        refused(&stranger.send(&device.answer(&options)).await, late);

        let forged = stranger.post("/passkey/options", &[("csrf", "x")]).await;
        assert_eq!(forged.status, 200, "the first one counts");
        let form = "csrf=0000";
        let path = format!("{SIGN_IN}/passkey/options");
        let forged = app.post(path).cookie(&stranger.cookie).form(form).send().await;
        assert_eq!(forged.status, 403);
        refused(&stranger.post("/passkey", &[]).await, "cannot be read");
    })
    .await;
}

#[tokio::test]
async fn neither_a_code_nor_another_ones_guessing_is_in_the_way() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let mut device = add(&owner).await;
        let page = owner.get("/account/profile/second-factor").await;
        let secret = page.text.split_once("data-copy>").unwrap().1.split('<').next().unwrap();
        let step = page.text.split_once("name=\"step\" value=\"").unwrap().1;
        let step = step.split('"').next().unwrap();
        let code = super::code(secret, app.clock.now().millis() / 1000);
        let fields = [("step", step), ("code", code.as_str())];
        assert_eq!(owner.post("/account/profile/second-factor", &fields).await.status, 200);
        let stranger = Stranger::new(&app).await;
        for _ in 0..7 {
            let fields = [("email", "owner@example.com"), ("password", "wrong wrong wrong")];
            stranger.post("", &fields).await;
        }
        let fields = [("email", "owner@example.com"), ("password", PASSWORD)];
        refused(&stranger.post("", &fields).await, "Too many wrong attempts");
        assert_eq!(stranger.sign_in(&mut device).await.status, 303);
    })
    .await;
}

#[tokio::test]
async fn guessing_at_a_passkey_ends_in_waiting() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let mut device = add(&owner).await;
        let right = std::mem::replace(&mut device.key, Key::es256());
        let stranger = Stranger::new(&app).await;
        for _ in 0..6 {
            refused(&stranger.sign_in(&mut device).await, "the signature is wrong");
        }
        device.key = right;
        refused(&stranger.sign_in(&mut device).await, "Too many wrong attempts. Try again in");
        app.advance_s(60);
        assert_eq!(stranger.sign_in(&mut device).await.status, 303);
    })
    .await;
}

#[tokio::test]
async fn a_counter_that_falls_is_refused_and_told_in_the_audit_trail() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let mut device = Authenticator::new(Key::rs256(), PUBLIC_URL);
        device.sign_count = 40;
        let made = device.make(&begin(&owner).await);
        assert_eq!(send(&owner, &made).await.status, 303);
        let stranger = Stranger::new(&app).await;
        assert_eq!(stranger.sign_in(&mut device).await.status, 303, "41");
        device.sign_count = 40;
        refused(&stranger.sign_in(&mut device).await, "there may be a copy of it");
        assert!(audited(&app, &owner, "member.passkey_counter_fell").await);
        device.sign_count = 41;
        assert_eq!(stranger.sign_in(&mut device).await.status, 303, "42");
    })
    .await;
}

#[tokio::test]
async fn who_is_removed_has_no_passkey_any_more() {
    on_each(async |app: TestApp| {
        let support = app.person(Role::Support).await;
        let mut device = add(&support).await;
        let member = app.engine.store().member_by_email("support@example.com").await.unwrap();
        let id = member.unwrap().id;
        let owner = app.owner().await;
        let removed = owner.post("/account/team/remove", &[("id", &id.to_string())]).await;
        assert_eq!(removed.status, 303);
        let out = Stranger::new(&app).await.sign_in(&mut device).await;
        refused(&out, "This server does not know this passkey.");
        assert!(app.engine.passkeys(id).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_member_has_so_many_passkeys_and_no_more() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        // One too many is begun while there is room.
        let early = begin(&owner).await;
        for _ in 0..PASSKEYS_MAX {
            add(&owner).await;
        }
        let page = owner.get(PROFILE).await;
        assert!(page.text.contains("There are 20, which is the most."), "{}", page.text);
        assert!(!page.text.contains("Add a passkey"));
        let more = owner.post(NEW, &[("passkey_password", PASSWORD)]).await;
        refused(&more, "You have 20 passkeys.");
        let mut device = Authenticator::new(Key::es256(), PUBLIC_URL);
        refused(&send(&owner, &device.make(&early)).await, "You have 20 passkeys.");
    })
    .await;
}

#[tokio::test]
async fn where_browsers_have_none_the_profile_says_why() {
    let cases = [
        ("http://127.0.0.1:3003", "is an IP address"),
        ("https://[::1]:3003", "is an IP address"),
        ("http://keys.example.com", "without TLS"),
    ];
    for (url, sentence) in cases {
        on_each_database(async |database| {
            let app = TestApp::at(database, Options::default(), url).await;
            let owner = app.owner().await;
            let page = owner.get(PROFILE).await;
            assert!(page.text.contains(sentence), "{url}: {}", page.text);
            assert!(!page.text.contains("Add a passkey"), "{url}");
            let new = owner.post(NEW, &[("passkey_password", PASSWORD)]).await;
            refused(&new, sentence);
            let page = app.get(SIGN_IN).send().await;
            assert!(!page.text.contains("passkey"), "{url}: {}", page.text);
        })
        .await;
    }
}

#[tokio::test]
async fn who_signs_in_elsewhere_is_not_asked_for_a_password_they_do_not_have() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let member = app.engine.store().member_by_email("owner@example.com").await.unwrap();
        let id = member.unwrap().id;
        let store = app.engine.store();
        store
            .write::<_, valetkey_store::Error, _>(move |tx| {
                Box::pin(async move { tx.set_member_password(id, "").await })
            })
            .await
            .unwrap();
        let page = owner.get(PROFILE).await;
        assert!(!page.text.contains("name=\"passkey_password\""), "{}", page.text);
        let mut device = add(&owner).await;
        assert_eq!(Stranger::new(&app).await.sign_in(&mut device).await.status, 303);
        let id = valetkey_testkit::authenticator::base64url(&device.id);
        let page = owner.get(&format!("{ADD}/{id}")).await;
        assert!(!page.text.contains("name=\"confirm\""), "{}", page.text);
        assert_eq!(owner.post(&format!("{ADD}/{id}/remove"), &[]).await.status, 303);
    })
    .await;
}

#[tokio::test]
async fn the_team_page_says_who_has_a_passkey() {
    on_each(async |app: TestApp| {
        let reader = app.person(Role::ReadOnly).await;
        let rows = async || {
            let page = reader.get("/account/team").await.text;
            let (_, rows) = page.split_once("<tbody>").unwrap();
            let rows: Vec<String> = rows.split("</tr>").map(str::to_owned).collect();
            rows
        };
        let has = |rows: &[String], email: &str, chip: &str| {
            let row = rows.iter().find(|row| row.contains(email)).unwrap();
            row.contains(&format!(">{chip}</span>"))
        };
        let before = rows().await;
        assert!(has(&before, "owner@example.com", "none"));
        add(&app.owner().await).await;
        let after = rows().await;
        assert!(has(&after, "owner@example.com", "passkey"));
        assert!(!has(&after, "owner@example.com", "none"));
        assert!(has(&after, "read_only@example.com", "none"));
    })
    .await;
}

//! Members and invitations.

use valetkey_engine::members::Role;

use super::person::{PASSWORD, Person, csrf_of};
use crate::app::{TestApp, on_each};

async fn id_of(app: &TestApp, email: &str) -> String {
    app.engine.store().member_by_email(email).await.unwrap().unwrap().id.to_string()
}

#[tokio::test]
async fn an_invitation_makes_a_member_once() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let wrong = owner.post("/account/team/invite", &[("email", "ada"), ("role", "king")]).await;
        assert_eq!(wrong.status, 400);
        assert!(
            wrong.text.contains("id=\"email-issue\"") && wrong.text.contains("id=\"role-issue\"")
        );

        let fields = [("email", "Ada@example.com"), ("role", "support")];
        let made = owner.post("/account/team/invite", &fields).await;
        let (_, rest) = made.text.split_once("/dashboard/account/invitation?token=").unwrap();
        let token = rest.split('<').next().unwrap();
        assert!(!owner.get("/account/team").await.text.contains(token), "it is shown once");

        let uri = format!("/dashboard/account/invitation?token={token}");
        let page = app.get(&uri).send().await;
        assert!(page.text.contains("ada@example.com") && page.text.contains("Support"));
        let visitor = page.cookie();
        let send = async |password: &str| {
            let form = format!(
                "csrf={}&token={token}&name=Ada&password={}",
                csrf_of(&page),
                password.replace(' ', "+")
            );
            app.post("/dashboard/account/invitation").cookie(&visitor).form(&form).send().await
        };
        let short = send("short").await;
        assert_eq!(short.status, 400);
        assert!(
            short.text.contains("id=\"password-issue\"") && short.text.contains("value=\"Ada\"")
        );
        assert_eq!(send(PASSWORD).await.status, 303);
        assert_eq!(send(PASSWORD).await.status, 400, "the link is used up");
        let ada = Person::sign_in(&app, "ada@example.com").await;
        assert_eq!(ada.get("/account/team").await.status, 200);
        assert!(!ada.get("/account/team").await.text.contains("Invite somebody"));
    })
    .await;
}

#[tokio::test]
async fn there_is_always_an_owner_and_nobody_rises_above_who_makes_them() {
    on_each(async |app: TestApp| {
        let admin = app.person(Role::Admin).await;
        let owner = app.owner().await;
        let owner_id = id_of(&app, "owner@example.com").await;
        let admin_id = id_of(&app, "admin@example.com").await;
        let role = async |who: &Person<'_>, id: &str, role: &str| {
            who.post("/account/team/role", &[("id", id), ("role", role)]).await.status
        };
        assert_eq!(role(&admin, &owner_id, "support").await, 400);
        assert_eq!(role(&admin, &admin_id, "owner").await, 400);
        let up = admin.post("/account/team/invite", &[("email", "x@y.example"), ("role", "owner")]);
        assert_eq!(up.await.status, 400);
        assert_eq!(role(&owner, &owner_id, "admin").await, 400, "the only owner stays one");
        assert_eq!(owner.post("/account/team/remove", &[("id", &owner_id)]).await.status, 400);
        assert_eq!(role(&owner, &admin_id, "owner").await, 303);
        assert_eq!(role(&owner, &owner_id, "admin").await, 303, "there is another one now");
        assert_eq!(role(&owner, "999", "admin").await, 404);
    })
    .await;
}

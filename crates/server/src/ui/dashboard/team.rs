//! Members and invitations.

use askama::Template;
use axum::response::Response;
use valetkey_base::Secret;
use valetkey_engine::Error;
use valetkey_engine::members::{Permission, Role};

use super::failure::Failure;
use super::form::Issues;
use super::frame::Frame;
use super::visit::Visit;
use super::{Access, Page, change, look, words};

pub(super) fn pages() -> Vec<Page> {
    const MANAGE: Access = Access::May(Permission::ManageMembers);
    vec![
        look("/account/team", Access::Member, show),
        change("/account/team/invite", MANAGE, invite),
        change("/account/team/withdraw", MANAGE, withdraw),
        change("/account/team/role", MANAGE, set_role),
        change("/account/team/remove", MANAGE, remove),
    ]
}

/// A role in a list of choices.
struct RoleChoice {
    name: &'static str,
    title: &'static str,
    meaning: &'static str,
}

/// A member, as the page shows them.
struct MemberRow {
    id: i64,
    email: String,
    name: String,
    role: &'static str,
    role_title: &'static str,
    has_second_factor: bool,
    has_passkey: bool,
    since: String,
    is_me: bool,
    /// Whether who looks may change them.
    can_change: bool,
}

/// An invitation, as the page shows it.
struct InvitationRow {
    id: i64,
    email: String,
    role_title: &'static str,
    sent: String,
    ends: String,
}

#[derive(Template)]
#[template(path = "dashboard/team.html")]
struct TeamPage {
    frame: Frame,
    members: Vec<MemberRow>,
    invitations: Vec<InvitationRow>,
    roles: Vec<RoleChoice>,
    can_manage: bool,
    /// A link that was just made; shown once.
    new_link: Option<Secret>,
    email: String,
    role: String,
    issues: Issues,
}

async fn team_page(
    visit: &Visit,
    new_link: Option<Secret>,
    issues: Issues,
) -> Result<TeamPage, Failure> {
    let me = visit.member()?;
    let (account, now) = (me.member.account_id, visit.now());
    let can_manage = visit.may(Permission::ManageMembers);
    let with_passkeys = visit.engine().members_with_passkeys(account).await?;
    let members = visit.engine().members(account).await?.into_iter().map(|member| {
        let role = Role::parse(&member.role).unwrap_or(Role::ReadOnly);
        let is_me = member.id == me.member.id;
        MemberRow {
            id: member.id,
            role: role.name(),
            role_title: role.title(),
            has_second_factor: member.totp.is_some(),
            has_passkey: with_passkeys.contains(&member.id),
            since: words::relative_time(member.created_at, now),
            can_change: can_manage && !is_me && me.role.may_grant(role),
            is_me,
            email: member.email,
            name: member.name,
        }
    });
    let invitations = if can_manage { visit.engine().invitations(account).await? } else { vec![] };
    let invitations = invitations.into_iter().map(|invitation| InvitationRow {
        id: invitation.id,
        role_title: Role::parse(&invitation.role).map_or("", Role::title),
        sent: words::relative_time(invitation.created_at, now),
        ends: words::relative_time(invitation.expires_at, now),
        email: invitation.email,
    });
    let roles = Role::ALL.into_iter().filter(|role| me.role.may_grant(*role));
    let roles = roles.map(|role| RoleChoice {
        name: role.name(),
        title: role.title(),
        meaning: role.meaning(),
    });
    Ok(TeamPage {
        frame: visit.frame("Team"),
        members: members.collect(),
        invitations: invitations.collect(),
        roles: roles.collect(),
        can_manage,
        new_link,
        email: visit.form.text("email").to_owned(),
        role: visit.form.filled("role").unwrap_or(Role::Developer.name()).to_owned(),
        issues,
    })
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let page = team_page(&visit, None, Issues::default()).await?;
    Ok(visit.page(&page))
}

async fn invite(visit: Visit) -> Result<Response, Failure> {
    let (email, role) = (visit.form.text("email"), visit.form.text("role"));
    match visit.engine().invite(visit.member()?, email, role).await {
        Ok(link) => {
            let page = team_page(&visit, Some(link), Issues::default()).await?;
            Ok(visit.page(&page))
        }
        Err(error) => {
            let page = team_page(&visit, None, Issues::from_error(error)?).await?;
            Ok(visit.corrected(&page))
        }
    }
}

fn id_of(visit: &Visit) -> Result<i64, Failure> {
    visit.form.text("id").parse().map_err(|_| Failure::Missing)
}

fn done(visit: &Visit, result: Result<(), Error>, said: &str) -> Result<Response, Failure> {
    result?;
    Ok(visit.redirect(&visit.link("/account/team"), said))
}

async fn withdraw(visit: Visit) -> Result<Response, Failure> {
    let result = visit.engine().withdraw_invitation(visit.member()?, id_of(&visit)?).await;
    done(&visit, result, "withdrawn")
}

async fn set_role(visit: Visit) -> Result<Response, Failure> {
    let (id, role) = (id_of(&visit)?, visit.form.text("role"));
    let result = visit.engine().set_member_role(visit.member()?, id, role).await;
    done(&visit, result, "role-changed")
}

async fn remove(visit: Visit) -> Result<Response, Failure> {
    let result = visit.engine().remove_member(visit.member()?, id_of(&visit)?).await;
    done(&visit, result, "member-removed")
}

//! What members may do: a role is a set of permissions, and pages ask for a permission.

use serde::{Deserialize, Serialize};

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks, and changes nothing.
    ReadOnly,
    /// Helps customers: refreshes, sends reconnect links and webhooks again; sees no credentials.
    Support,
    /// Builds: integrations, connections with their credentials, settings, API keys.
    Developer,
    /// The same, and people and environments.
    Admin,
    /// Everything.
    Owner,
}

/// What a page or a button needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Look at everything that is no secret.
    View,
    /// Bring a connection or a delivery back to life, without seeing what is in it.
    Repair,
    /// See credentials and other secrets.
    Reveal,
    /// Change integrations, connections and settings.
    Change,
    /// Make and delete environments.
    ManageEnvironments,
    /// Invite and remove members, and change what they are.
    ManageMembers,
    /// Read the audit trail.
    ReadAudit,
}

impl Role {
    /// Every role, the strongest first.
    pub const ALL: [Self; 5] =
        [Self::Owner, Self::Admin, Self::Developer, Self::Support, Self::ReadOnly];

    /// Its name in the database and in forms.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Support => "support",
            Self::ReadOnly => "read_only",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Admin => "Admin",
            Self::Developer => "Developer",
            Self::Support => "Support",
            Self::ReadOnly => "Read only",
        }
    }

    /// What it may do, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Owner => "Everything, and who else is an owner.",
            Self::Admin => "Everything, members and environments too.",
            Self::Developer => "Integrations, connections with credentials, settings, API keys.",
            Self::Support => "Look, refresh, reconnect and send again; no credentials.",
            Self::ReadOnly => "Look; no credentials.",
        }
    }

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether it may.
    pub fn may(self, permission: Permission) -> bool {
        let least = match permission {
            Permission::View => Self::ReadOnly,
            Permission::Repair => Self::Support,
            Permission::Reveal | Permission::Change => Self::Developer,
            Permission::ManageEnvironments | Permission::ManageMembers | Permission::ReadAudit => {
                Self::Admin
            }
        };
        self >= least
    }

    /// Whether it may make somebody this, or change somebody who is.
    pub fn may_grant(self, other: Self) -> bool {
        self.may(Permission::ManageMembers) && other <= self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stronger_role_may_all_that_a_weaker_may() {
        for pair in Role::ALL.windows(2) {
            let [stronger, weaker] = pair else { panic!("a pair") };
            assert!(stronger > weaker);
        }
        assert!(!Role::Support.may(Permission::Reveal) && Role::Support.may(Permission::Repair));
        assert!(!Role::ReadOnly.may(Permission::Repair));
        assert!(Role::Owner.may_grant(Role::Owner) && !Role::Admin.may_grant(Role::Owner));
        assert!(!Role::Developer.may_grant(Role::ReadOnly));
        for role in Role::ALL {
            assert_eq!(Role::parse(role.name()), Some(role));
        }
    }
}

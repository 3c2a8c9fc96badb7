//! API key scopes: which strings exist, and what a list of them grants.

/// Every scope an environment key may hold.
pub const ENVIRONMENT_SCOPES: &[&str] = &[
    "environment:*",
    "environment:integrations:list",
    "environment:integrations:list_credentials",
    "environment:integrations:list_functions",
    "environment:integrations:read",
    "environment:integrations:read_credentials",
    "environment:integrations:create",
    "environment:integrations:update",
    "environment:integrations:delete",
    "environment:integrations:*",
    "environment:connections:list",
    "environment:connections:list_credentials",
    "environment:connections:read",
    "environment:connections:read_credentials",
    "environment:connections:create",
    "environment:connections:update",
    "environment:connections:delete",
    "environment:connections:*",
    "environment:connect_sessions:write",
    "environment:syncs:read",
    "environment:syncs:execute",
    "environment:syncs:update",
    "environment:syncs:variant:create",
    "environment:syncs:variant:delete",
    "environment:syncs:*",
    "environment:functions:list",
    "environment:functions:read",
    "environment:functions:delete",
    "environment:functions:compile",
    "environment:functions:dryrun",
    "environment:functions:invocations",
    "environment:functions:*",
    "environment:deploy",
    "environment:records:read",
    "environment:records:write",
    "environment:records:*",
    "environment:logs:read",
    "environment:actions:execute",
    "environment:actions:*",
    "environment:proxy",
    "environment:variables:read",
    "environment:webhook_signing_key:rotate",
    "environment:webhooks:read",
    "environment:webhooks:replay",
    "environment:webhooks:*",
    "environment:mcp",
];

/// Every scope an account key may hold.
pub const ACCOUNT_SCOPES: &[&str] = &[
    "account:*",
    "account:environments:create",
    "account:environments:delete",
    "account:environments:set_production",
    "account:environments:api_keys:create",
    "account:environments:api_keys:delete",
];

/// Whether the text is a scope of either list.
pub fn is_known(scope: &str) -> bool {
    ENVIRONMENT_SCOPES.contains(&scope) || ACCOUNT_SCOPES.contains(&scope)
}

/// The scopes a key holds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ScopeSet(Vec<String>);

impl ScopeSet {
    /// From the stored list.
    pub fn new(scopes: Vec<String>) -> Self {
        Self(scopes)
    }

    /// Everything in one environment.
    pub fn full_environment() -> Self {
        Self(vec!["environment:*".to_owned()])
    }

    /// Whether the required scope is held: literally, or under an entry that ends in `:*`.
    pub fn grants(&self, required: &str) -> bool {
        self.0.iter().any(|held| match held.strip_suffix('*') {
            Some(prefix) => prefix.ends_with(':') && required.starts_with(prefix),
            None => held == required,
        })
    }

    /// Whether one of the required scopes is held.
    pub fn grants_any(&self, required: &[&str]) -> bool {
        required.iter().any(|scope| self.grants(scope))
    }

    /// The held scopes.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_grants_what_lies_below_it_and_nothing_beside() {
        let scopes = ScopeSet::new(vec!["environment:connections:*".to_owned()]);
        assert!(scopes.grants("environment:connections:read"));
        assert!(!scopes.grants("environment:connect_sessions:write"));
        assert!(!scopes.grants("account:environments:create"));
        assert!(ScopeSet::full_environment().grants("environment:proxy"));
        assert!(
            !ScopeSet::new(vec!["environment:conn*".to_owned()])
                .grants("environment:connections:read")
        );
    }
}

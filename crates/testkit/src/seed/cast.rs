//! Who there is: integrations, customers, and which connections fail.

use std::collections::HashMap;

use super::dice::{Dice, For};
use super::sorts::{FAILURES, Failure};
use super::{LOG_DAYS, Plan};

/// Provider, and whether it is given an API key instead of OAuth.
const PROVIDERS: [(&str, bool); 32] = [
    ("slack", false),
    ("hubspot", false),
    ("google-mail", false),
    ("salesforce", false),
    ("google-calendar", false),
    ("github", false),
    ("notion", false),
    ("microsoft-teams", false),
    ("google-drive", false),
    ("jira", false),
    ("zendesk", false),
    ("intercom", false),
    ("linear", false),
    ("outlook", false),
    ("asana", false),
    ("quickbooks", false),
    ("xero", false),
    ("dropbox", false),
    ("box", false),
    ("airtable", false),
    ("openai", true),
    ("sendgrid", true),
    ("anthropic", true),
    ("zoom", false),
    ("shopify", false),
    ("pipedrive", false),
    ("mailchimp", false),
    ("gitlab", false),
    ("calendly", false),
    ("clickup", false),
    ("discord", false),
    ("figma", false),
];
/// Integrations; those beyond the providers are second ones of the first providers.
const INTEGRATIONS: usize = 40;
/// Connections per organization.
const PER_ORGANIZATION: u64 = 20;
/// Of a hundred connections.
const FAILING_SHARE: f64 = 0.02;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The oldest connection.
const CONNECTED_DAYS: i64 = 730;

const FIRST: [&str; 24] = [
    "Ada", "Ben", "Chloé", "Diego", "Eve", "Farid", "Grace", "Hiro", "Ines", "Jonas", "Kemal",
    "Lena", "Maya", "Noor", "Olga", "Pavel", "Quinn", "Rosa", "Sven", "Tariq", "Uma", "Vera",
    "Wei", "Zoë",
];
const LAST: [&str; 24] = [
    "Abel", "Baker", "Costa", "Dubois", "Evans", "Fischer", "García", "Haas", "Ito", "Jensen",
    "Kaya", "Lopez", "Meyer", "Novak", "Okafor", "Park", "Quist", "Rossi", "Silva", "Tanaka",
    "Ueda", "Vargas", "Weber", "Zhang",
];
const COMPANY: [&str; 20] = [
    "Acme",
    "Bluebird",
    "Cobalt",
    "Delta",
    "Evergreen",
    "Foxglove",
    "Granite",
    "Harbor",
    "Indigo",
    "Juniper",
    "Keystone",
    "Lumen",
    "Meridian",
    "Northwind",
    "Orchard",
    "Pioneer",
    "Quartz",
    "Redwood",
    "Summit",
    "Tidewater",
];

/// An integration.
pub(super) struct Integration {
    pub(super) row: i64,
    pub(super) key: String,
    pub(super) provider: &'static str,
    pub(super) by_key: bool,
}

/// Who a connection belongs to.
pub(super) struct Customer {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) organization_id: String,
    pub(super) organization: String,
}

/// A connection that fails, and the operation that says so.
#[derive(Clone, Copy)]
pub(super) struct Failing {
    pub(super) failure: &'static Failure,
    pub(super) operation: u64,
}

/// Everybody, by number.
pub(super) struct Cast {
    pub(super) plan: Plan,
    pub(super) integrations: Vec<Integration>,
    /// Row of the first connection.
    first_row: i64,
    failing: HashMap<u64, Failing>,
    /// Operations that are the failure of a connection.
    failures: HashMap<u64, u64>,
}

impl Cast {
    pub(super) fn new(plan: Plan, first_integration: i64, first_row: i64) -> Self {
        let integrations = (0..INTEGRATIONS).map(|number| {
            let (provider, by_key) = PROVIDERS[number % PROVIDERS.len()];
            let key = if number < PROVIDERS.len() {
                provider.to_owned()
            } else {
                format!("{provider}-eu")
            };
            Integration { row: first_integration + number as i64, key, provider, by_key }
        });
        let mut cast = Self {
            integrations: integrations.collect(),
            first_row,
            failing: HashMap::new(),
            failures: HashMap::new(),
            plan,
        };
        cast.choose_failing();
        cast
    }

    fn choose_failing(&mut self) {
        let all: Vec<u64> =
            (0..self.plan.connections).filter(|it| self.is_chosen_to_fail(*it)).collect();
        for (place, connection) in all.iter().enumerate() {
            let operation = place as u64 * self.plan.operations / all.len() as u64;
            let failure = &FAILURES[place % FAILURES.len()];
            self.failing.insert(*connection, Failing { failure, operation });
            self.failures.insert(operation, *connection);
        }
    }

    fn is_chosen_to_fail(&self, connection: u64) -> bool {
        let integration = &self.integrations[self.integration_of(connection)];
        !integration.by_key && self.dice(For::Health, connection).share() < FAILING_SHARE
    }

    pub(super) fn dice(&self, what: For, number: u64) -> Dice {
        Dice::throw(self.plan.seed, what, number)
    }

    /// Seals a text; without a key, bytes in the form of sealed ones.
    pub(super) fn seal(
        &self,
        column: (&'static str, &'static str),
        row: &str,
        text: &str,
    ) -> Vec<u8> {
        const VERSION_AND_HEADER: [u8; 45] = [1; 45];
        match &self.plan.seal {
            Some(seal) => seal(column, row, text),
            None => [&VERSION_AND_HEADER, text.as_bytes(), &[0; 16]].concat(),
        }
    }

    pub(super) fn row(&self, connection: u64) -> i64 {
        self.first_row + connection as i64
    }

    /// Place of the integration in the list; the first ones have most connections.
    pub(super) fn integration_of(&self, connection: u64) -> usize {
        let share = self.dice(For::Integration, connection).share();
        (share * share * INTEGRATIONS as f64) as usize
    }

    pub(super) fn connection_id(&self, connection: u64) -> String {
        let dice = self.dice(For::Id, connection);
        if dice.below(3) == 0 { format!("customer-{connection:07}") } else { dice.again().uuid() }
    }

    pub(super) fn customer(&self, connection: u64) -> Customer {
        let dice = self.dice(For::Customer, connection);
        let (first, last) = (dice.of(&FIRST), dice.again().of(&LAST));
        let number = dice.again().again().below(self.plan.connections / PER_ORGANIZATION + 1);
        let company = COMPANY[number as usize % COMPANY.len()];
        let domain = format!("{}{number}.example", company.to_lowercase());
        Customer {
            id: format!("user-{connection}"),
            name: format!("{first} {last}"),
            email: format!("{}.{}{connection}@{domain}", first.to_lowercase(), last.to_lowercase()),
            organization_id: format!("org-{number}"),
            organization: format!("{company} {number}"),
        }
    }

    pub(super) fn connected_at(&self, connection: u64) -> i64 {
        let age = (self.plan.connections - connection) as f64 / self.plan.connections as f64;
        self.plan.now.millis() - (age * (CONNECTED_DAYS * DAY_MS) as f64) as i64 - 1
    }

    pub(super) fn failing(&self, connection: u64) -> Option<Failing> {
        self.failing.get(&connection).copied()
    }

    /// The connection whose failure an operation is.
    pub(super) fn failure_of(&self, operation: u64) -> Option<u64> {
        self.failures.get(&operation).copied()
    }

    /// When an operation began: evenly, later ones never before earlier ones.
    pub(super) fn operated_at(&self, operation: u64) -> i64 {
        let before = (self.plan.operations - operation) as f64 / self.plan.operations as f64;
        self.plan.now.millis() - (before * (LOG_DAYS * DAY_MS) as f64) as i64 - 1
    }

    pub(super) fn operation_id(&self, operation: u64) -> String {
        let letters = self.dice(For::OperationId, operation).letters(8);
        format!("{}_{letters}", self.operated_at(operation))
    }
}

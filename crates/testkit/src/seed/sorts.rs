//! What can happen: the sorts of operations, and the ways to fail.

/// A way in which a refresh fails.
pub(super) struct Failure {
    pub(super) class: &'static str,
    pub(super) message: &'static str,
    pub(super) status: Option<u16>,
    pub(super) error: Option<&'static str>,
    pub(super) description: Option<&'static str>,
    /// Whether the app was told.
    pub(super) told: bool,
}

pub(super) const FAILURE_CODE: &str = "refresh_token_external_error";

/// In turn: more than half need the customer.
pub(super) const FAILURES: [Failure; 8] = [
    grant("Token has been expired or revoked."),
    grant("The refresh token is invalid."),
    Failure {
        class: "transient",
        message: "The provider did not answer within 20 seconds.",
        status: None,
        error: None,
        description: None,
        told: false,
    },
    grant("User account is disabled"),
    Failure {
        class: "ours",
        message: "The provider does not accept the client.",
        status: Some(401),
        error: Some("invalid_client"),
        description: Some("The OAuth client was not found."),
        told: true,
    },
    grant("Consent was withdrawn by an administrator"),
    Failure {
        class: "transient",
        message: "The provider answered with status 503.",
        status: Some(503),
        error: None,
        description: None,
        told: true,
    },
    grant("Token has been expired or revoked."),
];

const fn grant(description: &'static str) -> Failure {
    Failure {
        class: "terminal",
        message: "The provider does not accept the refresh token.",
        status: Some(400),
        error: Some("invalid_grant"),
        description: Some(description),
        told: true,
    }
}

/// What an operation is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Refreshed,
    RefreshFailed,
    Delivered,
    NotDelivered,
    Connected,
    Left,
    ConnectFailed,
}

impl Sort {
    /// The sort at a point from 0 to 1: most of what a server does is refreshing.
    pub(super) fn at(share: f64) -> Self {
        const UP_TO: [(f64, Sort); 6] = [
            (0.74, Sort::Refreshed),
            (0.77, Sort::RefreshFailed),
            (0.90, Sort::Delivered),
            (0.92, Sort::NotDelivered),
            (0.98, Sort::Connected),
            (0.995, Sort::Left),
        ];
        let found = UP_TO.iter().find(|(end, _)| share < *end);
        found.map_or(Self::ConnectFailed, |(_, sort)| *sort)
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Delivered | Self::NotDelivered => "webhook",
            _ => "auth",
        }
    }

    pub(super) fn state(self) -> &'static str {
        match self {
            Self::Refreshed | Self::Delivered | Self::Connected => "success",
            Self::RefreshFailed | Self::NotDelivered | Self::ConnectFailed => "failed",
            Self::Left => "cancelled",
        }
    }
}

//! The chapters of the settings.

/// A chapter of the default file and of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Server,
    Members,
    Storage,
    Providers,
    Work,
    Mail,
    Logs,
}

impl Section {
    pub(crate) const ALL: &[Self] = &[
        Self::Server,
        Self::Members,
        Self::Storage,
        Self::Providers,
        Self::Work,
        Self::Mail,
        Self::Logs,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Members => "Signing in to the dashboard",
            Self::Storage => "Storage and keys",
            Self::Providers => "Providers and outgoing requests",
            Self::Work => "Time limits and retention",
            Self::Mail => "Mail",
            Self::Logs => "Logs",
        }
    }
}

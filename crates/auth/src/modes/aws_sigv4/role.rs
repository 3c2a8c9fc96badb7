//! Names of AWS that steer where requests go or what they may do.

/// A role, by its ARN: `arn:aws:iam::123456789012:role/path/Name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RoleArn<'a> {
    pub(super) account: &'a str,
    /// Without its path.
    pub(super) name: &'a str,
}

impl<'a> RoleArn<'a> {
    pub(super) fn parse(arn: &'a str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
            return None;
        };
        let path = resource.strip_prefix("role/")?;
        let name = path.rsplit('/').next()?;
        let is_of = |text: &str, extra: &[u8]| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
        };
        let fits = partition.starts_with("aws")
            && is_of(partition, b"-")
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && (1..=64).contains(&name.len())
            && is_of(path, b"/+=,.@_-");
        fits.then_some(Self { account, name })
    }

    /// Whether temporary keys with that identity are this role's:
    /// `arn:aws:sts::123456789012:assumed-role/Name/session`.
    pub(super) fn is_assumed_by(&self, identity: &str) -> bool {
        let parts: Vec<&str> = identity.splitn(6, ':').collect();
        let ["arn", _, "sts", "", account, resource] = parts.as_slice() else {
            return false;
        };
        let mut resource = resource.split('/');
        *account == self.account
            && resource.next() == Some("assumed-role")
            && resource.next() == Some(self.name)
    }
}

/// A region's code, or a service's name. It becomes part of a host.
pub(super) fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// An external id as AWS takes it.
pub(super) fn is_external_id(text: &str) -> bool {
    (2..=1224).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@:/-".contains(&byte))
}

/// A UUID in its usual form.
pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

//! Who a connection belongs to: end users, and the tags derived from them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::Issue;

/// Tags a connection may have.
pub const TAGS_MAX: usize = 10;
const TAG_KEY_CHARACTERS_MAX: usize = 64;
const TAG_VALUE_CHARACTERS_MAX: usize = 255;

/// An end user as a request names it, already validated.
#[derive(Clone, Debug, Deserialize)]
pub struct EndUser {
    /// The app's own id.
    pub id: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Name.
    pub display_name: Option<String>,
    /// Further facts.
    pub tags: Option<Map<String, Value>>,
}

/// The end user's organization.
#[derive(Clone, Debug, Deserialize)]
pub struct Organization {
    /// The app's own id.
    pub id: String,
    /// Name.
    pub display_name: Option<String>,
}

/// The wire's form, which is also the stored one.
pub fn end_user_json(user: &EndUser, organization: Option<&Organization>) -> Value {
    json!({
        "id": user.id,
        "display_name": user.display_name,
        "email": user.email,
        "tags": user.tags,
        "organization": organization.map(|organization| json!({
            "id": organization.id,
            "display_name": organization.display_name,
        })),
    })
}

/// Tags derived from an end user and an organization, under the explicit ones.
///
/// # Errors
/// An issue when the result has more than [`TAGS_MAX`] tags.
pub fn merged_tags(
    user: Option<&EndUser>,
    organization: Option<&Organization>,
    explicit: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>, Issue> {
    let mut tags = derived_tags(user, organization);
    if let Some(explicit) = explicit {
        for (key, value) in explicit {
            tags.insert(key.to_lowercase(), value.clone());
        }
    }
    if tags.len() > TAGS_MAX {
        return Err(Issue::custom(
            &["tags"],
            format!(
                "Together with the tags derived from the end user there may be {TAGS_MAX} tags."
            ),
        ));
    }
    Ok(tags)
}

fn derived_tags(user: Option<&EndUser>, organization: Option<&Organization>) -> Map<String, Value> {
    let mut base = Map::new();
    let mut add = |key: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            base.insert(key.to_owned(), Value::String(cut(value, TAG_VALUE_CHARACTERS_MAX)));
        }
    };
    add("end_user_id", user.map(|user| user.id.as_str()));
    add("end_user_email", user.and_then(|user| user.email.as_deref()));
    add("end_user_display_name", user.and_then(|user| user.display_name.as_deref()));
    add("organization_id", organization.map(|organization| organization.id.as_str()));
    add("organization_display_name", organization.and_then(|o| o.display_name.as_deref()));
    let Some(own) = user.and_then(|user| user.tags.as_ref()) else {
        return base;
    };
    let mut all = base.clone();
    for (key, value) in own {
        let key = cut(&key.to_lowercase(), TAG_KEY_CHARACTERS_MAX);
        if key.starts_with(|letter: char| letter.is_ascii_alphabetic()) && value.is_string() {
            all.insert(key, value.clone());
        }
    }
    if all.len() > TAGS_MAX { base } else { all }
}

fn cut(text: &str, characters_max: usize) -> String {
    text.chars().take(characters_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(tags: &Value) -> EndUser {
        serde_json::from_value(json!({"id": "u1", "email": "a@b.co", "tags": tags})).unwrap()
    }

    #[test]
    fn explicit_tags_win_over_derived_ones_and_keys_are_lower_case() {
        let organization = Organization { id: "o1".to_owned(), display_name: None };
        let explicit = json!({"End_User_Id": "mine"});
        let tags = merged_tags(
            Some(&user(&json!({"Plan": "pro"}))),
            Some(&organization),
            explicit.as_object(),
        )
        .unwrap();
        assert_eq!(
            Value::Object(tags),
            json!({"end_user_id": "mine", "end_user_email": "a@b.co", "organization_id": "o1", "plan": "pro"})
        );
    }

    #[test]
    fn an_end_users_own_tags_are_dropped_together_when_they_are_too_many() {
        let many: Map<String, Value> = (0..9).map(|n| (format!("t{n}"), json!("x"))).collect();
        let tags = merged_tags(Some(&user(&Value::Object(many))), None, None).unwrap();
        assert_eq!(Value::Object(tags), json!({"end_user_id": "u1", "end_user_email": "a@b.co"}));
    }

    #[test]
    fn too_many_tags_in_all_are_an_issue() {
        let explicit: Map<String, Value> = (0..9).map(|n| (format!("t{n}"), json!("x"))).collect();
        let issue = merged_tags(Some(&user(&Value::Null)), None, Some(&explicit)).unwrap_err();
        assert_eq!(issue.path, ["tags"]);
    }
}

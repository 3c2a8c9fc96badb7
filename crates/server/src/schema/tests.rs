//! The issue texts and paths that existing clients see.

use serde_json::json;

use super::*;

fn lines(schema: &Schema, value: Option<Value>) -> Vec<String> {
    let issues = schema.check(value).expect_err("the value is refused");
    issues
        .into_iter()
        .map(|issue| format!("{} [{}] {}", issue.code, issue.path.join(","), issue.message))
        .collect()
}

#[test]
fn types_are_named_as_clients_know_them() {
    let schema = object(vec![field("name", string())]);
    assert_eq!(
        lines(&schema, None),
        ["invalid_type [] Invalid input: expected object, received undefined"]
    );
    assert_eq!(
        lines(&schema, Some(json!([]))),
        ["invalid_type [] Invalid input: expected object, received array"]
    );
    assert_eq!(
        lines(&schema, Some(json!({}))),
        ["invalid_type [name] Invalid input: expected string, received undefined"]
    );
    assert_eq!(
        lines(&schema, Some(json!({"name": null}))),
        ["invalid_type [name] Invalid input: expected string, received null"]
    );
    assert_eq!(
        lines(&record(string(), string()), Some(json!(1))),
        ["invalid_type [] Invalid input: expected record, received number"]
    );
    assert_eq!(
        lines(&integer(), Some(json!(1.5))),
        ["invalid_type [] Invalid input: expected int, received number"]
    );
    assert_eq!(
        lines(&date(), Some(json!("soon"))),
        ["invalid_type [] Invalid input: expected date, received Date"]
    );
}

#[test]
fn fields_come_in_order_of_declaration_and_unknown_keys_last() {
    let schema = object(vec![
        field("b", string()),
        field("list", array(named::integration_key()).optional()),
        field("a", number().min(1)),
    ]);
    let value = json!({"zzz": 1, "a": 0, "list": ["ok", "é"], "yyy": 2});
    assert_eq!(
        lines(&schema, Some(value)),
        [
            "invalid_type [b] Invalid input: expected string, received undefined",
            "invalid_format [list,1] Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/",
            "too_small [a] Too small: expected number to be >=1",
            "unrecognized_keys [] Unrecognized keys: \"zzz\", \"yyy\"",
        ]
    );
    assert_eq!(
        lines(&nothing(), Some(json!({"foo": "bar"}))),
        ["unrecognized_keys [] Unrecognized key: \"foo\""]
    );
}

#[test]
fn limits_say_what_they_count() {
    assert_eq!(
        lines(&string().min(1), Some(json!(""))),
        ["too_small [] Too small: expected string to have >=1 characters"]
    );
    assert_eq!(
        lines(&string().max(2), Some(json!("😀a"))),
        ["too_big [] Too big: expected string to have <=2 characters"]
    );
    assert_eq!(
        lines(&array(any()).max(1), Some(json!([1, 2]))),
        ["too_big [] Too big: expected array to have <=1 items"]
    );
    assert_eq!(
        lines(&number().positive(), Some(json!(0))),
        ["too_small [] Too small: expected number to be >0"]
    );
    assert_eq!(
        lines(&number().max(2000).coerced(), Some(json!("5000"))),
        ["too_big [] Too big: expected number to be <=2000"]
    );
}

#[test]
fn formats_say_what_they_expect() {
    assert_eq!(lines(&string().url(), Some(json!("x"))), ["invalid_format [] Invalid URL"]);
    assert_eq!(lines(&string().uuid(), Some(json!("x"))), ["invalid_format [] Invalid UUID"]);
    assert_eq!(
        lines(&string().starts_with("a").ends_with("z"), Some(json!("b"))),
        [
            "invalid_format [] Invalid string: must start with \"a\"",
            "invalid_format [] Invalid string: must end with \"z\"",
        ]
    );
    assert_eq!(
        lines(&one_of(&["a", "b"]), Some(json!("c"))),
        ["invalid_value [] Invalid option: expected one of \"a\"|\"b\""]
    );
    assert_eq!(
        lines(&number().coerced(), Some(json!("many"))),
        ["invalid_type [] Invalid input: expected number, received NaN"]
    );
    assert_eq!(
        lines(&boolean_word(), Some(json!(""))),
        [concat!(
            "invalid_value [] Invalid option: expected one of ",
            r#""true"|"1"|"yes"|"on"|"y"|"enabled"|"#,
            r#""false"|"0"|"no"|"off"|"n"|"disabled""#
        )]
    );
}

#[test]
fn a_union_reports_one_issue_at_its_own_place() {
    let schema =
        object(vec![field("include", any_of(vec![one_of(&["a"]), array(one_of(&["a"]))]))]);
    assert!(schema.check(Some(json!({"include": ["a", "a"]}))).is_ok());
    assert_eq!(
        lines(&schema, Some(json!({"include": ["a", "b"]}))),
        ["invalid_union [include] Invalid input"]
    );
}

#[test]
fn a_tagged_union_checks_the_branch_its_type_selects() {
    let credentials =
        tagged(vec![(&["OAUTH2"], vec![field("access_token", string().min(1))])], "Unknown type");
    let schema = object(vec![field("credentials", credentials)]);
    assert_eq!(
        lines(&schema, Some(json!({"credentials": {"type": "OAUTH2", "x": 1}}))),
        [
            "invalid_type [credentials,access_token] \
         Invalid input: expected string, received undefined",
            "unrecognized_keys [credentials] Unrecognized key: \"x\"",
        ]
    );
    assert_eq!(
        lines(&schema, Some(json!({"credentials": {"type": "JWT"}}))),
        ["invalid_union [credentials,type] Unknown type"]
    );
    assert_eq!(
        lines(&schema, Some(json!({"credentials": 5}))),
        ["invalid_type [credentials] Unknown type"]
    );
}

#[test]
fn defaults_conversions_and_transforms_shape_the_result() {
    let schema = object(vec![
        field("force", boolean_word().default(false)),
        field("page", integer().min(0).coerced().default(0)),
        field("search", string().trim().min(1).optional()),
        field("note", string().nullable().optional()),
        field("at", date().optional()),
    ]);
    let value =
        json!({"force": "YES", "search": " x ", "note": null, "at": "1970-01-01T00:00:01Z"});
    let expected = json!({"force": true, "page": 0, "search": "x", "note": null, "at": 1000});
    assert_eq!(schema.check(Some(value)), Ok(Some(expected)));
    assert_eq!(
        lines(&schema, Some(json!({"search": "  "}))),
        ["too_small [search] Too small: expected string to have >=1 characters"]
    );
}

#[test]
fn unnamed_members_are_refused_dropped_or_kept() {
    let members = || vec![field("a", string())];
    let value = json!({"a": "1", "b": "2"});
    assert_eq!(lines(&object(members()).strict(), Some(value.clone())).len(), 1);
    assert_eq!(object(members()).strip().check(Some(value.clone())), Ok(Some(json!({"a": "1"}))));
    assert_eq!(loose_object(members()).check(Some(value.clone())), Ok(Some(value)));
}

#[test]
fn a_rule_of_our_own_waits_for_a_usable_value() {
    let schema =
        object(vec![field("a", string().min(2))]).custom(|_| Some("always broken".to_owned()));
    assert_eq!(lines(&schema, Some(json!({"a": 1}))).len(), 1);
    assert_eq!(
        lines(&schema, Some(json!({"a": "x"}))),
        [
            "too_small [a] Too small: expected string to have >=2 characters",
            "custom [] always broken",
        ]
    );
}

#[test]
fn the_json_schema_tells_the_same() {
    let schema = object(vec![
        field("unique_key", named::integration_key().about("The integration's key")),
        field("limit", integer().min(1).max(20).coerced().default(10)),
        field("kind", one_of(&["a", "b"]).nullable().optional()),
    ]);
    assert_eq!(
        schema.json_schema(),
        json!({
            "type": "object",
            "properties": {
                "unique_key": {
                    "type": "string",
                    "pattern": "^[a-zA-Z0-9~:.@ _-]+$",
                    "maxLength": 255,
                    "description": "The integration's key",
                },
                "limit": {"type": "integer", "minimum": 1, "maximum": 20, "default": 10},
                "kind": {"type": ["string", "null"], "enum": ["a", "b"]},
            },
            "required": ["unique_key"],
            "additionalProperties": false,
        })
    );
}

#[test]
fn a_member_may_be_excused_by_another() {
    let schema = object(vec![
        field("user", object(vec![]).required_unless("tags")),
        field("tags", record(string(), string()).optional()),
    ]);
    assert_eq!(
        lines(&schema, Some(json!({"other": 1}))),
        [
            "invalid_type [user] Invalid input: expected object, received undefined",
            "unrecognized_keys [] Unrecognized key: \"other\"",
        ]
    );
    assert!(schema.check(Some(json!({"tags": {}}))).is_ok());
    assert_eq!(
        lines(&schema, Some(json!({"tags": null}))),
        ["invalid_type [tags] Invalid input: expected record, received null"]
    );
    assert_eq!(schema.json_schema().get("required"), None);
}

use serde_json::json;

use super::*;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn with<T>(work: impl FnOnce(&Scope<'_>) -> T) -> T {
    let config = object(json!({
        "subdomain": "acme", "empty": "", "team.id": "T1", "accounts-server": "https://a.test",
        "nested": {"id": 7}, "list": [1]
    }));
    let credentials = object(json!({"username": "ann", "password": "p${random}||q)}"}));
    let now = Timestamp::from_millis(1_772_356_211_120);
    let mut scope = Scope::new(now, &Rng::seeded(1))
        .with_connection_config(&config)
        .with_credentials(&credentials);
    scope.set("apiKey", "k${now}");
    work(&scope)
}

fn rendered(text: &str) -> String {
    with(|scope| render(text, scope)).unwrap()
}

fn missing(text: &str) -> Vec<String> {
    with(|scope| render(text, scope)).unwrap_err().names
}

#[test]
fn names_resolve_flat_first_then_along_dots() {
    assert_eq!(rendered("https://${connectionConfig.subdomain}.x"), "https://acme.x");
    assert_eq!(rendered("${connectionConfig.team.id}"), "T1");
    assert_eq!(rendered("${connectionConfig.nested.id}"), "7");
    assert_eq!(rendered("${connectionConfig.accounts-server}/o"), "https://a.test/o");
    assert_eq!(
        missing("${connectionConfig.list} ${connectionConfig.nope} ${accessToken}"),
        ["connectionConfig.list", "connectionConfig.nope", "accessToken"]
    );
}

#[test]
fn values_are_never_read_as_templates() {
    assert_eq!(rendered("Key ${apiKey}"), "Key k${now}");
    assert_eq!(rendered("${credentials.password} || x"), "p${random}||q)}");
    assert_eq!(rendered("${base64(${credentials.password})}"), STANDARD.encode("p${random}||q)}"));
}

#[test]
fn a_choice_takes_the_first_side_that_has_all_its_values() {
    assert_eq!(rendered("${connectionConfig.nope} || ${connectionConfig.subdomain}"), "acme");
    assert_eq!(rendered("${connectionConfig.empty} || plain"), "plain");
    assert_eq!(rendered("${connectionConfig.subdomain} || plain"), "acme");
    assert_eq!(missing("${connectionConfig.nope}||${other}"), ["connectionConfig.nope", "other"]);
    assert_eq!(rendered("a || b"), "a || b", "no names, no choice");
    let text = "${credentials.username}||${credentials.username}";
    assert_eq!(with(|scope| render_verbatim(text, scope)).unwrap(), "ann||ann");
}

#[test]
fn functions_nest_and_split_at_their_own_commas() {
    assert_eq!(rendered("Basic ${base64(${credentials.username}:x)}"), "Basic YW5uOng=");
    assert_eq!(
        rendered("${sha256Hex(${base64(abc)})}"),
        hex::encode(digest::digest(&digest::SHA256, b"YWJj"))
    );
    // RFC 2202, test case 2.
    assert_eq!(
        rendered("${hmacSha1Hex(what do ya want for nothing?, Jefe)}"),
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    );
    let error = with(|scope| render("${fingerprint(${credentials.username})}", scope)).unwrap_err();
    assert_eq!(error.to_string(), "the values given to fingerprint are not what it takes");
}

#[test]
fn signatures_are_made_with_the_values_of_the_request() {
    // RFC 8032 §7.1, test 2: the key as PKCS#8, the message one byte.
    let key = "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7";
    let made = with(|scope| {
        let mut scope = scope.clone();
        scope.set("key", key);
        render("${ed25519Sign(r,${key})}", &scope).unwrap()
    });
    assert_eq!(
        hex::encode(STANDARD.decode(made).unwrap()),
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e\
         458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    );
    let text = "${awsSigV4(${credentials.username}, s, us-east-1, iam)}";
    assert_eq!(missing(text), ["method"]);
    let url = url::Url::parse("https://iam.amazonaws.com/?b=1&a=2").unwrap();
    let signed = with(|scope| {
        let mut scope = scope.clone();
        scope.set_request(crate::RequestValues {
            method: "GET",
            url: &url,
            body: "",
            body_is_form: false,
            content_type: None,
        });
        assert_eq!(render("${params} ${endpoint}", &scope).unwrap(), "a=2&b=1 /?b=1&a=2");
        render(text, &scope).unwrap()
    });
    let start = "AWS4-HMAC-SHA256 Credential=ann/20260301/us-east-1/iam/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=";
    assert!(signed.starts_with(start), "{signed}");
    for wrong in ["${awsSigV4(a,b,c)}", "${awsSigV4(a,b,c,d,e,f)}", "${awsSigV4(a,,c,d)}"] {
        assert_eq!(
            with(|scope| render(wrong, scope)).unwrap_err().functions,
            ["awsSigV4"],
            "{wrong}"
        );
    }
}

#[test]
fn random_and_now_stay_the_same_in_a_scope() {
    with(|scope| {
        assert_eq!(render("${random}", scope), render("${random}", scope));
        assert_eq!(render("${now:X}", scope).unwrap(), "1772356211");
    });
}

#[test]
fn what_is_no_expression_stays_text() {
    for text in ["${", "${}", "a ${b", "{{$guid}}", "${a{b}", "}${", "${base64(x"] {
        assert_eq!(rendered(text), text);
    }
    assert!(has_loose_ends("x ${base64(${a}"));
    assert!(!has_loose_ends("x ${base64(${a})}"));
}

#[test]
fn references_cover_every_side_and_every_depth() {
    let text = "${a} ${now:X} ${base64(${credentials.b}${random})} || ${connectionConfig.c}${a}";
    assert_eq!(references(text), ["a", "credentials.b", "connectionConfig.c"]);
}

/// Random texts out of the language's own punctuation: nothing panics, and a value comes out
/// exactly as it went in.
#[test]
fn any_text_parses_and_any_value_survives() {
    const PIECES: [&str; 16] = [
        "${",
        "}",
        ")}",
        "(",
        "base64",
        "hmacSha1Hex(",
        ",",
        "||",
        "now",
        "now:",
        ":",
        "x",
        "é",
        "${connectionConfig.v}",
        "random",
        " ",
    ];
    let rng = Rng::seeded(42);
    let text_of = |pieces: u64| -> String {
        (0..rng.below(pieces)).map(|_| PIECES[rng.below(16) as usize]).collect()
    };
    for _ in 0..3000 {
        let (template, value) = (text_of(20), text_of(12));
        let config = object(json!({ "v": value }));
        let scope = Scope::new(Timestamp::from_millis(0), &rng).with_connection_config(&config);
        drop(render(&template, &scope));
        drop(references(&template));
        assert_eq!(
            render_verbatim("<${connectionConfig.v}>", &scope).unwrap(),
            format!("<{value}>")
        );
        assert_eq!(
            render("${base64(${connectionConfig.v})}", &scope).unwrap(),
            STANDARD.encode(&value)
        );
    }
}

#[test]
fn unclosed_nesting_is_cheap() {
    let hostile = "${base64(".repeat(1500);
    assert_eq!(rendered(&hostile), hostile);
}

//! The client against real servers on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, Method as AxumMethod, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use valetkey_base::Tasks;

use crate::*;

fn egress(allow: &str, limits: Limits) -> Egress {
    Egress::new(Policy { allow: AllowList::parse(allow).unwrap() }, limits).unwrap()
}

fn local() -> Egress {
    egress("127.0.0.0/8", Limits::default())
}

fn get_request(url: &str) -> Request {
    Request {
        method: Method::GET,
        url: url.parse().unwrap(),
        headers: Vec::new(),
        body: Bytes::new(),
        timeout: None,
        redirects: Redirects::Follow,
        identity: None,
    }
}

fn code(result: Result<Reply, EgressError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "reply")
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Tasks::new().spawn(async move { axum::serve(listener, router).await });
    address
}

/// A server that writes these bytes after the request's head and hangs up when told to.
async fn serve_raw(reply: Vec<u8>, hang_up: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    Tasks::new().spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 4096]).await;
            let _ = socket.write_all(&reply).await;
            if !hang_up {
                open.push(socket);
            }
        }
    });
    address
}

fn http_reply(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes(), body].concat()
}

async fn echo(method: AxumMethod, headers: HeaderMap, body: String) -> String {
    let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    let agent = headers.get("user-agent").map_or("", |value| value.to_str().unwrap());
    format!("{method} [{body}] {agent} {}", names.join(","))
}

async fn chain(Path(left): Path<u32>) -> impl IntoResponse {
    let next = if left == 0 { "/echo".to_owned() } else { format!("/chain/{}", left - 1) };
    (StatusCode::FOUND, [("location", next)])
}

fn to(status: StatusCode, location: String) -> Router {
    Router::new().route("/go", any(async move || (status, [("location", location)])))
}

fn text(result: Result<Reply, EgressError>) -> String {
    String::from_utf8(result.unwrap().body.to_vec()).unwrap()
}

#[test]
fn urls_are_judged_before_any_lookup() {
    let strict = egress("", Limits::default());
    let verdict = |url: &str| {
        let url = url.parse().unwrap();
        strict.check_url(&url).map_or_else(|error| error.code(), |()| "ok")
    };
    for denied in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://%31%32%37.0.0.1/",
        "http://１２７.0.0.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://169.254.169.254/latest/meta-data",
        "http://metadata.google.internal/",
        "http://LOCALHOST:3003/",
        "https://app.localhost/",
    ] {
        assert_eq!(verdict(denied), "egress_denied", "{denied}");
    }
    for invalid in [
        "ftp://a.example/",
        "file:///etc/passwd",
        "https://user@a.example/",
        "https://user:pass@a.example/",
        "https://:pass@a.example/",
        "https://a.example./",
        "https://localhost./",
        "https://a..example/",
    ] {
        assert_eq!(verdict(invalid), "egress_invalid_url", "{invalid}");
    }
    for fine in
        ["https://a.example/hook?x=1", "http://93.184.215.14:8080/", "https://bücher.example/"]
    {
        assert_eq!(verdict(fine), "ok", "{fine}");
    }
}

#[test]
fn errors_and_debug_output_name_the_host_only() {
    let mut request = get_request("https://user:pw@a.example/path?token=secret");
    request.headers.push(("authorization".into(), "Bearer secret".into()));
    assert_eq!(format!("{request:?}"), "Request(GET a.example, 0 bytes)");
    let error = egress("", Limits::default()).check_url(&request.url).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the URL of a.example cannot be requested: it contains a user name or password"
    );
}

#[tokio::test]
async fn a_request_carries_its_headers_and_ours() {
    let address = serve(Router::new().route("/echo", any(echo))).await;
    let mut request = get_request(&format!("http://{address}/echo"));
    request.method = Method::POST;
    request.body = Bytes::from_static(b"hi");
    request.headers = vec![("X-Api-Key".into(), "k".into()), ("Host".into(), "evil".into())];
    let reply = local().send(request.clone()).await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(
        reply.body,
        concat!(
            "POST [hi] valetkey/",
            env!("CARGO_PKG_VERSION"),
            " accept,accept-encoding,content-length,host,user-agent,x-api-key"
        )
    );

    request.headers = vec![("user-agent".into(), "mine/1".into())];
    assert!(text(local().send(request.clone()).await).starts_with("POST [hi] mine/1 "));

    request.headers = vec![("bad name".into(), "secret".into())];
    let error = local().send(request).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the header \"bad name\" for 127.0.0.1 is not a valid HTTP header"
    );
}

#[tokio::test]
async fn refused_addresses_are_refused_by_literal_and_by_name() {
    let address = serve(Router::new().route("/echo", any(echo))).await;
    let port = address.port();
    let strict = egress("", Limits::default());
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
        let result = strict.send(get_request(&format!("http://{host}:{port}/echo"))).await;
        assert_eq!(code(result), "egress_denied", "{host}");
    }
    let by_name = format!("http://localhost:{port}/echo");
    for allow in ["localhost", "127.0.0.0/8"] {
        let reply = egress(allow, Limits::default()).send(get_request(&by_name)).await;
        assert_eq!(reply.unwrap().status, 200, "{allow}");
    }
    // The name is exempt, the literal address is not.
    let literal = get_request(&format!("http://127.0.0.1:{port}/echo"));
    assert_eq!(code(egress("localhost", Limits::default()).send(literal).await), "egress_denied");
}

#[tokio::test]
async fn redirects_are_followed_up_to_the_limit() {
    let router = Router::new().route("/chain/{left}", get(chain)).route("/echo", any(echo));
    let address = serve(router).await;
    let reply = local().send(get_request(&format!("http://{address}/chain/4"))).await.unwrap();
    assert_eq!(reply.url.path(), "/echo");
    let too_long = local().send(get_request(&format!("http://{address}/chain/5"))).await;
    assert_eq!(code(too_long), "egress_too_many_redirects");

    let mut refusing = get_request(&format!("http://{address}/chain/0"));
    refusing.redirects = Redirects::Refuse;
    assert_eq!(code(local().send(refusing).await), "egress_redirect_refused");
}

#[tokio::test]
async fn every_hop_is_guarded() {
    for (target, expected) in [
        ("http://10.0.0.1/", "egress_denied"),
        ("http://[::1]/", "egress_denied"),
        ("http://metadata.google.internal/", "egress_denied"),
        ("http://u:p@127.0.0.1/", "egress_invalid_url"),
        ("gopher://127.0.0.1/", "egress_invalid_url"),
    ] {
        let address = serve(to(StatusCode::FOUND, target.to_owned())).await;
        let result = local().send(get_request(&format!("http://{address}/go"))).await;
        assert_eq!(code(result), expected, "{target}");
    }
}

#[tokio::test]
async fn another_origin_gets_no_credentials_and_no_body() {
    let other = serve(Router::new().route("/echo", any(echo))).await;
    let found = serve(to(StatusCode::FOUND, format!("http://{other}/echo"))).await;
    let kept = serve(to(StatusCode::TEMPORARY_REDIRECT, format!("http://{other}/echo"))).await;

    let mut request = get_request(&format!("http://{found}/go"));
    request.method = Method::POST;
    request.body = Bytes::from_static(b"secret");
    request.headers = ["authorization", "cookie", "x-api-key", "content-type", "user-agent"]
        .map(|name| (name.to_owned(), "v".to_owned()))
        .to_vec();
    assert_eq!(
        text(local().send(request.clone()).await),
        "GET [] v accept,accept-encoding,host,user-agent"
    );

    request.url = format!("http://{kept}/go").parse().unwrap();
    assert_eq!(code(local().send(request).await), "egress_redirect_refused");
}

/// 64 KiB of zeros as gzip.
const BOMB: &str = concat!(
    "1f8b0800000000000203edc101010000008090feafee080a000000000000000000000000000000000000",
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
    "0000006aeb8e97d700000100",
);

#[tokio::test]
async fn a_body_is_bounded_after_decompression() {
    let limits = Limits { response_bytes_max: 1000, ..Limits::default() };
    let small = egress("127.0.0.1", limits);
    let bomb = hex::decode(BOMB).unwrap();
    assert!(bomb.len() < 1000);
    let zipped = format!("content-encoding: gzip\r\ncontent-length: {}", bomb.len());
    let replies = [
        (http_reply("content-length: 1000", &[b'x'; 1000]), "reply"),
        (http_reply("content-length: 1001", &[b'x'; 1001]), "egress_too_large"),
        (http_reply("connection: close", &[b'x'; 5000]), "egress_too_large"),
        (http_reply(&zipped, &bomb), "egress_too_large"),
        (http_reply("content-encoding: gzip\r\ncontent-length: 3", b"no!"), "egress_interrupted"),
        (http_reply("content-length: 500", b"cut"), "egress_interrupted"),
        (Vec::new(), "egress_interrupted"),
    ];
    for (index, (reply, expected)) in replies.into_iter().enumerate() {
        let address = serve_raw(reply, true).await;
        let result = small.send(get_request(&format!("http://{address}/"))).await;
        assert_eq!(code(result), expected, "reply {index}");
    }
    let address = serve_raw(http_reply(&zipped, &bomb), true).await;
    let reply = local().send(get_request(&format!("http://{address}/"))).await.unwrap();
    assert_eq!(reply.body, vec![0; 65536]);
    assert_eq!(reply.header("content-encoding"), None);
}

#[tokio::test]
async fn one_time_limit_covers_head_and_body() {
    for head in [Vec::new(), http_reply("content-length: 10", b"half")] {
        let address = serve_raw(head, false).await;
        let mut request = get_request(&format!("http://{address}/"));
        request.timeout = Some(Duration::from_millis(50));
        let error = local().send(request).await.unwrap_err();
        assert_eq!(error, EgressError::Timeout { after_ms: 50 });
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn failures_to_connect_say_what_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = local().send(get_request(&format!("http://{address}/?secret"))).await.unwrap_err();
    assert_eq!(error.to_string(), "could not connect to 127.0.0.1: connection refused");

    let plain = serve(Router::new().route("/echo", any(echo))).await;
    let error = local().send(get_request(&format!("https://{plain}/"))).await.unwrap_err();
    assert_eq!(error.code(), "egress_tls");
    assert!(error.is_transient());

    // A label of 64 letters is refused by the resolver itself, without asking a server.
    let name = format!("{}.invalid", "x".repeat(64));
    let error = local().send(get_request(&format!("http://{name}/?secret"))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("could not connect to {name}: the name could not be resolved")
    );
}

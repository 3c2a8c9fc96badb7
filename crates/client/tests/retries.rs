//! What is sent again, and what is not, against a server that fails on purpose.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use valetkey_client::{Client, CreateSession, Error};

/// Answers each request with the next of `answers`, the last one for good; none is silence.
async fn serve(answers: &'static [Option<&'static str>]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let _ = stream.read(&mut request).await;
            let at = counted.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            match answers[at] {
                Some(answer) => {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
                None => tokio::time::sleep(Duration::from_secs(30)).await,
            }
        }
    });
    (url, seen)
}

const DOWN: &str = "HTTP/1.1 503 Down\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const LATER: &str =
    "HTTP/1.1 429 Later\r\nretry-after: 0\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const OK: &str =
    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 15\r\n\r\n{\"result\":\"ok\"}";
const SESSION: &str = "HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: 61\r\n\r\n{\"data\":{\"token\":\"t\",\"connect_link\":\"l\",\"expires_at\":\"2026\"}}";
const PAGE: &str = "HTTP/1.1 502 Bad\r\nconnection: close\r\ncontent-length: 4\r\n\r\noops";

fn client(url: &str) -> Client {
    Client::builder(url, "vk_key").timeout(Duration::from_secs(5)).build().unwrap()
}

#[tokio::test]
async fn a_read_is_sent_again_and_a_write_only_when_nothing_was_done() {
    let (url, seen) = serve(&[Some(DOWN), Some(DOWN), Some(OK)]).await;
    client(&url).health().check().await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 3);

    let request = CreateSession::tagged([("a", "b")]);
    let (url, seen) = serve(&[Some(DOWN), Some(SESSION)]).await;
    let error = client(&url).connect_sessions().create(&request).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 1);

    let (url, seen) = serve(&[Some(LATER), Some(SESSION)]).await;
    assert_eq!(client(&url).connect_sessions().create(&request).await.unwrap().connect_link, "l");
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn it_gives_up_and_says_what_came() {
    let (url, seen) = serve(&[Some(PAGE)]).await;
    let error = client(&url).health().check().await.unwrap_err();
    assert_eq!(error.api().unwrap().code, "unexpected_response");
    assert_eq!(seen.load(Ordering::SeqCst), 3, "two more attempts");

    let error = client("http://127.0.0.1:1").health().check().await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    assert!(!error.to_string().contains("vk_key"));
}

#[tokio::test]
async fn a_call_ends_within_its_time() {
    let (url, _) = serve(&[None]).await;
    let slow = Client::builder(&url, "k").timeout(Duration::from_millis(300)).build().unwrap();
    assert!(matches!(slow.health().check().await, Err(Error::Timeout)));
}

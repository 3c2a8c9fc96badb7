//! An API that keeps what it was sent and answers as asked.
//!
//! `/base/…` answers 200 with what came. Answers can be queued: the next calls get them in turn.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;

use crate::app::TestApp;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    /// Path and query, as on the wire.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Answer = Box<dyn FnOnce() -> Response + Send>;

#[derive(Default)]
struct Inner {
    seen: Vec<Seen>,
    answers: VecDeque<Answer>,
    /// Tokens that get 401.
    refused: HashSet<String>,
}

/// The API. Clones share it.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) base: String,
    inner: Arc<Mutex<Inner>>,
}

impl Api {
    pub(super) async fn start(app: &TestApp) -> Self {
        let inner = Arc::<Mutex<Inner>>::default();
        let router = Router::new().fallback(answer).with_state(inner.clone());
        Self { base: app.serve_beside(router).await, inner }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn then(&self, answer: impl FnOnce() -> Response + Send + 'static) {
        self.with(|inner| inner.answers.push_back(Box::new(answer)));
    }

    /// The next call gets this status, headers and body.
    pub(super) fn then_status(
        &self,
        status: u16,
        headers: &[(&'static str, &str)],
        body: &'static str,
    ) {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let response = response.body(Body::from(body)).unwrap();
        self.then(move || response);
    }

    pub(super) fn refuse(&self, token: &str) {
        self.with(|inner| inner.refused.insert(format!("Bearer {token}")));
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.with(|inner| inner.seen.clone())
    }

    /// The only call so far.
    #[track_caller]
    pub(super) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    /// The last call.
    pub(super) fn last(&self) -> Seen {
        self.seen().pop().unwrap()
    }
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
    let seen = Seen { method: parts.method, target, headers: parts.headers, body };
    let lock = || inner.lock().unwrap_or_else(PoisonError::into_inner);
    let is_refused = lock().refused.contains(seen.header("authorization"));
    let next = {
        let mut inner = lock();
        inner.seen.push(seen);
        if is_refused { None } else { inner.answers.pop_front() }
    };
    match next {
        Some(answer) => answer(),
        None if is_refused => Response::builder()
            .status(401)
            .header("www-authenticate", "Bearer error=\"invalid_token\"")
            .body(Body::from("expired"))
            .unwrap(),
        None => Response::new(Body::from("ok")),
    }
}

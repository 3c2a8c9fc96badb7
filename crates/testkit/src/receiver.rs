//! A web server on loopback that keeps what it was sent: what a webhook's receiver would be.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use valetkey_base::Tasks;

/// Largest body that is kept, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Received {
    /// The value of a header, or nothing when it is missing or no text.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is none.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap_or_else(|error| panic!("a body that is no text: {error}"))
    }
}

/// What is answered from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status, a `Retry-After` if any, and a body.
    Status(u16, Option<&'static str>, &'static str),
    /// Nothing until the answer is changed, and then that.
    Held,
}

impl Answer {
    /// A status and no more.
    pub const fn status(status: u16) -> Self {
        Self::Status(status, None, "")
    }
}

/// The server. It stops with the value.
pub struct Receiver {
    url: String,
    shared: Arc<Shared>,
    tasks: Tasks,
}

struct Shared {
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
    answer: watch::Sender<Answer>,
}

impl Receiver {
    /// Starts a server that answers 200.
    ///
    /// # Panics
    /// When there is no port to be had.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            count: watch::Sender::new(0),
            answer: watch::Sender::new(Answer::status(200)),
        });
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap_or_else(|error| panic!("no port on loopback: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("a listener without an address: {error}"));
        let app = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let tasks = Tasks::new();
        let stop = tasks.stopping();
        tasks.spawn(async move {
            tokio::select! {
                result = axum::serve(listener, app) => result,
                () = stop.cancelled() => Ok(()),
            }
        });
        Self { url: format!("http://{address}"), shared, tasks }
    }

    /// Scheme, host and port.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes what is answered, to requests that are held as well.
    pub fn answer(&self, answer: Answer) {
        self.shared.answer.send_replace(answer);
    }

    /// What came so far, in order.
    pub fn received(&self) -> Vec<Received> {
        let received = self.shared.received.lock();
        received.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until that many requests came, answered or not.
    pub async fn wait_for(&self, count: usize) {
        let mut counts = self.shared.count.subscribe();
        // The sender lives as long as this value.
        let _ = counts.wait_for(|came| *came >= count).await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query();
    let received = Received {
        path: path.map_or_else(String::new, ToString::to_string),
        headers: parts.headers,
        body: axum::body::to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default(),
    };
    let count = {
        let mut all = shared.received.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(received);
        all.len()
    };
    shared.count.send_replace(count);
    let mut answers = shared.answer.subscribe();
    let answer = answers.wait_for(|answer| *answer != Answer::Held).await;
    let (status, retry_after, body) = match answer.as_deref() {
        Ok(Answer::Status(status, retry_after, body)) => (*status, *retry_after, *body),
        Ok(Answer::Held) | Err(_) => (500, None, ""),
    };
    let mut response = Response::builder().status(status);
    if let Some(retry_after) = retry_after {
        response = response.header("retry-after", retry_after);
    }
    response.body(Body::from(body)).unwrap_or_default()
}

//! WebSockets pass through.

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::routing::any;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::on_each;

#[tokio::test]
async fn a_websocket_reaches_the_provider_with_the_token() {
    on_each("", async |bench| {
        let router = Router::new().route(
            "/echo",
            any(async |headers: HeaderMap, upgrade: WebSocketUpgrade| {
                let token = headers["authorization"].to_str().unwrap().to_owned();
                upgrade.on_upgrade(async move |mut socket| {
                    socket.send(Message::Text(token.into())).await.unwrap();
                    while let Some(Ok(message)) = socket.recv().await {
                        if matches!(message, Message::Binary(_)) {
                            socket.send(message).await.unwrap();
                        }
                    }
                })
            }),
        );
        let base = bench.app.serve_beside(router).await;
        bench.change(json!({"allowed_hosts": ["*"]})).await;
        let address = bench.app.listen().await;
        let mut request = format!("ws://{address}/proxy/echo").into_client_request().unwrap();
        for (name, value) in [
            ("authorization", format!("Bearer {}", bench.app.api_key)),
            ("provider-config-key", "own".to_owned()),
            ("connection-id", "c".to_owned()),
            ("base-url-override", base),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (mut socket, answer) = tokio_tungstenite::connect_async(request).await.unwrap();
        assert_eq!(answer.status(), 101);
        let first = socket.next().await.unwrap().unwrap();
        assert_eq!(first.into_text().unwrap(), "Bearer the-token");
        let bytes = vec![9; 100_000];
        socket.send(tungstenite::Message::binary(bytes.clone())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().into_data(), bytes);
        socket.close(None).await.unwrap();
    })
    .await;
}

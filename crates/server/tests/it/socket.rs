//! The WebSocket of the frontend SDK, over a real connection.

use std::net::SocketAddr;

use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use valetkey_server::app::Options;
use valetkey_testkit::on_each_database;

use crate::app::{TestApp, on_each};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens a socket and returns the id it is known by.
async fn open(address: SocketAddr, path: &str) -> (Socket, String) {
    let (mut socket, _) = connect_async(format!("ws://{address}{path}")).await.unwrap();
    let ack = next(&mut socket).await;
    assert_eq!(ack["message_type"], "connection_ack");
    let id = ack["ws_client_id"].as_str().unwrap().to_owned();
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 4);
    (socket, id)
}

async fn next(socket: &mut Socket) -> Value {
    loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

#[tokio::test]
async fn the_outcome_comes_to_whoever_waits() {
    on_each(async |app| {
        let address = app.listen().await;
        let (mut socket, id) = open(address, "/").await;
        let (mut other, other_id) = open(address, "/").await;
        assert_ne!(id, other_id);
        app.integration("emulator-oauth2", "notes").await;
        let token = app.session(json!({"tags": {"a": "b"}})).await;
        let uri = format!("/oauth/connect/notes?connect_session_token={token}&ws_client_id={id}");
        let started = app.get(uri).send().await;
        let back = app.visit_provider(&started.location(), "auto=approve").await;
        let page = app.get(back).cookie(&started.cookie()).send().await;
        assert_eq!(page.status, 200, "{}", page.text);
        let told = next(&mut socket).await;
        assert_eq!(told["message_type"], "success");
        assert_eq!(told["provider_config_key"], "notes");
        let polled = app.get(format!("/connect/result/{id}")).send().await;
        assert_eq!(polled.json()["data"], told);

        let refused = app.get(format!("/oauth/connect/notes?ws_client_id={other_id}")).send().await;
        assert_eq!(refused.status, 400);
        assert_eq!(next(&mut other).await["error_type"], "missing_public_key");
        socket.close(None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_path_can_be_another_one() {
    on_each_database(async |database| {
        let options = Options { websockets_path: "/live/socket".to_owned(), ..Options::default() };
        let app = TestApp::with_options(database, options).await;
        let address = app.listen().await;
        open(address, "/live/socket").await;
        assert!(connect_async(format!("ws://{address}/")).await.is_err());
        let plain = app.get("/live/socket").send().await;
        assert_eq!(plain.error(), (426, "upgrade_required".to_owned()));
    })
    .await;
}

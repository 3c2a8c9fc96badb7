//! What `cargo xtask seed` runs: fills the environment `dev` of a database that a server has made.
#![expect(clippy::print_stdout, reason = "a command line tool talks on standard output")]

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use tokio::time::Instant;
use valetkey_base::{Clock, Rng, Secret, Tasks};
use valetkey_store::{Settings, Store};
use valetkey_testkit::seed::{Plan, Result, Seal, fill};
use valetkey_vault::{DataKey, DataKeyId, MasterKey, MasterKeyRing, RowBinding, seal};

/// Files of a data folder.
const DATABASE_FILE: &str = "valetkey.db";
const KEY_FILE: &str = "master.key";
const ENVIRONMENT: &str = "dev";

/// Fills a database for measuring.
#[derive(Parser)]
struct Arguments {
    /// A server's data folder, or a PostgreSQL URL.
    #[arg(long)]
    database: String,
    #[arg(long)]
    connections: u64,
    #[arg(long)]
    operations: u64,
    #[arg(long)]
    seed: u64,
    /// As the server has it; without it the data folder's file is read.
    #[arg(long, env = "VALETKEY_MASTER_KEY", hide_env_values = true)]
    master_key: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (settings, folder) = if arguments.database.starts_with("postgres") {
        let url = Secret::new(arguments.database.clone());
        (Settings::Postgres { url, connections_max: 2 }, None)
    } else {
        let folder = PathBuf::from(&arguments.database);
        (Settings::Sqlite { path: folder.join(DATABASE_FILE) }, Some(folder))
    };
    let key = match (&arguments.master_key, folder) {
        (Some(key), _) => key.clone(),
        (None, Some(folder)) => std::fs::read_to_string(folder.join(KEY_FILE))?,
        (None, None) => return Err("set VALETKEY_MASTER_KEY as the server has it".into()),
    };
    let (environment_id, seal) = sealing(&settings, key.trim()).await?;
    let plan = Plan {
        environment_id,
        now: Clock::system().now(),
        connections: arguments.connections,
        operations: arguments.operations,
        seed: arguments.seed,
        seal: Some(seal),
    };
    let begin = Instant::now();
    fill(&settings, &plan, &|text| println!("  {:>4} s  {text}", begin.elapsed().as_secs())).await
}

/// The environment, and how its rows are sealed.
async fn sealing(settings: &Settings, master_key: &str) -> Result<(i64, Arc<Seal>)> {
    let tasks = Tasks::new();
    let store = Store::open(settings, &tasks).await?;
    let account = store.first_account().await?.ok_or("no server has made this database")?;
    let environment = store.environment_by_name(account.id, ENVIRONMENT).await?;
    let id = environment.ok_or("it has no environment `dev`")?.id;
    let row = store.active_data_key(id).await?.ok_or("the environment has no key")?;
    tasks.stopping().cancel();
    store.close().await;
    let ring = MasterKeyRing::new(MasterKey::from_base64(&Secret::new(master_key))?, Vec::new());
    let mut key_id = DataKeyId::default();
    hex::decode_to_slice(&row.id, &mut key_id)?;
    let key: DataKey = ring.unwrap_data_key(key_id, id, &row.wrapped)?;
    let rng = Rng::system();
    let seal: Arc<Seal> = Arc::new(move |(table, column), row: &str, text: &str| {
        let binding = RowBinding { table, column, environment_id: id, row: row.to_owned() };
        seal(&key, &binding, text.as_bytes(), &rng).as_bytes().to_vec()
    });
    Ok((id, seal))
}

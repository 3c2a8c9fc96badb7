//! The project's own commands, run as `cargo xtask <command>`. One file per command in `commands/`.
#![expect(clippy::print_stdout, reason = "a command line tool talks on standard output")]

mod commands;
mod machine;
mod npm;
mod postgres;
mod process;
mod python;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tests and checks of the Valetkey workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set this machine up and run every test: format, tidy, lints, Rust tests, end-to-end suites.
    Test(commands::test::Options),
    /// Check what no compiler checks: lengths, names, crate arrows, migrations, stray paths.
    Tidy,
    /// Measure the release binary beside a bare handler and print one table.
    Bench(commands::bench::Options),
    /// Fill a database with a million connections and their log.
    Seed(commands::seed::Options),
    /// Measure every page of the dashboard on a database that `seed` filled.
    Pages(commands::bench::pages::Options),
    /// Answer everything with the same bytes: the limit that `bench` measures against.
    #[command(hide = true)]
    BareHandler(commands::bench::bare::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Test(options) => commands::test::run(&options),
        Command::Tidy => commands::tidy::run(),
        Command::Bench(options) => commands::bench::run(&options),
        Command::Seed(options) => commands::seed::run(&options),
        Command::Pages(options) => commands::bench::pages::run(&options),
        Command::BareHandler(options) => commands::bench::bare::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

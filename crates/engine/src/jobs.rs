//! Background work. Each job is one file that says what it reads and writes, who wakes it, and why
//! running it twice at once is safe. None of them holds anything that a restart would lose.

mod alert_operators;
mod count_operations;
mod deliver_webhooks;
mod housekeeping;
mod refresh_due;
mod tell_installs;

use crate::engine::Engine;

impl Engine {
    /// Starts every job on the engine's tasks. They end when those are told to stop.
    pub fn start_jobs(&self) {
        self.tasks.spawn(deliver_webhooks::run(self.clone()));
        self.tasks.spawn(refresh_due::run(self.clone()));
        self.tasks.spawn(count_operations::run(self.clone()));
        self.tasks.spawn(alert_operators::run(self.clone()));
        self.tasks.spawn(tell_installs::run(self.clone()));
        self.tasks.spawn(housekeeping::run(self.clone()));
    }
}

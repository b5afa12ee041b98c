//! A seeded simulation: the real controllers and the real leader election in virtual time, on
//! in-memory fakes of everything around them, through random histories of failures.
//!
//! * [`history`]: what happens, drawn from a seed; [`actions`]: what that does to the world.
//! * [`world`]: the truth. [`machines`] and their vCenters, [`kubelet`]s, the API server's objects.
//! * [`wire`]: the way to the API server, on which requests are refused, lost, late, or done without an answer.
//! * [`instances`]: the infrastructure as the controllers know it, by its contract: [`judgement`] is
//!   what can be seen, [`sight`] what a leader remembers of it.
//! * [`manager`]: the product in a process that is frozen, killed, and started again.
//! * [`promises`]: what must never happen; [`ending`]: what must be true in the end.
//! * [`conductor`]: plays a history.
//!
//! A seed that fails is printed. `SIMULATION_SEED=<seed> cargo test --lib simulation` plays it alone, loudly.

mod actions;
mod clock;
mod conductor;
mod ending;
mod history;
mod instances;
mod judgement;
mod kubelet;
mod luck;
mod machines;
mod manager;
mod promises;
mod sight;
mod spans;
mod tests;
mod wire;
mod world;

/// The time since a history began; or how long something takes.
type Time = std::time::Duration;

/// Tells whoever plays a single history.
#[expect(clippy::print_stdout, reason = "this is for a person who looks at one history")]
fn say(line: &str) {
    println!("{line}");
}

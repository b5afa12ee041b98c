//! One manager, and one thing after the other that goes wrong around it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::common::World;
use super::faults::Trouble;

#[tokio::test]
async fn whatever_fails_and_comes_back_the_same_process_goes_on() {
    let world = World::start().await;
    let took = world.load.settled(&world.cluster, Instant::now()).await;
    println!("start: {took:?}, {} kB", world.resident() / 1024);
    for trouble in [Trouble::SessionsEnd] {
        episode(&world, &trouble).await;
    }
}

async fn episode(world: &World, trouble: &Trouble) {
    let before = world.vcsim.requests().await.unwrap();
    let begun = Instant::now();
    let stop = AtomicBool::new(false);
    let strike = async {
        trouble.strike(world).await;
        stop.store(true, Ordering::Relaxed);
        Instant::now()
    };
    let (end, done) = tokio::join!(strike, world.load.press(&world.cluster, &world.vcsim, &stop));
    let took = world.load.settled(&world.cluster, end).await;
    let made = world.vcsim.requests().await.unwrap().since(&before);
    println!(
        "{trouble:?}: {:.1} s, {done:?}; recovered in {took:?}; {} SOAP, {} REST logins; {:?}; {} kB",
        (end - begun).as_secs_f64(), made.soap("Login"), made.rest("POST /api/session"),
        world.pulse.since(begun).last(), world.resident() / 1024,
    );
    let _ = Duration::ZERO;
}

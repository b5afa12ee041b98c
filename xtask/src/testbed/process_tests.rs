use super::*;
use crate::testbed::{RunDir, eventually};

const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str, run: &RunDir, lifeline: Lifeline) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Process::spawn("script", command, run.path(), lifeline).unwrap()
}

#[tokio::test]
async fn output_is_kept_and_searched() {
    let run = RunDir::new().unwrap();
    let process = shell("echo one; echo two >&2; exec sleep 60", &run, Lifeline::Watchdog);
    assert_eq!(process.wait_for_log("tw", SOON).await.unwrap(), "two");
    assert_eq!(process.logs(), "one\ntwo");
    assert_eq!(std::fs::read_to_string(process.log_path()).unwrap(), "one\ntwo\n");
    assert!(process.peak_rss().unwrap() > 100_000);
    process.check().unwrap();
}

#[tokio::test]
async fn stopping_is_polite_first() {
    let run = RunDir::new().unwrap();
    let polite = shell(
        "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done",
        &run,
        Lifeline::Watchdog,
    );
    polite.wait_for_log("up", SOON).await.unwrap();
    assert_eq!(polite.stop(SOON).await.unwrap().code(), Some(3));
    assert_eq!(polite.tail(1), ["bye"]);
    polite.check().expect("an end that was asked for is no failure");

    let stubborn = shell("trap '' TERM; echo up; while :; do sleep 0.01; done", &run, Lifeline::Watchdog);
    stubborn.wait_for_log("up", SOON).await.unwrap();
    assert_eq!(stubborn.stop(Duration::from_millis(50)).await.unwrap().code(), None);
}

#[tokio::test]
async fn an_unexpected_end_is_reported_with_the_log() {
    let run = RunDir::new().unwrap();
    let ours = shell("echo something is wrong; exit 7", &run, Lifeline::Watchdog);
    let error = ours.wait_for_log("never", SOON).await.unwrap_err();
    let exited = error.downcast_ref::<Exited>().unwrap();
    assert_eq!((exited.status.code(), &exited.simulator_crash), (Some(7), &None));
    let text = ours.check().unwrap_err().to_string();
    assert!(text.contains("script ended unexpectedly") && text.contains("  | something is wrong"), "{text}");

    let simulator = shell("echo 'VCSIM-CRASH: nil map'; exit 70", &run, Lifeline::Watchdog);
    let error = simulator.wait_for_log("never", SOON).await.unwrap_err();
    let exited = error.downcast_ref::<Exited>().unwrap();
    assert!(exited.to_string().starts_with("the simulator crashed, not the product: VCSIM-CRASH: nil map"));
}

#[tokio::test]
async fn dropping_kills_the_whole_group() {
    let run = RunDir::new().unwrap();
    let process = shell("sleep 61 & echo $!; wait", &run, Lifeline::Watchdog);
    let line = process.wait_for_line("the child's id", SOON, |_| true).await.unwrap();
    drop(process);
    gone(line.parse().unwrap()).await;
}

/// What happens to children when we are killed: the kernel closes our ends of the pipes.
#[tokio::test]
async fn both_lifelines_end_the_child() {
    let run = RunDir::new().unwrap();
    let reader = shell("cat; exit 5", &run, Lifeline::Stdin);
    reader.inner.with_child(|guarded| guarded.stdin = None);
    assert_eq!(reader.wait(SOON).await.unwrap().code(), Some(5));

    let watched = shell("exec sleep 62", &run, Lifeline::Watchdog);
    watched
        .inner
        .with_child(|guarded| drop(guarded.watchdog.as_mut().and_then(|watchdog| watchdog.stdin.take())));
    assert_eq!(watched.wait(SOON).await.unwrap().code(), None);
}

async fn gone(pid: i32) {
    let pid = Pid::from_raw(pid).unwrap();
    eventually("the process is gone", SOON, async || {
        match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            // Nobody may be there to wait for an orphan.
            Ok(stat) if !stat.contains(") Z ") => Err(stat),
            _ => Ok(()),
        }
    })
    .await
    .unwrap();
}

#[test]
fn memory_is_read_from_the_status() {
    assert_eq!(parse_memory("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n", "VmHWM:"), Some(2048 * 1024));
    assert_eq!(parse_memory("Name:\tx\n", "VmHWM:"), None);
}

//! What the process uses, as Linux tells it below `/proc`.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{Counter, Gauge, IntGauge};

use super::Registry;

/// Ticks per second in which Linux tells times to programs (`USER_HZ`): 100 on every platform that
/// is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// The metrics of the process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    cpu: Counter,
    resident: IntGauge,
    virtual_size: IntGauge,
    open_files: IntGauge,
    max_files: IntGauge,
    threads: IntGauge,
    started: Gauge,
    /// Seconds of CPU already counted.
    counted: Arc<Mutex<f64>>,
}

impl Process {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let none: &[&str] = &[];
        let mut gauge = |name, help| -> IntGauge { registry.gauges(name, &[], help).with_label_values(none) };
        let resident = gauge("process_resident_memory_bytes", "Resident memory in bytes.");
        let virtual_size = gauge("process_virtual_memory_bytes", "Virtual memory in bytes.");
        let open_files = gauge("process_open_fds", "Open file descriptors.");
        let max_files = gauge("process_max_fds", "The most file descriptors that may be open.");
        let threads = gauge("process_threads", "Threads.");
        let started = registry.seconds(
            "process_start_time_seconds",
            &[],
            "When the process started, in seconds since 1970.",
        );
        let cpu = registry.seconds_counter("process_cpu_seconds_total", "CPU time used, in seconds.");
        let started = started.with_label_values(none);
        Self { cpu, resident, virtual_size, open_files, max_files, threads, started, counted: Arc::default() }
    }

    /// Looks at the process; what cannot be read stays as it was.
    pub(super) fn refresh(&self) {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let stat = read("/proc/self/stat");
        if let Some(stat) = Stat::read(&stat) {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            if stat.cpu_seconds > *counted {
                self.cpu.inc_by(stat.cpu_seconds - *counted);
                *counted = stat.cpu_seconds;
            }
            if let Some(booted) = boot_time(&read("/proc/stat")) {
                self.started.set(booted + stat.started_after_boot);
            }
        }
        let status = read("/proc/self/status");
        for (gauge, key, unit) in [
            (&self.resident, "VmRSS", 1024),
            (&self.virtual_size, "VmSize", 1024),
            (&self.threads, "Threads", 1),
        ] {
            if let Some(value) = status_field(&status, key) {
                gauge.set(value.saturating_mul(unit));
            }
        }
        if let Some(limit) = max_files(&read("/proc/self/limits")) {
            self.max_files.set(limit);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // One of them is the directory itself.
            self.open_files.set(i64::try_from(files.count().saturating_sub(1)).unwrap_or(i64::MAX));
        }
    }
}

/// What is read of `/proc/self/stat`.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_seconds: f64,
    started_after_boot: f64,
}

impl Stat {
    fn read(text: &str) -> Option<Self> {
        // The second field is the program's name in parentheses, which may contain anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // Counted from field 3: utime is 14, stime 15, starttime 22 (proc(5)).
        let ticks = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS_PER_SECOND,
            started_after_boot: ticks(22)? / TICKS_PER_SECOND,
        })
    }
}

/// Seconds since 1970, from `/proc/stat`.
fn boot_time(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// A number from `/proc/self/status`, in its unit.
fn status_field(text: &str, key: &str) -> Option<i64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The soft limit, from `/proc/self/limits`.
fn max_files(text: &str) -> Option<i64> {
    let rest = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_is_understood() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 3 0 0 0 250 50 0 0 20 0 4 0 12300 1 2 3";
        assert_eq!(Stat::read(stat), Some(Stat { cpu_seconds: 3.0, started_after_boot: 123.0 }));
        assert_eq!(Stat::read("7 (short) S 1"), None);
        assert_eq!(boot_time("cpu 1 2\nbtime 1700000000\nprocesses 4\n"), Some(1_700_000_000.0));
        let status = "Name:\tx\nVmSize:\t  2048 kB\nVmRSS:\t    1024 kB\nThreads:\t3\n";
        assert_eq!(status_field(status, "VmRSS"), Some(1024));
        assert_eq!(status_field(status, "Threads"), Some(3));
        let limits =
            "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024     4096     files\n";
        assert_eq!(max_files(limits), Some(1024));
        assert_eq!(max_files("Max open files  unlimited unlimited files"), None);
    }

    #[test]
    fn this_process_is_seen() {
        let process = Process::new(&mut Registry::default());
        process.refresh();
        assert!(
            process.resident.get() > 1 << 20 && process.open_files.get() > 0 && process.threads.get() > 0
        );
        assert!(process.started.get() > 1.6e9);
        let before = process.cpu.get();
        process.refresh();
        assert!(process.cpu.get() >= before);
    }
}

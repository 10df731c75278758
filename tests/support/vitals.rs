//! How a process is, as `/proc` says.

use std::time::Duration;

/// Resident memory, in KiB.
pub fn rss_kib(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

/// The most resident memory there was, in KiB.
pub fn peak_kib(pid: u32) -> u64 {
    status(pid, "VmHWM:")
}

/// Open descriptors.
pub fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("the process lives").count()
}

/// Processor time used so far.
pub fn cpu(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    // The name of the program, in brackets, may hold anything.
    let fields: Vec<&str> = text.rsplit(')').next().expect("a name in brackets").split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().map(|at| fields[*at].parse::<u64>().expect("a number")).sum();
    // Linux reports in hundredths of a second, whatever its own clock does.
    Duration::from_millis(ticks * 10)
}

fn status(pid: u32, key: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("the kernel says how much memory is used");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number of KiB")
}

//! What a proxy costs, as `/proc` says. Some are several processes.

use std::time::Duration;

use crate::support::vitals;

/// A process and its descendants.
fn tree(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while at < all.len() {
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{}/task", all[at])) else { break };
        for task in tasks.flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        at += 1;
    }
    all
}

/// Processor time used so far.
pub fn cpu(pid: u32) -> Duration {
    tree(pid).into_iter().map(vitals::cpu).sum()
}

/// Processor time used so far, once no more is being used.
pub async fn settled_cpu(pid: u32) -> Duration {
    let mut before = cpu(pid);
    loop {
        tokio::time::sleep(Duration::from_millis(60)).await;
        let now = cpu(pid);
        if now.saturating_sub(before) <= Duration::from_millis(10) {
            return now;
        }
        before = now;
    }
}

/// Memory, in KiB; what processes share is divided among them.
pub fn memory_kib(pid: u32) -> u64 {
    let of = |pid| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    tree(pid).into_iter().map(of).sum()
}

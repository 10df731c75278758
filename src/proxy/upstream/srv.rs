//! The order in which SRV targets are tried (RFC 2782), over both XMPP services at once (XEP-0368).
use super::target::Opening;

/// One SRV record that offers the service, without the `.` that declines it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SrvTarget {
    /// Lower is tried first.
    pub priority: u16,
    /// The share of the traffic among targets of equal priority.
    pub weight: u16,
    /// The TCP port.
    pub port: u16,
    /// The host name, as an absolute name.
    pub host: String,
    /// Which service the record belongs to.
    pub opening: Opening,
}

/// Sorts by priority and, within one, draws by weight.
///
/// `draw(n)` returns a number in `0..=n`. Records of weight 0 stand first in the running sum, as RFC 2782 asks, so that
/// they are chosen rarely beside others but still in a random place.
pub(super) fn order(mut targets: Vec<SrvTarget>, mut draw: impl FnMut(u32) -> u32) -> Vec<SrvTarget> {
    targets.sort_by_key(|target| (target.priority, target.weight != 0));
    let mut ordered = Vec::with_capacity(targets.len());
    while let Some(first) = targets.first() {
        let same = targets.iter().take_while(|target| target.priority == first.priority);
        let total: u32 = same.clone().map(|target| u32::from(target.weight)).sum();
        let ticket = draw(total);
        let mut sum = 0;
        let chosen = same
            .map(|target| {
                sum += u32::from(target.weight);
                sum
            })
            .position(|sum| sum >= ticket)
            .unwrap_or(0);
        ordered.push(targets.remove(chosen));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(rows: &[(&str, u16, u16)]) -> Vec<SrvTarget> {
        rows.iter()
            .map(|(host, priority, weight)| SrvTarget {
                priority: *priority,
                weight: *weight,
                port: 5222,
                host: (*host).to_owned(),
                opening: Opening::StartTls,
            })
            .collect()
    }

    fn hosts(ordered: &[SrvTarget]) -> String {
        ordered.iter().map(|target| target.host.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lower_priority_comes_first() {
        let rows = [("c", 30, 1), ("a", 5, 0), ("b", 10, 9)];
        assert_eq!(hosts(&order(targets(&rows), |_| 0)), "a b c");
        assert_eq!(hosts(&order(targets(&rows), |total| total)), "a b c");
    }

    #[test]
    fn the_ticket_falls_into_the_running_sum_of_weights() {
        let rows = [("a", 1, 10), ("b", 1, 30), ("zero", 1, 0)];
        let first = |ticket: u32| order(targets(&rows), |total| ticket.min(total))[0].host.clone();
        assert_eq!(first(0), "zero");
        assert_eq!(first(1), "a");
        assert_eq!(first(10), "a");
        assert_eq!(first(11), "b");
        assert_eq!(first(40), "b");
    }

    #[test]
    fn heavier_targets_come_first_more_often() {
        let mut state = 1u64;
        let mut draw = |total: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from((state >> 33) % (u64::from(total) + 1)).unwrap()
        };
        let rows = [("light", 1, 10), ("heavy", 1, 90)];
        let heavy = (0..1_000).filter(|_| order(targets(&rows), &mut draw)[0].host == "heavy").count();
        assert!((850..950).contains(&heavy), "{heavy}");
    }

    #[test]
    fn nothing_is_lost_or_invented() {
        let rows = [("a", 1, 65_535), ("b", 1, 65_535), ("c", 1, 65_535), ("d", 0, 0)];
        let mut all: Vec<_> = order(targets(&rows), |total| total / 2).into_iter().map(|target| target.host).collect();
        all.sort();
        assert_eq!(all, ["a", "b", "c", "d"]);
        assert!(order(Vec::new(), |_| 0).is_empty());
    }
}

//! F-71: what goes in comes out, whatever it is and however it is cut.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use proptest::prelude::*;
use stanzascope::audit::Auditor;
use stanzascope::catalog::Catalog;
use stanzascope::config::OnLogFailure;
use stanzascope::metrics::Metrics;
use stanzascope::proxy::Audit;
use stanzascope::proxy::clock::Clock;
use stanzascope::proxy::gate::{ChannelBinding, Gate, Policy};
use stanzascope::proxy::relay::{End, Pump, SharedWriter};
use stanzascope::proxy::tap::Tap;
use stanzascope::sink::{Holds, Sink, Writer};
use stanzascope::xmpp::Direction;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

struct Log {
    sink: Sink,
    metrics: Arc<Metrics>,
    _writer: Writer,
    _dir: tempfile::TempDir,
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let (dir, metrics) = (tempfile::tempdir().unwrap(), Arc::new(Metrics::new(&Catalog::builtin())));
    let (sink, writer) = Sink::open(&dir.path().join("records.jsonl"), Holds::Records, OnLogFailure::Stop, metrics.clone()).unwrap();
    Log { sink, metrics, _writer: writer, _dir: dir }
});

/// What comes out of a relay after login, and how it ended.
fn relayed(direction: Direction, pieces: &[&[u8]]) -> (Vec<u8>, End) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let policy =
            Policy { domains: vec!["lab.test".into()], accounts: vec![], channel_binding: ChannelBinding::Observe, observe_only: true };
        let auditor = Auditor::new(Catalog::builtin(), Arc::default(), "s").assume_logged_in();
        let gate = Gate::new(Catalog::builtin(), policy, "127.0.0.1:5222".into());
        let tap = Tap::new(auditor, gate, "s".into(), LOG.sink.clone(), None, LOG.metrics.clone(), Clock::start());
        let (mut feed, mut reader) = tokio::io::duplex(64 << 10);
        let (out, mut heard) = tokio::io::duplex(64 << 10);
        let (back, _rest) = tokio::io::duplex(64 << 10);
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let pump = async {
            let (out, back): (SharedWriter<'_>, SharedWriter<'_>) =
                (tokio::sync::Mutex::new(Box::new(out)), tokio::sync::Mutex::new(Box::new(back)));
            Pump::new(direction, &tap, &LOG.metrics, Audit::On).run(&mut reader, &out, &back, stopped).await
        };
        let feeding = async {
            for piece in pieces {
                if feed.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(feed);
        };
        let hearing = async {
            let mut all = Vec::new();
            heard.read_to_end(&mut all).await.unwrap();
            all
        };
        let (end, (), all) = tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(pump, feeding, hearing) }).await.unwrap();
        (all, end)
    })
}

fn check(direction: Direction, bytes: &[u8], mut cuts: Vec<usize>) -> Result<(), TestCaseError> {
    cuts.iter_mut().for_each(|cut| *cut %= bytes.len() + 1);
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
    let (heard, end) = relayed(direction, &pieces);
    match end {
        // A stream header of a domain that is not under test goes no further.
        End::Refused { .. } => prop_assert!(bytes.starts_with(&heard) && direction == Direction::ClientToServer),
        _ => prop_assert!(heard == bytes, "{:?} became {:?}", String::from_utf8_lossy(bytes), String::from_utf8_lossy(&heard)),
    }
    Ok(())
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::ClientToServer), Just(Direction::ServerToClient)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("PROPTEST_CASES").map_or(1000, |cases| cases.parse().unwrap())))]

    /// F-71: any bytes, any cuts, through the relay in both directions, 1,000 cases (`PROPTEST_CASES=10000` for more) → the same bytes come out
    #[test]
    fn any_bytes_pass_unchanged(direction in direction(), bytes in proptest::collection::vec(any::<u8>(), 0..300), cuts in proptest::collection::vec(any::<usize>(), 0..6)) {
        check(direction, &bytes, cuts)?;
    }

    /// F-71: pieces of markup that look like what the relay holds back → the same bytes come out
    #[test]
    fn markup_passes_unchanged(direction in direction(), text in "(<stream:error>|</stream:error>|<enabled xmlns='urn:xmpp:sm:3' |location='x'|/>|>|<iq|<e|<stream:features|</|<!--|-->|<a>|</a>| |x){0,20}", cuts in proptest::collection::vec(any::<usize>(), 0..6)) {
        check(direction, text.as_bytes(), cuts)?;
    }
}

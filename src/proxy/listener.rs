//! Accepting clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use super::admission::Place;
use super::{Shared, scope, session};

/// Time after which a silent peer is probed.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Pause after a failed accept (most often no free descriptor): no spinning.
const BACK_OFF: Duration = Duration::from_millis(200);

/// Accepts until the run stops; each connection becomes a task.
pub async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut stop = shared.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let (tcp, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(BACK_OFF).await;
                continue;
            }
        };
        if let Err(error) = scope::check_peer(peer.ip(), &shared.allow_remote) {
            tracing::warn!(%error, "connection refused");
            shared.metrics.session_ended("peer_refused", false);
            continue;
        }
        let now = Instant::now();
        match shared.admission.admit(peer.ip(), now) {
            Ok(place) => start(&shared, tcp, peer, place),
            Err(refusal) => {
                shared.metrics.session_ended(refusal.reason(), false);
                if let Some(more) = shared.admission.tell(refusal, now) {
                    tracing::warn!(%peer, %refusal, more, "connection refused");
                    let shared = shared.clone();
                    shared.clone().tasks.spawn(async move { session::refused(&shared, Some(peer), refusal, more).await });
                }
            }
        }
    }
}

fn start(shared: &Arc<Shared>, tcp: TcpStream, peer: SocketAddr, place: Place) {
    let Ok(local) = tcp.local_addr() else { return };
    let _ = tcp.set_nodelay(true);
    let _ = socket2::SockRef::from(&tcp).set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(KEEPALIVE));
    let shared_for_task = shared.clone();
    shared.tasks.spawn(async move {
        session::serve(shared_for_task, tcp, peer, local).await;
        drop(place);
    });
}

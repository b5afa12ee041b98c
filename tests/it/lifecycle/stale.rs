//! What is known of machines has become old, and nobody has noticed yet.

use xtask::testbed::{Fault, FaultKind, Power};

use super::common::{LONG, has_shutdown_taint, hasty_with, initialise, vcenter};
use super::volumes::{attach, cluster, is_out_of_service};
use crate::support::Config;

/// On a machine that is very busy the moment may be missed between the end of the grace and the end of the
/// stalled poll's patience, 4 s after it began: then vCenter counts as away, and nothing is proved.
const ATTEMPTS: usize = 4;

#[tokio::test]
async fn a_machine_that_was_switched_on_while_the_watch_was_stalled_stays_in_service() {
    let cluster = cluster().await;
    let vcsim = vcenter("vc0").await;
    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), &["--out-of-service-grace=2s"]);
    let mut missed = Vec::new();
    for attempt in 0..ATTEMPTS {
        let vms = vcsim.create_vms(&format!("off-{attempt}-"), 2).await.unwrap();
        let [risen, dead] = [vms[0].name.as_str(), vms[1].name.as_str()];
        initialise(&cluster, &vms).await;
        for name in [risen, dead] {
            attach(&cluster, &format!("csi-{name}"), name).await;
            cluster.set_ready(name, false).await;
            vcsim.power(name, Power::PoweredOff).await.unwrap();
        }
        for name in [risen, dead] {
            cluster.node_when("it is known to be off", name, has_shutdown_taint).await;
        }
        // From now on vCenter answers everything but the long poll.
        let stalled = Fault::new("WaitForUpdatesEx", FaultKind::Hang).running();
        let rule = vcsim.add_fault(&stalled).await.unwrap();
        vcsim.power(risen, Power::PoweredOn).await.unwrap();
        let in_time = !is_out_of_service(&cluster.node(dead).await);
        tokio::time::sleep(LONG * 2).await;
        let proved = is_out_of_service(&cluster.node(dead).await);
        if in_time && proved {
            assert!(!is_out_of_service(&cluster.node(risen).await), "it runs, and only vCenter knows");
            let writes = cluster.node_writes();
            let writes = writes.get(&format!("patch nodes {risen}"));
            assert_eq!(writes, Some(&2), "initialised and tainted");
            vcsim.remove_fault(&rule).await.unwrap();
            return;
        }
        missed.push(format!("begun in time: {in_time}, the other one proved to be off: {proved}"));
        vcsim.remove_fault(&rule).await.unwrap();
    }
    panic!("the moment was missed each time: {missed:?}");
}

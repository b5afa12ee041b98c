//! What is known of machines has become old, and nobody has noticed yet.

use xtask::testbed::{Fault, FaultKind, Power};

use super::common::{LONG, has_shutdown_taint, hasty_with, initialise, vcenter};
use super::volumes::{attach, cluster, is_out_of_service};
use crate::support::{Config, LATER, names};

#[tokio::test]
async fn a_machine_that_was_switched_on_while_the_watch_was_stalled_stays_in_service() {
    let cluster = cluster().await;
    let vcsim = vcenter("vc0").await;
    let vms = vcsim.create_vms("off-", 2).await.unwrap();
    let [risen, dead] = ["off-0", "off-1"];
    let grace = ["--out-of-service-grace=6s"];
    let _manager = hasty_with(&cluster, &Config::of(&[&vcsim]), &grace);
    initialise(&cluster, &vms).await;
    for name in names(&vms) {
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
    assert!(!is_out_of_service(&cluster.node(dead).await), "too late: the time of grace is over");
    cluster.node_within(LATER, "it is out of service, being off", dead, is_out_of_service).await;
    tokio::time::sleep(LONG).await;
    assert!(!is_out_of_service(&cluster.node(risen).await), "it runs, and only vCenter knows");
    let writes = cluster.node_writes();
    assert_eq!(writes.get("patch nodes off-0"), Some(&2), "initialised and tainted: {writes:?}");
    vcsim.remove_fault(&rule).await.unwrap();
}

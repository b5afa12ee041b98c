//! The Kubernetes side's vocabulary: slim types, patches that cannot lose an update, Events,
//! leader election.
//!
//! It knows nothing of vSphere nor of any controller.

mod annotations;
mod attachments;
mod complaint;
mod counted;
mod delete;
mod events;
mod explain;
pub mod leader;
mod limit;
mod list;
mod node;
mod patch;
mod presence;
mod secrets;
#[cfg(test)]
pub(crate) mod testing;
mod watch;

pub use annotations::OWN_PREFIX;
pub use attachments::attachments_by_node;
pub use counted::CountRequests;
pub use delete::delete_unchanged;
pub use events::{EventKind, EventRecorder, NodeEvent, Repeat, Subject, cut_at_char_boundary};
pub use explain::explain;
pub use limit::RateLimit;
pub use list::list_nodes;
pub use node::{
    BETA_INSTANCE_TYPE, BETA_REGION, BETA_ZONE, INSTANCE_TYPE, Node, NodeCondition, NodeInfo, NodeSpec,
    NodeStatus, PROVIDED_NODE_IP, REGION, TAINT_OUT_OF_SERVICE, TAINT_SHUTDOWN, TAINT_UNINITIALIZED, ZONE,
};
pub use patch::{JsonPatch, Operation, Pointer};
pub use presence::Presence;
pub use secrets::{read_secret, watch_secret};
pub use watch::{PAGE_SIZE, departures, watch_nodes};

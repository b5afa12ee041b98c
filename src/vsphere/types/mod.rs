//! The vim25 messages that are sent, and no others; one file per vSphere service.
//!
//! Element order in the requests is that of the WSDL: vCenter insists on it.

mod authorization;
mod event;
mod property;
mod search;
mod service;
mod view;

pub use authorization::{EntityPrivileges, HasUserPrivilegeOnEntities};
pub use event::{CreateCollectorForEvents, DestroyCollector, SetCollectorPageSize};
pub use property::{
    ChangeKind, ContinueRetrievePropertiesEx, CreateFilter, CreatePropertyCollector,
    DestroyPropertyCollector, FilterSpec, MissingProperty, ObjectContent, ObjectSpec, ObjectUpdate,
    PropertyChange, PropertySpec, RetrievePropertiesEx, RetrieveResult, Selection, UpdateSet,
    WaitForUpdatesEx,
};
pub use search::{FindAllByDnsName, FindAllByIp, FindAllByUuid};
pub use service::{
    About, CloneSession, CurrentTime, Login, Logout, RetrieveServiceContent, ServiceContent, UserSession,
};
pub use view::{CreateContainerView, CreateListView, DestroyView, ModifyListView};

#[cfg(test)]
mod tests;

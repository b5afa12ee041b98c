//! `ServiceInstance` and `SessionManager`.

use secrecy::{ExposeSecret, SecretString};

use crate::vsphere::MoRef;
use crate::vsphere::soap::{DecodeError, FromXml, Reader, Request, Tag, Writer};

/// `ServiceInstance.RetrieveServiceContent`: works without a session.
#[derive(Debug)]
pub struct RetrieveServiceContent {
    this: MoRef,
}

impl Default for RetrieveServiceContent {
    fn default() -> Self {
        Self { this: MoRef::new("ServiceInstance", "ServiceInstance") }
    }
}

/// `ServiceContent`: the managers of a vCenter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceContent {
    /// `about`
    pub about: About,
    /// `rootFolder`
    pub root_folder: MoRef,
    /// `propertyCollector`
    pub property_collector: MoRef,
    /// `viewManager`
    pub view_manager: MoRef,
    /// `sessionManager`
    pub session_manager: MoRef,
    /// `searchIndex`
    pub search_index: MoRef,
    /// `eventManager`
    pub event_manager: Option<MoRef>,
    /// `authorizationManager`
    pub authorization_manager: Option<MoRef>,
}

/// `AboutInfo`: which server this is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// `fullName`, as in `VMware vCenter Server 8.0.3 build-24022515`.
    pub full_name: String,
    /// `apiType`: `VirtualCenter` or `HostAgent` (an ESXi host).
    pub api_type: String,
    /// `apiVersion`, as in `8.0.3.0`.
    pub api_version: String,
    /// `instanceUuid`: the identity of this vCenter; absent on ESXi.
    pub instance_uuid: Option<String>,
}

impl FromXml for About {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        reader.children(|reader, tag| {
            match tag.name.as_str() {
                "fullName" => this.full_name = reader.text()?,
                "apiType" => this.api_type = reader.text()?,
                "apiVersion" => this.api_version = reader.text()?,
                "instanceUuid" => this.instance_uuid = Some(reader.text()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(this)
    }
}

/// The managers, in the order of the fields of `ServiceContent`.
const MANAGERS: [&str; 7] = [
    "rootFolder",
    "propertyCollector",
    "viewManager",
    "sessionManager",
    "searchIndex",
    "eventManager",
    "authorizationManager",
];

impl FromXml for ServiceContent {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut about = None;
        let mut morefs: [Option<MoRef>; 7] = Default::default();
        reader.children(|reader, tag| {
            if tag.name == "about" {
                about = Some(reader.read(tag)?);
            } else if let Some(i) = MANAGERS.iter().position(|name| *name == tag.name) {
                morefs[i] = Some(reader.read(tag)?);
            }
            Ok(())
        })?;
        let mut take = |i: usize| morefs[i].take().ok_or_else(|| DecodeError::missing(MANAGERS[i]));
        Ok(Self {
            about: about.ok_or_else(|| DecodeError::missing("about"))?,
            root_folder: take(0)?,
            property_collector: take(1)?,
            view_manager: take(2)?,
            session_manager: take(3)?,
            search_index: take(4)?,
            event_manager: take(5).ok(),
            authorization_manager: take(6).ok(),
        })
    }
}

impl Request for RetrieveServiceContent {
    const METHOD: &'static str = "RetrieveServiceContent";
    const IDEMPOTENT: bool = true;
    type Response = ServiceContent;

    fn this(&self) -> &MoRef {
        &self.this
    }
    fn write(&self, _: &mut Writer) {}
    fn read(reader: &mut Reader<'_>) -> Result<ServiceContent, DecodeError> {
        reader.returnval()
    }
}

/// `SessionManager.Login`
#[derive(Debug)]
pub struct Login<'a> {
    /// `SessionManager`
    pub session_manager: &'a MoRef,
    /// `userName`
    pub user: &'a str,
    /// `password`
    pub password: &'a SecretString,
}

/// `UserSession`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserSession {
    /// `userName`: the account as vCenter knows it. (`key` is as good as the cookie and not read.)
    pub user_name: String,
}

impl FromXml for UserSession {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        reader.children(|reader, tag| {
            if tag.name == "userName" {
                this.user_name = reader.text()?;
            }
            Ok(())
        })?;
        Ok(this)
    }
}

impl Request for Login<'_> {
    const METHOD: &'static str = "Login";
    // A lost answer leaves a session behind, and a refused one counts towards the lock-out.
    const IDEMPOTENT: bool = false;
    type Response = UserSession;

    fn this(&self) -> &MoRef {
        self.session_manager
    }
    fn write(&self, w: &mut Writer) {
        w.text("userName", self.user);
        w.text("password", self.password.expose_secret());
    }
    fn read(reader: &mut Reader<'_>) -> Result<UserSession, DecodeError> {
        reader.returnval()
    }
}

/// `SessionManager.CloneSession`: a session that shares another one, by the ticket that the other
/// one asked for.
#[derive(Debug)]
pub struct CloneSession<'a> {
    /// `SessionManager`
    pub session_manager: &'a MoRef,
    /// `cloneTicket`: good once.
    pub ticket: &'a SecretString,
}

impl Request for CloneSession<'_> {
    const METHOD: &'static str = "CloneSession";
    // The ticket is used up.
    const IDEMPOTENT: bool = false;
    type Response = UserSession;

    fn this(&self) -> &MoRef {
        self.session_manager
    }
    fn write(&self, w: &mut Writer) {
        w.text("cloneTicket", self.ticket.expose_secret());
    }
    fn read(reader: &mut Reader<'_>) -> Result<UserSession, DecodeError> {
        reader.returnval()
    }
}

/// `ServiceInstance.CurrentTime`: the cheapest call that needs a session. The time is not read.
#[derive(Debug)]
pub struct CurrentTime {
    this: MoRef,
}

impl Default for CurrentTime {
    fn default() -> Self {
        Self { this: MoRef::new("ServiceInstance", "ServiceInstance") }
    }
}

impl Request for CurrentTime {
    const METHOD: &'static str = "CurrentTime";
    const IDEMPOTENT: bool = true;
    type Response = ();

    fn this(&self) -> &MoRef {
        &self.this
    }
    fn write(&self, _: &mut Writer) {}
    fn read(_: &mut Reader<'_>) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// `SessionManager.Logout`
#[derive(Debug)]
pub struct Logout<'a> {
    /// `SessionManager`
    pub session_manager: &'a MoRef,
}

impl Request for Logout<'_> {
    const METHOD: &'static str = "Logout";
    const IDEMPOTENT: bool = false;
    type Response = ();

    fn this(&self) -> &MoRef {
        self.session_manager
    }
    fn write(&self, _: &mut Writer) {}
    fn read(_: &mut Reader<'_>) -> Result<(), DecodeError> {
        Ok(())
    }
}

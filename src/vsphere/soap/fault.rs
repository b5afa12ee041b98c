//! SOAP faults and the vSphere faults inside them.

use std::fmt;

use super::{DecodeError, FromXml, Reader, Tag, Value};
use crate::vsphere::MoRef;

/// A fault as vCenter reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// The vSphere fault type, as in `NotAuthenticated`; absent for a bare SOAP fault.
    pub type_name: Option<String>,
    /// `faultstring` or `localizedMessage`; often empty.
    pub message: String,
    /// The object that the fault is about.
    pub object: Option<MoRef>,
    /// `privilegeId` of a `NoPermission`.
    pub privilege: Option<String>,
    /// The property or argument that an `InvalidProperty` or `InvalidArgument` names.
    pub name: Option<String>,
}

/// What a fault means to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The session is gone.
    NotAuthenticated,
    /// User or password are wrong, or the account is locked.
    InvalidLogin,
    /// The account lacks a privilege.
    NoPermission,
    /// The object does not exist (any longer).
    ManagedObjectNotFound,
    /// The collector version is not known: start again with an empty one.
    InvalidCollectorVersion,
    /// The call was cancelled.
    RequestCanceled,
    /// Anything else.
    Other,
}

impl Fault {
    /// What the fault means.
    ///
    /// Decided by the type alone: texts differ between versions and languages.
    pub fn kind(&self) -> FaultKind {
        match self.type_name.as_deref() {
            Some("NotAuthenticated") => FaultKind::NotAuthenticated,
            Some("InvalidLogin") => FaultKind::InvalidLogin,
            Some("NoPermission") => FaultKind::NoPermission,
            Some("ManagedObjectNotFound") => FaultKind::ManagedObjectNotFound,
            Some("InvalidCollectorVersion") => FaultKind::InvalidCollectorVersion,
            Some("RequestCanceled") => FaultKind::RequestCanceled,
            _ => FaultKind::Other,
        }
    }

    fn fill(&mut self, type_name: Option<String>, value: &Value) {
        self.type_name = type_name;
        let text = |name: &str| value.field(name).and_then(Value::as_text).map(str::to_owned);
        self.object = value.field("object").or_else(|| value.field("obj")).and_then(Value::as_moref);
        self.privilege = text("privilegeId");
        self.name = text("invalidProperty").or_else(|| text("name"));
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name.as_deref().unwrap_or("SOAP fault"))?;
        if let Some(privilege) = &self.privilege {
            write!(f, " (privilege {privilege})")?;
        }
        if let Some(object) = &self.object {
            write!(f, " on {object}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

/// `soapenv:Fault`
impl FromXml for Fault {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        reader.children(|reader, tag| {
            match tag.name.as_str() {
                "faultstring" => reader.text()?.trim().clone_into(&mut this.message),
                "detail" => reader.children(|reader, tag| {
                    // The element's name is `<Type>Fault`; `xsi:type` is the authority.
                    let type_name =
                        tag.xsi_type.clone().or_else(|| tag.name.strip_suffix("Fault").map(str::to_owned));
                    let value: Value = reader.read(tag)?;
                    if this.type_name.is_none() {
                        this.fill(type_name, &value);
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(this)
    }
}

/// `LocalizedMethodFault`, as `missingSet` and task errors have it.
impl Fault {
    /// Reads an element of type `LocalizedMethodFault`.
    pub fn from_localized(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        reader.children(|reader, tag| {
            match tag.name.as_str() {
                "fault" => {
                    let value: Value = reader.read(tag)?;
                    let type_name = value.type_name.clone();
                    this.fill(type_name, &value);
                }
                "localizedMessage" => reader.text()?.trim().clone_into(&mut this.message),
                _ => {}
            }
            Ok(())
        })?;
        Ok(this)
    }
}

//! `AuthorizationManager`: what an account may do.

use crate::vsphere::MoRef;
use crate::vsphere::soap::{DecodeError, FromXml, Reader, Request, Tag, Writer};

/// `AuthorizationManager.HasUserPrivilegeOnEntities`, since vSphere 6.5.
#[derive(Debug)]
pub struct HasUserPrivilegeOnEntities<'a> {
    /// `AuthorizationManager`
    pub authorization_manager: &'a MoRef,
    /// The objects.
    pub entities: &'a [MoRef],
    /// The account, as `UserSession` names it.
    pub user: &'a str,
    /// Ids of privileges, as in `System.Read`.
    pub privileges: &'a [&'a str],
}

/// `EntityPrivilege`: what is granted on one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityPrivileges {
    /// The object.
    pub entity: MoRef,
    /// The privileges that are not granted, of those that were asked for.
    pub missing: Vec<String>,
}

impl Request for HasUserPrivilegeOnEntities<'_> {
    const METHOD: &'static str = "HasUserPrivilegeOnEntities";
    const IDEMPOTENT: bool = true;
    type Response = Vec<EntityPrivileges>;

    fn this(&self) -> &MoRef {
        self.authorization_manager
    }
    fn write(&self, w: &mut Writer) {
        for entity in self.entities {
            w.moref("entities", entity);
        }
        w.text("userName", self.user);
        for privilege in self.privileges {
            w.text("privId", privilege);
        }
    }
    fn read(reader: &mut Reader<'_>) -> Result<Vec<EntityPrivileges>, DecodeError> {
        reader.returnvals()
    }
}

impl FromXml for EntityPrivileges {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut entity = None;
        let mut missing = Vec::new();
        reader.children(|reader, tag| {
            match tag.name.as_str() {
                "entity" => entity = Some(reader.read(tag)?),
                "privAvailability" => {
                    let (mut id, mut granted) = (String::new(), false);
                    reader.children(|reader, tag| {
                        match tag.name.as_str() {
                            "privId" => id = reader.text()?,
                            "isGranted" => granted = reader.read(tag)?,
                            _ => {}
                        }
                        Ok(())
                    })?;
                    if !granted {
                        missing.push(id);
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { entity: entity.ok_or_else(|| DecodeError::missing("entity"))?, missing })
    }
}

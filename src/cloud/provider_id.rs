//! `spec.providerID` of a Node: `vsphere://<BIOS uuid of the VM>`.

use std::fmt;

use uuid::Uuid;

/// The scheme of our provider IDs; upstream's, so that nodes can change hands.
pub const PROVIDER_SCHEME: &str = "vsphere";

/// The identity of a VM as Kubernetes stores it: the BIOS uuid (`config.uuid` in vCenter).
///
/// Displays as `vsphere://<uuid>`, lower case with hyphens, which is byte for byte what
/// upstream writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(Uuid);

/// Why a text is not one of our provider IDs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderIdError {
    /// Another cloud's ID: it is never touched.
    #[error("providerID {text:?} belongs to another provider (scheme {scheme:?}, ours is \"vsphere\")")]
    Foreign {
        /// The whole text.
        text: String,
        /// What stands before `://`.
        scheme: String,
    },
    /// Ours by its scheme (or without any), but the rest is no uuid.
    #[error(
        "providerID {text:?} names no VM: expected vsphere://<BIOS uuid>, as in vsphere://4237aaaa-5c1c-0b7d-6f2e-0123456789ab"
    )]
    Malformed {
        /// The whole text.
        text: String,
    },
}

impl ProviderId {
    /// The provider ID of the VM with this BIOS uuid.
    pub const fn new(bios_uuid: Uuid) -> Self {
        Self(bios_uuid)
    }

    /// Reads `spec.providerID`, in any case; a bare uuid without a scheme is accepted, as upstream does.
    ///
    /// The uuid may be in either byte order: which one is known only to vCenter.
    pub fn parse(text: &str) -> Result<Self, ProviderIdError> {
        let trimmed = text.trim();
        let rest = match trimmed.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(PROVIDER_SCHEME) => rest,
            Some((scheme, _)) => {
                return Err(ProviderIdError::Foreign { text: text.to_owned(), scheme: scheme.to_owned() });
            }
            None => trimmed,
        };
        parse_uuid(rest).map(Self).ok_or_else(|| ProviderIdError::Malformed { text: text.to_owned() })
    }

    /// The BIOS uuid.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PROVIDER_SCHEME}://{}", self.0.hyphenated())
    }
}

/// Reads a uuid as `/sys/class/dmi/id/product_uuid` or vCenter write it: hyphenated, any case.
///
/// The nil uuid is no identity (vCenter shows it while a clone is being made) and gives `None`.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text.trim()).ok().filter(|uuid| !uuid.is_nil())
}

/// The same uuid with its first three groups in the other byte order.
///
/// SMBIOS stores them little-endian since version 2.6; guests show one form or the other
/// depending on the virtual hardware version, vCenter always shows its own.
pub fn swap_byte_order(uuid: Uuid) -> Uuid {
    Uuid::from_bytes(uuid.to_bytes_le())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_ids_are_read_in_every_form_that_occurs() {
        let canonical = "vsphere://4237aaaa-5c1c-0b7d-6f2e-0123456789ab";
        for text in [
            canonical,
            "vsphere://4237AAAA-5C1C-0B7D-6F2E-0123456789AB",
            "VSPHERE://4237aaaa-5c1c-0b7d-6f2e-0123456789ab",
            "4237aaaa-5c1c-0b7d-6f2e-0123456789ab",
            "  vsphere://4237aaaa-5c1c-0b7d-6f2e-0123456789ab\n",
        ] {
            assert_eq!(ProviderId::parse(text).unwrap().to_string(), canonical, "{text:?}");
        }
    }

    #[test]
    fn other_clouds_ids_are_foreign_and_not_merely_wrong() {
        assert_eq!(
            ProviderId::parse("aws:///eu-west-1a/i-0123"),
            Err(ProviderIdError::Foreign { text: "aws:///eu-west-1a/i-0123".into(), scheme: "aws".into() })
        );
    }

    #[test]
    fn an_id_without_a_uuid_is_malformed() {
        for text in ["vsphere://", "", "vsphere://node-1", "vsphere://00000000-0000-0000-0000-000000000000"] {
            assert_eq!(
                ProviderId::parse(text),
                Err(ProviderIdError::Malformed { text: text.into() }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn swapping_exchanges_the_bytes_of_the_first_three_groups() {
        let guest = parse_uuid("56492e42-22ad-3911-6d72-59cc8f26bc90").unwrap();
        let vcenter = parse_uuid("422e4956-ad22-1139-6d72-59cc8f26bc90").unwrap();
        assert_eq!(swap_byte_order(guest), vcenter);
        assert_eq!(swap_byte_order(vcenter), guest);
    }
}

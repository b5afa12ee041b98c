//! `ViewManager`: sets of objects that a filter can watch.

use crate::vsphere::MoRef;
use crate::vsphere::soap::{DecodeError, Reader, Request, Writer};

/// `ViewManager.CreateContainerView`: all objects of a type below a container.
#[derive(Debug)]
pub struct CreateContainerView<'a> {
    /// `ViewManager`
    pub view_manager: &'a MoRef,
    /// Where to look, at any depth.
    pub container: &'a MoRef,
    /// Managed object types.
    pub kinds: &'static [&'static str],
}

impl Request for CreateContainerView<'_> {
    const METHOD: &'static str = "CreateContainerView";
    const IDEMPOTENT: bool = false;
    type Response = MoRef;

    fn this(&self) -> &MoRef {
        self.view_manager
    }
    fn write(&self, w: &mut Writer) {
        w.moref("container", self.container);
        for kind in self.kinds {
            w.text("type", kind);
        }
        w.boolean("recursive", true);
    }
    fn read(reader: &mut Reader<'_>) -> Result<MoRef, DecodeError> {
        reader.returnval()
    }
}

/// `ViewManager.CreateListView`: just the objects it is told.
#[derive(Debug)]
pub struct CreateListView<'a> {
    /// `ViewManager`
    pub view_manager: &'a MoRef,
    /// Its first members.
    pub members: &'a [MoRef],
}

impl Request for CreateListView<'_> {
    const METHOD: &'static str = "CreateListView";
    const IDEMPOTENT: bool = false;
    type Response = MoRef;

    fn this(&self) -> &MoRef {
        self.view_manager
    }
    fn write(&self, w: &mut Writer) {
        for member in self.members {
            w.moref("obj", member);
        }
    }
    fn read(reader: &mut Reader<'_>) -> Result<MoRef, DecodeError> {
        reader.returnval()
    }
}

/// `ListView.ModifyListView`
#[derive(Debug)]
pub struct ModifyListView<'a> {
    /// The view.
    pub view: &'a MoRef,
    /// Members to add; those already in are ignored.
    pub add: &'a [MoRef],
    /// Members to remove; those not in are ignored.
    pub remove: &'a [MoRef],
}

impl Request for ModifyListView<'_> {
    const METHOD: &'static str = "ModifyListView";
    const IDEMPOTENT: bool = true;
    /// Objects that could not be added because they do not exist.
    type Response = Vec<MoRef>;

    fn this(&self) -> &MoRef {
        self.view
    }
    fn write(&self, w: &mut Writer) {
        for member in self.add {
            w.moref("add", member);
        }
        for member in self.remove {
            w.moref("remove", member);
        }
    }
    fn read(reader: &mut Reader<'_>) -> Result<Vec<MoRef>, DecodeError> {
        reader.returnvals()
    }
}

/// `View.DestroyView`
#[derive(Debug)]
pub struct DestroyView<'a> {
    /// The view.
    pub view: &'a MoRef,
}

impl Request for DestroyView<'_> {
    const METHOD: &'static str = "DestroyView";
    const IDEMPOTENT: bool = false;
    type Response = ();

    fn this(&self) -> &MoRef {
        self.view
    }
    fn write(&self, _: &mut Writer) {}
    fn read(_: &mut Reader<'_>) -> Result<(), DecodeError> {
        Ok(())
    }
}

//! `EventManager`: being told that machines appear.

use crate::vsphere::MoRef;
use crate::vsphere::soap::{DecodeError, Reader, Request, Writer};

/// `EventManager.CreateCollectorForEvents`: a collector of events of certain types.
#[derive(Debug)]
pub struct CreateCollectorForEvents<'a> {
    /// `EventManager`
    pub event_manager: &'a MoRef,
    /// Event type names, as in `VmCreatedEvent`.
    pub event_types: &'static [&'static str],
}

impl Request for CreateCollectorForEvents<'_> {
    const METHOD: &'static str = "CreateCollectorForEvents";
    const IDEMPOTENT: bool = false;
    type Response = MoRef;

    fn this(&self) -> &MoRef {
        self.event_manager
    }
    fn write(&self, w: &mut Writer) {
        w.element("filter", |w| {
            for event_type in self.event_types {
                w.text("eventTypeId", event_type);
            }
        });
    }
    fn read(reader: &mut Reader<'_>) -> Result<MoRef, DecodeError> {
        reader.returnval()
    }
}

/// `HistoryCollector.SetCollectorPageSize`
#[derive(Debug)]
pub struct SetCollectorPageSize<'a> {
    /// The collector.
    pub collector: &'a MoRef,
    /// How many of the newest events its `latestPage` holds.
    pub max_count: i32,
}

impl Request for SetCollectorPageSize<'_> {
    const METHOD: &'static str = "SetCollectorPageSize";
    const IDEMPOTENT: bool = true;
    type Response = ();

    fn this(&self) -> &MoRef {
        self.collector
    }
    fn write(&self, w: &mut Writer) {
        w.number("maxCount", self.max_count);
    }
    fn read(_: &mut Reader<'_>) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// `HistoryCollector.DestroyCollector`
#[derive(Debug)]
pub struct DestroyCollector<'a> {
    /// The collector.
    pub collector: &'a MoRef,
}

impl Request for DestroyCollector<'_> {
    const METHOD: &'static str = "DestroyCollector";
    const IDEMPOTENT: bool = false;
    type Response = ();

    fn this(&self) -> &MoRef {
        self.collector
    }
    fn write(&self, _: &mut Writer) {}
    fn read(_: &mut Reader<'_>) -> Result<(), DecodeError> {
        Ok(())
    }
}

//! `PropertyCollector`: reading properties once, and being told of their changes.

use crate::vsphere::MoRef;
use crate::vsphere::soap::{DecodeError, Fault, FaultKind, FromXml, Reader, Request, Tag, Value, Writer};

/// `PropertySpec`: which properties of which type.
#[derive(Clone, Copy, Debug)]
pub struct PropertySpec {
    /// The managed object type; a base type covers its subtypes.
    pub kind: &'static str,
    /// Property paths.
    pub paths: &'static [&'static str],
}

/// `SelectionSpec` or `TraversalSpec`: how to walk from one object to others.
#[derive(Clone, Copy, Debug)]
pub enum Selection {
    /// Refers to a traversal by its name: this is how a walk recurs.
    Named(&'static str),
    /// Walks along a property.
    Traversal {
        /// The name by which `Named` refers to it.
        name: &'static str,
        /// The type that has the property.
        kind: &'static str,
        /// The property, whose value is one reference or several.
        path: &'static str,
        /// How to go on from there.
        then: &'static [Selection],
    },
}

/// `ObjectSpec`: where to start, and where to go from there.
#[derive(Clone, Debug)]
pub struct ObjectSpec {
    /// The object to start at.
    pub object: MoRef,
    /// Whether the object itself is left out, as views are.
    pub skip: bool,
    /// How to walk on.
    pub select: &'static [Selection],
}

/// `PropertyFilterSpec`
#[derive(Clone, Debug)]
pub struct FilterSpec {
    /// `propSet`
    pub properties: &'static [PropertySpec],
    /// `objectSet`
    pub objects: Vec<ObjectSpec>,
}

impl FilterSpec {
    /// The members of a list view or container view.
    pub fn of_view(view: MoRef, properties: &'static [PropertySpec]) -> Self {
        const OF_LIST: &[Selection] =
            &[Selection::Traversal { name: "members", kind: "ListView", path: "view", then: &[] }];
        const OF_CONTAINER: &[Selection] =
            &[Selection::Traversal { name: "members", kind: "ContainerView", path: "view", then: &[] }];
        let select = if &*view.kind == "ListView" { OF_LIST } else { OF_CONTAINER };
        Self { properties, objects: vec![ObjectSpec { object: view, skip: true, select }] }
    }

    /// Just these objects.
    pub fn of_objects(objects: impl IntoIterator<Item = MoRef>, properties: &'static [PropertySpec]) -> Self {
        let objects =
            objects.into_iter().map(|object| ObjectSpec { object, skip: false, select: &[] }).collect();
        Self { properties, objects }
    }

    fn write(&self, w: &mut Writer) {
        for spec in self.properties {
            w.element("propSet", |w| {
                w.text("type", spec.kind);
                for path in spec.paths {
                    w.text("pathSet", path);
                }
            });
        }
        for spec in &self.objects {
            w.element("objectSet", |w| {
                w.moref("obj", &spec.object);
                w.boolean("skip", spec.skip);
                for selection in spec.select {
                    write_selection(w, selection);
                }
            });
        }
    }
}

fn write_selection(w: &mut Writer, selection: &Selection) {
    match selection {
        Selection::Named(name) => w.typed("selectSet", "SelectionSpec", |w| w.text("name", name)),
        Selection::Traversal { name, kind, path, then } => w.typed("selectSet", "TraversalSpec", |w| {
            w.text("name", name);
            w.text("type", kind);
            w.text("path", path);
            w.boolean("skip", false);
            for selection in *then {
                write_selection(w, selection);
            }
        }),
    }
}

/// A property that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingProperty {
    /// The property path.
    pub path: String,
    /// The reason.
    pub fault: Fault,
}

impl FromXml for MissingProperty {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut this = Self { path: String::new(), fault: Fault::default() };
        reader.children(|reader, tag| {
            match tag.name.as_str() {
                "path" => this.path = reader.text()?,
                "fault" => this.fault = Fault::from_localized(reader)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(this)
    }
}

fn any_lost_session(missing: &[MissingProperty]) -> bool {
    missing.iter().any(|m| m.fault.kind() == FaultKind::NotAuthenticated)
}

/// `ObjectContent`: one object's properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectContent {
    /// The object.
    pub object: MoRef,
    /// Properties that have a value, by path.
    pub properties: Vec<(String, Value)>,
    /// Properties that could not be read.
    pub missing: Vec<MissingProperty>,
}

impl FromXml for ObjectContent {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut object = None;
        let mut properties = Vec::new();
        let mut missing = Vec::new();
        reader.children(|reader, tag| {
            match tag.name.as_str() {
                "obj" => object = Some(reader.read(tag)?),
                "propSet" => {
                    let change: PropertyChange = reader.read(tag)?;
                    // vcsim's later pages name unset properties without a value.
                    if let Some(value) = change.value {
                        properties.push((change.path, value));
                    }
                }
                "missingSet" => missing.push(reader.read(tag)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self { object: object.ok_or_else(|| DecodeError::missing("obj"))?, properties, missing })
    }
}

/// `RetrieveResult`: one page of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetrieveResult {
    /// Asks for the next page; absent on the last.
    pub token: Option<String>,
    /// The objects.
    pub objects: Vec<ObjectContent>,
}

impl FromXml for RetrieveResult {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        reader.children(|reader, tag| {
            match tag.name.as_str() {
                "token" => this.token = Some(reader.text()?),
                "objects" => this.objects.push(reader.read(tag)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(this)
    }
}

fn page_lost_session(page: &RetrieveResult) -> bool {
    page.objects.iter().any(|object| any_lost_session(&object.missing))
}

/// `PropertyCollector.RetrievePropertiesEx`: the first page.
#[derive(Debug)]
pub struct RetrievePropertiesEx<'a> {
    /// `PropertyCollector`
    pub collector: &'a MoRef,
    /// What to read.
    pub spec: FilterSpec,
    /// Objects per page at most.
    pub max_objects: i32,
    /// Whether an object that does not exist is left out, instead of failing the whole call with
    /// `ManagedObjectNotFound`.
    pub skip_missing: bool,
}

impl Request for RetrievePropertiesEx<'_> {
    const METHOD: &'static str = "RetrievePropertiesEx";
    const IDEMPOTENT: bool = true;
    type Response = RetrieveResult;

    fn this(&self) -> &MoRef {
        self.collector
    }
    fn write(&self, w: &mut Writer) {
        w.element("specSet", |w| {
            self.spec.write(w);
            w.boolean("reportMissingObjectsInResults", self.skip_missing);
        });
        w.element("options", |w| w.number("maxObjects", self.max_objects));
    }
    fn read(reader: &mut Reader<'_>) -> Result<RetrieveResult, DecodeError> {
        Ok(reader.optional_returnval()?.unwrap_or_default())
    }
    fn lost_session(page: &RetrieveResult) -> bool {
        page_lost_session(page)
    }
}

/// `PropertyCollector.ContinueRetrievePropertiesEx`: a later page.
#[derive(Debug)]
pub struct ContinueRetrievePropertiesEx<'a> {
    /// `PropertyCollector`
    pub collector: &'a MoRef,
    /// The previous page's token: good for one use.
    pub token: &'a str,
}

impl Request for ContinueRetrievePropertiesEx<'_> {
    const METHOD: &'static str = "ContinueRetrievePropertiesEx";
    const IDEMPOTENT: bool = false;
    type Response = RetrieveResult;

    fn this(&self) -> &MoRef {
        self.collector
    }
    fn write(&self, w: &mut Writer) {
        w.text("token", self.token);
    }
    fn read(reader: &mut Reader<'_>) -> Result<RetrieveResult, DecodeError> {
        reader.returnval()
    }
    fn lost_session(page: &RetrieveResult) -> bool {
        page_lost_session(page)
    }
}

/// `PropertyCollector.CreatePropertyCollector`: a collector of our own, with its own filters and version.
#[derive(Debug)]
pub struct CreatePropertyCollector<'a> {
    /// `PropertyCollector`
    pub collector: &'a MoRef,
}

impl Request for CreatePropertyCollector<'_> {
    const METHOD: &'static str = "CreatePropertyCollector";
    const IDEMPOTENT: bool = false;
    type Response = MoRef;

    fn this(&self) -> &MoRef {
        self.collector
    }
    fn write(&self, _: &mut Writer) {}
    fn read(reader: &mut Reader<'_>) -> Result<MoRef, DecodeError> {
        reader.returnval()
    }
}

/// `PropertyCollector.DestroyPropertyCollector`: ends its filters and a wait that hangs on it.
#[derive(Debug)]
pub struct DestroyPropertyCollector<'a> {
    /// The collector.
    pub collector: &'a MoRef,
}

impl Request for DestroyPropertyCollector<'_> {
    const METHOD: &'static str = "DestroyPropertyCollector";
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

/// `PropertyCollector.CreateFilter`
#[derive(Debug)]
pub struct CreateFilter<'a> {
    /// The collector.
    pub collector: &'a MoRef,
    /// What to watch.
    pub spec: FilterSpec,
}

impl Request for CreateFilter<'_> {
    const METHOD: &'static str = "CreateFilter";
    const IDEMPOTENT: bool = false;
    type Response = MoRef;

    fn this(&self) -> &MoRef {
        self.collector
    }
    fn write(&self, w: &mut Writer) {
        w.element("spec", |w| self.spec.write(w));
        // Whole values: a change of one address sends all of `guest.net`, and nothing has to be pieced together.
        w.boolean("partialUpdates", false);
    }
    fn read(reader: &mut Reader<'_>) -> Result<MoRef, DecodeError> {
        reader.returnval()
    }
}

/// `PropertyCollector.WaitForUpdatesEx`: the long poll.
#[derive(Debug)]
pub struct WaitForUpdatesEx<'a> {
    /// The collector.
    pub collector: &'a MoRef,
    /// The version of the last answer; empty at first.
    pub version: &'a str,
    /// How long vCenter may wait for a change, in seconds.
    pub max_wait_seconds: i32,
    /// Objects per answer at most.
    pub max_object_updates: i32,
}

impl Request for WaitForUpdatesEx<'_> {
    const METHOD: &'static str = "WaitForUpdatesEx";
    // A lost answer is lost updates: the watch is built anew instead.
    const IDEMPOTENT: bool = false;
    type Response = Option<UpdateSet>;

    fn this(&self) -> &MoRef {
        self.collector
    }
    fn write(&self, w: &mut Writer) {
        w.text("version", self.version);
        w.element("options", |w| {
            w.number("maxWaitSeconds", self.max_wait_seconds);
            w.number("maxObjectUpdates", self.max_object_updates);
        });
    }
    fn read(reader: &mut Reader<'_>) -> Result<Option<UpdateSet>, DecodeError> {
        reader.optional_returnval()
    }
    fn lost_session(updates: &Option<UpdateSet>) -> bool {
        updates.iter().flat_map(|set| &set.objects).any(|object| any_lost_session(&object.missing))
    }
}

/// `UpdateSet`: what changed, all filters together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateSet {
    /// To be sent with the next wait.
    pub version: String,
    /// The changes in order.
    pub objects: Vec<ObjectUpdate>,
    /// More is ready and comes with the next wait at once.
    pub truncated: bool,
}

/// `ObjectUpdate`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectUpdate {
    /// What happened.
    pub kind: ChangeKind,
    /// To which object.
    pub object: MoRef,
    /// Its changed properties; all of them on `Enter`.
    pub changes: Vec<PropertyChange>,
    /// Properties that could not be read.
    pub missing: Vec<MissingProperty>,
}

/// `ObjectUpdateKind`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The object is in the filter now. vcsim says so again for known objects.
    Enter,
    /// Properties changed.
    Modify,
    /// The object is no longer in the filter. It may exist nevertheless.
    Leave,
}

/// `PropertyChange`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyChange {
    /// The property path.
    pub path: String,
    /// Its new value; absent when it is unset now.
    pub value: Option<Value>,
}

impl FromXml for PropertyChange {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut this = Self { path: String::new(), value: None };
        let mut removed = false;
        reader.children(|reader, tag| {
            match tag.name.as_str() {
                "name" => this.path = reader.text()?,
                "op" => removed = matches!(reader.text()?.as_str(), "remove" | "indirectRemove"),
                "val" => this.value = Some(reader.read(tag)?),
                _ => {}
            }
            Ok(())
        })?;
        if removed {
            this.value = None;
        }
        Ok(this)
    }
}

impl FromXml for ObjectUpdate {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut kind = None;
        let mut object = None;
        let mut changes = Vec::new();
        let mut missing = Vec::new();
        reader.children(|reader, tag| {
            match tag.name.as_str() {
                "kind" => {
                    kind = match reader.text()?.as_str() {
                        "enter" => Some(ChangeKind::Enter),
                        "modify" => Some(ChangeKind::Modify),
                        "leave" => Some(ChangeKind::Leave),
                        other => return Err(DecodeError::new(format!("unknown kind of update {other:?}"))),
                    }
                }
                "obj" => object = Some(reader.read(tag)?),
                "changeSet" => changes.push(reader.read(tag)?),
                "missingSet" => missing.push(reader.read(tag)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self {
            kind: kind.ok_or_else(|| DecodeError::missing("kind"))?,
            object: object.ok_or_else(|| DecodeError::missing("obj"))?,
            changes,
            missing,
        })
    }
}

impl FromXml for UpdateSet {
    fn from_xml(reader: &mut Reader<'_>, _: &Tag) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        reader.children(|reader, tag| {
            match tag.name.as_str() {
                "version" => this.version = reader.text()?,
                "filterSet" => reader.children(|reader, tag| {
                    if tag.name == "objectSet" {
                        this.objects.push(reader.read(tag)?);
                    }
                    Ok(())
                })?,
                "truncated" => this.truncated = reader.read(tag)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(this)
    }
}

//! Tags: what is attached to which object, read in bulk.

mod categories;

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::rest::{Operation, Rest};
use super::transport::HttpMethod;
use super::{Error, MoRef, Session};

pub use categories::Category;

/// Objects per question; the answer for one takes about 200 bytes.
const OBJECTS_PER_QUESTION: usize = 2_000;

/// A tag: its category's name and its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag {
    /// The category's name, as in `k8s-zone`.
    pub category: String,
    /// The tag's name, as in `zone-a`.
    pub name: String,
}

/// The tagging service of one vCenter.
#[derive(Debug)]
pub struct Tags {
    rest: Rest,
    /// By tag id. Ids are never used again; names are read once per process.
    known: HashMap<String, Option<TagModel>>,
    categories: HashMap<String, Option<String>>,
}

/// What was read, and what could not be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// The tags of each object that has some.
    pub tags: HashMap<MoRef, Vec<Tag>>,
    /// Tags or categories that the account may not read, said for the first time.
    pub unreadable: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct TagModel {
    name: String,
    category_id: String,
}

#[derive(Debug, Deserialize)]
struct CategoryModel {
    name: String,
}

#[derive(Debug, Deserialize)]
struct ObjectTags {
    object_id: ObjectId,
    /// vcsim says null for none.
    tag_ids: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct ObjectId {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

impl Tags {
    /// The tagging service; logs in when it is first asked.
    pub fn new(session: Session) -> Self {
        Self { rest: Rest::new(session), known: HashMap::new(), categories: HashMap::new() }
    }

    /// The tags of these objects: one request, and one for each tag and category never seen before.
    pub async fn attached(&mut self, objects: &[MoRef]) -> Result<Attached, Error> {
        let mut ids: Vec<(MoRef, Vec<String>)> = Vec::new();
        for chunk in objects.chunks(OBJECTS_PER_QUESTION) {
            let object_ids: Vec<Value> =
                chunk.iter().map(|object| json!({"type": &*object.kind, "id": &*object.id})).collect();
            let answer = self
                .rest
                .tagging(&Operation {
                    name: "tag-association.list-attached-tags-on-objects",
                    method: HttpMethod::Post,
                    path: "tag-association",
                    action: Some("list-attached-tags-on-objects"),
                    body: Some(json!({"object_ids": object_ids})),
                })
                .await?;
            let objects: Option<Vec<ObjectTags>> =
                read("tag-association.list-attached-tags-on-objects", answer)?;
            ids.extend(objects.unwrap_or_default().into_iter().map(|object| {
                let moref = MoRef::new(object.object_id.kind, object.object_id.id);
                (moref, object.tag_ids.unwrap_or_default())
            }));
        }
        let mut attached = Attached::default();
        let distinct: HashSet<&String> = ids.iter().flat_map(|(_, ids)| ids).collect();
        for id in distinct {
            self.learn(id, &mut attached.unreadable).await?;
        }
        for (object, ids) in &ids {
            let tags: Vec<Tag> = ids.iter().filter_map(|id| self.tag(id)).collect();
            if !tags.is_empty() {
                attached.tags.insert(object.clone(), tags);
            }
        }
        Ok(attached)
    }

    /// The service's session, which can be ended while a question is under way.
    pub(super) fn rest(&self) -> Rest {
        self.rest.clone()
    }

    /// Ends the session on the server.
    pub async fn close(&self) {
        self.rest.close().await;
    }

    fn tag(&self, id: &str) -> Option<Tag> {
        let tag = self.known.get(id)?.as_ref()?;
        let category = self.categories.get(&tag.category_id)?.clone()?;
        Some(Tag { category, name: tag.name.clone() })
    }

    /// Makes sure that name and category of a tag are known, or known to be unreadable.
    async fn learn(&mut self, id: &str, unreadable: &mut Vec<String>) -> Result<(), Error> {
        if !self.known.contains_key(id) {
            let tag: Option<TagModel> = self.get("tag.get", "tag", id, unreadable).await?;
            self.known.insert(id.to_owned(), tag);
        }
        let Some(Some(tag)) = self.known.get(id) else { return Ok(()) };
        let category_id = tag.category_id.clone();
        if !self.categories.contains_key(&category_id) {
            let category: Option<CategoryModel> =
                self.get("category.get", "category", &category_id, unreadable).await?;
            self.categories.insert(category_id, category.map(|category| category.name));
        }
        Ok(())
    }

    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        name: &'static str,
        service: &str,
        id: &str,
        unreadable: &mut Vec<String>,
    ) -> Result<Option<T>, Error> {
        let path = format!("{service}/{id}");
        let operation = Operation { name, method: HttpMethod::Get, path: &path, action: None, body: None };
        match self.rest.tagging(&operation).await {
            Ok(value) => read(name, value).map(Some),
            Err(Error::Forbidden { .. } | Error::NoSuchResource { .. }) => {
                unreadable.push(format!("{service} {id}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(method: &'static str, value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::Unreadable { method, problem: error.to_string() })
}

//! Tag categories: which there are, and what their tags can be attached to.

use serde::Deserialize;

use super::{Tags, read};
use crate::vsphere::Error;
use crate::vsphere::rest::Operation;
use crate::vsphere::transport::HttpMethod;

/// A tag category.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Category {
    /// Its name, as in `k8s-zone`.
    pub name: String,
    /// `SINGLE`: an object has one tag of it at most; or `MULTIPLE`.
    #[serde(default)]
    pub cardinality: String,
    /// The types of objects that its tags can be attached to, as in `HostSystem`; empty means all.
    #[serde(default)]
    pub associable_types: Vec<String>,
}

impl Tags {
    /// The categories that the account may read: one request, and one for each.
    ///
    /// There is no question by name in any version.
    pub async fn categories(&mut self) -> Result<Vec<Category>, Error> {
        const LIST: &str = "category.list";
        let list =
            Operation { name: LIST, method: HttpMethod::Get, path: "category", action: None, body: None };
        let ids: Option<Vec<String>> = read(LIST, self.rest.tagging(&list).await?)?;
        let mut categories = Vec::new();
        // What may not be read is as good as absent to zones too.
        let mut unreadable = Vec::new();
        for id in ids.unwrap_or_default() {
            let category: Option<Category> =
                self.get("category.get", "category", &id, &mut unreadable).await?;
            // Names are read once.
            self.categories.insert(id, category.as_ref().map(|category| category.name.clone()));
            categories.extend(category);
        }
        Ok(categories)
    }
}

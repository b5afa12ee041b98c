//! All Nodes, once.

use kube::api::ListParams;
use kube::{Api, Client};

use super::Node;

/// Nodes per page: some 8 MB of JSON, which a command that ends soon can afford.
const PAGE: u32 = 500;

/// All Nodes as they are now, with all their labels.
pub async fn list_nodes(client: &Client) -> Result<Vec<Node>, kube::Error> {
    let api = Api::<Node>::all(client.clone());
    let mut params = ListParams::default().limit(PAGE);
    let mut nodes = Vec::new();
    loop {
        let page = api.list(&params).await?;
        nodes.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(nodes),
        }
    }
}

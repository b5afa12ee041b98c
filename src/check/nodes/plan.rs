//! What a manager would write to a Node, in words.

use serde_json::Value;

use crate::cloud::MACHINE_ANNOTATION;
use crate::controllers::node::Plan;
use crate::k8s::{BETA_INSTANCE_TYPE, BETA_REGION, BETA_ZONE, JsonPatch, Operation};

/// Labels that only repeat another one in its old spelling.
const REPEATING: [&str; 3] = [BETA_INSTANCE_TYPE, BETA_REGION, BETA_ZONE];

/// Each change by itself, as in `label a=b`; what is only remembered is left out.
pub(super) fn changes(plan: &Plan) -> Vec<String> {
    let patches = [&plan.metadata, &plan.status].into_iter().flatten();
    patches.flat_map(JsonPatch::operations).flat_map(change).collect()
}

fn change(operation: &Operation) -> Vec<String> {
    let (path, value) = match operation {
        Operation::Test { .. } => return Vec::new(),
        Operation::Remove { path } => (path, None),
        Operation::Add { path, value } | Operation::Replace { path, value } => (path, Some(value)),
    };
    let keys: Vec<String> = path.keys().collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    match (keys.as_slice(), value) {
        (["spec", "providerID"], Some(id)) => vec![format!("providerID {}", text(id))],
        (["spec", "taints", _], None) => vec!["no taint".to_owned()],
        (["metadata", "labels", key], Some(value)) => label(key, value).into_iter().collect(),
        (["metadata", "labels"], Some(Value::Object(labels))) => {
            labels.iter().filter_map(|(key, value)| label(key, value)).collect()
        }
        (["metadata", "annotations"], _) => Vec::new(),
        (["metadata", "annotations", key], _) if *key == MACHINE_ANNOTATION => Vec::new(),
        (["status", "addresses"], Some(Value::Array(addresses))) => {
            let one = |entry: &Value| format!("{} {}", text(&entry["type"]), text(&entry["address"]));
            vec![format!("addresses {}", addresses.iter().map(one).collect::<Vec<_>>().join(", "))]
        }
        _ => vec![keys.join(".")],
    }
}

fn label(key: &str, value: &Value) -> Option<String> {
    (!REPEATING.contains(&key)).then(|| format!("label {key}={}", text(value)))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::Pointer;
    use serde_json::json;

    #[test]
    fn a_plan_is_told_in_words() {
        let mut metadata = JsonPatch::new();
        metadata.test(Pointer::new(["metadata", "uid"]), "u");
        metadata.swap(Pointer::new(["spec", "providerID"]), None, "vsphere://x");
        metadata.swap(Pointer::new(["metadata", "labels", "a.io/b"]), None, "c");
        metadata.swap(Pointer::new(["metadata", "labels", BETA_ZONE]), None, "z");
        metadata.swap(Pointer::new(["metadata", "annotations", MACHINE_ANNOTATION]), None, "{}");
        metadata.remove(Pointer::new(["spec", "taints"]).then(0));
        let mut status = JsonPatch::new();
        let addresses = json!([{"type": "InternalIP", "address": "10.0.0.1"}]);
        status.swap(Pointer::new(["status", "addresses"]), None, addresses);
        let plan = Plan { status: Some(status), metadata: Some(metadata), ..Plan::default() };
        assert_eq!(
            changes(&plan),
            ["providerID vsphere://x", "label a.io/b=c", "no taint", "addresses InternalIP 10.0.0.1"]
        );
    }
}

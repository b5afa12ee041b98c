//! The shutdown taint as a patch that neither loses nor doubles anybody's taints.

use serde_json::{Value, json};

use super::decide::TAINT_EFFECT;
use crate::k8s::{JsonPatch, Node, Pointer, TAINT_SHUTDOWN};

/// Adds the taint, to this very Node.
pub(super) fn add(node: &Node) -> JsonPatch {
    let taint = json!({"key": TAINT_SHUTDOWN, "effect": TAINT_EFFECT});
    let (mut patch, path) = (guarded(node), taints());
    if node.spec.taints.is_some() {
        // Of two that add it at the same time the API server refuses one: no taint may be there twice.
        patch.add(path.then("-"), taint);
    } else {
        patch.test(path.clone(), Value::Null).add(path, json!([taint]));
    }
    patch
}

/// Removes it, from the last one to the first, so that each index is still true when its turn comes.
pub(super) fn remove(node: &Node) -> JsonPatch {
    let mut patch = guarded(node);
    let taints_now = node.taints().iter().enumerate().rev();
    let ours = taints_now.filter(|(_, taint)| taint.key == TAINT_SHUTDOWN && taint.effect == TAINT_EFFECT);
    for (index, taint) in ours {
        let path = taints().then(index);
        patch.test(path.clone().then("key"), TAINT_SHUTDOWN);
        patch.test(path.clone().then("effect"), taint.effect.as_str());
        patch.remove(path);
    }
    patch
}

fn guarded(node: &Node) -> JsonPatch {
    let mut patch = JsonPatch::new();
    patch.test(Pointer::new(["metadata", "uid"]), node.uid());
    patch
}

fn taints() -> Pointer {
    Pointer::new(["spec", "taints"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::testing::apply_json_patch;

    fn node(spec: &Value) -> Value {
        json!({"metadata": {"name": "n", "uid": "u"}, "spec": spec})
    }

    fn apply(seen: &Value, now: &Value, make: fn(&Node) -> JsonPatch) -> Result<Value, String> {
        let patch = make(&serde_json::from_value(node(seen)).unwrap());
        let patched = apply_json_patch(&node(now), &serde_json::to_value(patch).unwrap())?;
        Ok(patched["spec"]["taints"].clone())
    }

    #[test]
    fn it_comes_and_goes_among_others() {
        let ours = json!({"key": TAINT_SHUTDOWN, "effect": "NoSchedule"});
        let (a, b) =
            (json!({"key": "a", "effect": "NoExecute"}), json!({"key": "b", "effect": "NoSchedule"}));
        let by_hand = json!({"key": TAINT_SHUTDOWN, "effect": "NoExecute"});
        for (without, with) in [
            (json!({}), json!({"taints": [ours]})),
            (json!({"taints": []}), json!({"taints": [ours]})),
            (json!({"taints": [a, by_hand]}), json!({"taints": [a, by_hand, ours]})),
        ] {
            assert_eq!(apply(&without, &without, add), Ok(with["taints"].clone()));
            let left = without["taints"].as_array().cloned().unwrap_or_default();
            assert_eq!(apply(&with, &with, remove), Ok(left.into()));
        }
        // Somebody else's taint that came meanwhile survives, or the patch fails.
        assert_eq!(apply(&json!({"taints": [a]}), &json!({"taints": [a, b]}), add), Ok(json!([a, b, ours])));
        assert!(apply(&json!({}), &json!({"taints": [b]}), add).is_err());
        assert!(apply(&json!({"taints": [ours]}), &json!({"taints": [b, ours]}), remove).is_err());
        assert!(apply(&json!({"taints": [ours]}), &json!({"taints": [by_hand]}), remove).is_err());
    }
}

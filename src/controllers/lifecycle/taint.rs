//! Our taints as patches that neither lose nor double anybody's taints.

use serde_json::{Value, json};

use super::decide::TAINT_EFFECT;
use super::out_of_service::{self, Cause, is_as_ours};
use crate::k8s::{JsonPatch, Node, Pointer, TAINT_OUT_OF_SERVICE, TAINT_SHUTDOWN};

/// Adds the shutdown taint to this Node as it is here: one whose kubelet has spoken since runs.
pub(super) fn add(node: &Node) -> JsonPatch {
    let mut patch = unchanged(node);
    append(&mut patch, node, json!({"key": TAINT_SHUTDOWN, "effect": TAINT_EFFECT}));
    patch
}

/// Takes this Node out of service as it is here: if anything about it has changed since, such as that
/// its kubelet has spoken, this is refused. A kubelet that is dead has no heartbeats to get in the way.
pub(super) fn take_out_of_service(node: &Node, cause: Cause) -> JsonPatch {
    let mut patch = unchanged(node);
    let (key, value, effect) =
        (TAINT_OUT_OF_SERVICE, out_of_service::TAINT_VALUE, out_of_service::TAINT_EFFECT);
    append(&mut patch, node, json!({"key": key, "value": value, "effect": effect}));
    if node.metadata.annotations.is_some() {
        patch.add(annotations().then(out_of_service::ANNOTATION), cause.as_str());
    } else {
        patch.add(annotations(), json!({out_of_service::ANNOTATION: cause.as_str()}));
    }
    patch
}

/// Puts it back into service, as far as it was us who took it out.
pub(super) fn put_back_in_service(node: &Node) -> JsonPatch {
    let mut patch = guarded(node);
    let taints_now = node.taints().iter().enumerate().rev();
    for (index, taint) in taints_now.filter(|(_, taint)| is_as_ours(taint)) {
        let path = taints().then(index);
        patch.test(path.clone().then("key"), taint.key.as_str());
        patch.test(path.clone().then("effect"), taint.effect.as_str());
        patch.remove(path);
    }
    if let Some(cause) = node.annotation(out_of_service::ANNOTATION) {
        let path = annotations().then(out_of_service::ANNOTATION);
        patch.test(path.clone(), cause).remove(path);
    }
    patch
}

fn append(patch: &mut JsonPatch, node: &Node, taint: Value) {
    let path = taints();
    if node.spec.taints.is_some() {
        // Of two that add it at the same time the API server refuses one: no taint may be there twice.
        patch.add(path.then("-"), taint);
    } else {
        patch.test(path.clone(), Value::Null).add(path, json!([taint]));
    }
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

fn unchanged(node: &Node) -> JsonPatch {
    let mut patch = guarded(node);
    let version = node.metadata.resource_version.as_deref();
    patch.test(Pointer::new(["metadata", "resourceVersion"]), version.map(Value::from).unwrap_or_default());
    patch
}

fn taints() -> Pointer {
    Pointer::new(["spec", "taints"])
}

fn annotations() -> Pointer {
    Pointer::new(["metadata", "annotations"])
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

    #[test]
    fn it_does_not_come_when_the_kubelet_has_spoken_since() {
        let mut node = node(&json!({}));
        node["metadata"]["resourceVersion"] = "7".into();
        let patch = serde_json::to_value(add(&serde_json::from_value(node.clone()).unwrap())).unwrap();
        assert!(apply_json_patch(&node, &patch).is_ok());
        node["metadata"]["resourceVersion"] = "8".into();
        assert!(apply_json_patch(&node, &patch).is_err());
    }

    #[test]
    fn out_of_service_comes_and_goes_with_its_annotation_and_only_on_what_was_seen() {
        let (a, shutdown) = (
            json!({"key": "a", "effect": "NoExecute"}),
            json!({"key": TAINT_SHUTDOWN, "effect": "NoSchedule"}),
        );
        let ours = json!({"key": TAINT_OUT_OF_SERVICE, "value": "nodeshutdown", "effect": "NoExecute"});
        let by_hand = json!({"key": TAINT_OUT_OF_SERVICE, "value": "nodeshutdown", "effect": "NoSchedule"});
        let patched = |node: &Value, now: &Value, make: &dyn Fn(&Node) -> JsonPatch| {
            let patch = make(&serde_json::from_value(node.clone()).unwrap());
            apply_json_patch(now, &serde_json::to_value(patch).unwrap())
        };
        let take = |node: &Node| take_out_of_service(node, Cause::Off);
        for (annotations, taints) in [
            (Value::Null, Value::Null),
            (json!({}), json!([])),
            (json!({"x.example.org/y": "z"}), json!([a, shutdown])),
        ] {
            let mut before =
                json!({"metadata": {"name": "n", "uid": "u", "resourceVersion": "7"}, "spec": {}});
            if !taints.is_null() {
                before["metadata"]["annotations"] = annotations.clone();
                before["spec"]["taints"] = taints.clone();
            }
            let after = patched(&before, &before, &take).unwrap();
            let mut expected = taints.as_array().cloned().unwrap_or_default();
            expected.push(ours.clone());
            assert_eq!(after["spec"]["taints"], json!(expected));
            assert_eq!(after["metadata"]["annotations"][out_of_service::ANNOTATION], "vm-powered-off");
            let back = patched(&after, &after, &put_back_in_service).unwrap();
            expected.pop();
            assert_eq!(back["spec"]["taints"], json!(expected));
            let left = annotations.as_object().cloned().unwrap_or_default();
            assert_eq!(back["metadata"]["annotations"], json!(left));
            // The kubelet has spoken, or it is another Node.
            for (key, value) in [("resourceVersion", "8"), ("uid", "v")] {
                let mut now = before.clone();
                now["metadata"][key] = value.into();
                assert!(patched(&before, &now, &take).is_err(), "{key}");
            }
            // What a person put in its place stays.
            let mut now = after.clone();
            *now["spec"]["taints"].as_array_mut().unwrap().last_mut().unwrap() = by_hand.clone();
            assert!(patched(&after, &now, &put_back_in_service).is_err());
            let left = patched(&now, &now, &put_back_in_service).unwrap();
            assert_eq!(left["spec"]["taints"], now["spec"]["taints"]);
        }
    }
}

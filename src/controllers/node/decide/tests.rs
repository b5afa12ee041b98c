use super::*;
use crate::controllers::node::fixtures::*;
use crate::k8s::testing::apply_json_patch;

mod addressing;
mod properties;
mod records;
mod rules;

/// A patch, one operation a line.
fn lines(patch: Option<&JsonPatch>) -> String {
    let Some(patch) = patch else { return "nothing".to_owned() };
    let lines: Vec<String> = patch
        .operations()
        .iter()
        .map(|operation| {
            let json = serde_json::to_value(operation).unwrap();
            let value = json.get("value").map(ToString::to_string).unwrap_or_default();
            format!("{} {} {value}", json["op"].as_str().unwrap(), json["path"].as_str().unwrap())
                .trim_end()
                .to_owned()
        })
        .collect();
    lines.join("\n")
}

fn none() -> Rules {
    Rules::default()
}

fn labelled(labels: &[(&str, &str)]) -> Rules {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Rules { additional_labels: labels.collect(), ..Rules::default() }
}

/// The Node after the plan.
fn applied(node: &Value, plan: &Plan) -> Value {
    [&plan.status, &plan.metadata].into_iter().flatten().fold(node.clone(), |node, patch| {
        apply_json_patch(&node, &serde_json::to_value(patch).unwrap()).unwrap()
    })
}

fn reasons(plan: &Plan) -> Vec<&str> {
    plan.events.iter().map(|event| event.reason).collect()
}

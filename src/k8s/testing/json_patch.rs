//! JSON Patch as API servers apply it: a `test` for `null` asks for absence.

use serde_json::Value;

/// The document with the patch applied, or which operation failed.
pub(crate) fn apply_json_patch(document: &Value, patch: &Value) -> Result<Value, String> {
    let mut document = document.clone();
    for operation in patch.as_array().ok_or("a patch is an array")? {
        apply(&mut document, operation).map_err(|why| format!("{why}: {operation}"))?;
    }
    Ok(document)
}

fn apply(document: &mut Value, operation: &Value) -> Result<(), &'static str> {
    let path = operation["path"].as_str().ok_or("no path")?;
    let (parent, key) = path.rsplit_once('/').ok_or("the whole document is no target here")?;
    let key = key.replace("~1", "/").replace("~0", "~");
    let value = operation["value"].clone();
    let parent = document.pointer_mut(parent).ok_or("no such parent")?;
    match (operation["op"].as_str(), parent) {
        (Some("test"), parent) => {
            let found = match parent {
                Value::Array(elements) => elements.get(index(&key)?).cloned(),
                parent => parent.get(&key).cloned(),
            };
            if found.unwrap_or_default() == value { Ok(()) } else { Err("test failed") }
        }
        (Some("add"), Value::Object(map)) => {
            map.insert(key, value);
            Ok(())
        }
        (Some("add"), Value::Array(elements)) if key == "-" => {
            elements.push(value);
            Ok(())
        }
        (Some("replace"), Value::Object(map)) => {
            *map.get_mut(&key).ok_or("nothing to replace")? = value;
            Ok(())
        }
        (Some("remove"), Value::Object(map)) => map.remove(&key).map(drop).ok_or("nothing to remove"),
        (Some("remove"), Value::Array(elements)) => {
            let index = index(&key)?;
            if index >= elements.len() {
                return Err("nothing to remove");
            }
            elements.remove(index);
            Ok(())
        }
        _ => Err("not supported"),
    }
}

fn index(key: &str) -> Result<usize, &'static str> {
    key.parse().map_err(|_| "no index")
}

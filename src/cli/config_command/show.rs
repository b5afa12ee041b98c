//! The effective configuration as a table, as YAML and as JSON.

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::config::{Config, FeatureName, Loaded, Origin, Problem, Setting, SettingValue, yaml_scalar};

/// What stands for a secret.
const HIDDEN: &str = "<hidden>";

/// Whether secrets may be seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secrets {
    pub(super) shown: bool,
}

impl Secrets {
    fn of(self, secret: &SecretString) -> &str {
        if self.shown { secret.expose_secret() } else { HIDDEN }
    }
}

/// Features that are wanted and stay off, with the reasons.
fn disabled(config: &Config) -> impl Iterator<Item = (FeatureName, &[Problem])> {
    [
        (FeatureName::Nsxt, config.nsxt.problems()),
        (FeatureName::LoadBalancer, config.load_balancer.problems()),
        (FeatureName::Route, config.route.problems()),
    ]
    .into_iter()
    .filter(|(_, problems)| !problems.is_empty())
}

/// Key, value and origin of each setting, in columns; sections with a line of their own.
pub(super) fn text(loaded: &Loaded, secrets: Secrets) -> String {
    let mut text = String::new();
    let settings = loaded.settings();
    let values: Vec<String> = settings.iter().map(|setting| plain(&setting.value, secrets)).collect();
    let width = |widths: &mut dyn Iterator<Item = usize>| widths.max().unwrap_or(0);
    let keys = width(&mut settings.iter().map(|setting| setting.key.len()));
    // One long value must not push all origins out of sight.
    let widest = width(&mut values.iter().map(|value| value.chars().count())).min(48);
    for (index, (setting, value)) in settings.iter().zip(&values).enumerate() {
        if index == 0 || settings[index - 1].section != setting.section {
            let gap = if index == 0 { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{}", setting.section.join("."));
        }
        let _ = writeln!(text, "  {:keys$}  {value:widest$}  {}", setting.key, setting.origin);
    }
    for (feature, problems) in disabled(&loaded.config) {
        let _ = writeln!(text, "\n{}  (not used)", feature.as_str());
        for problem in problems {
            let _ = writeln!(text, "  {problem}");
        }
    }
    text
}

fn plain(value: &SettingValue, secrets: Secrets) -> String {
    match value {
        SettingValue::Text(text) => one_line(text),
        SettingValue::Secret(secret) => one_line(secrets.of(secret)),
        SettingValue::Number(number) => number.to_string(),
        SettingValue::Bool(yes) => yes.to_string(),
        SettingValue::List(items) if items.is_empty() => "(all)".to_owned(),
        SettingValue::List(items) => one_line(&items.join(", ")),
        SettingValue::Map(pairs) => {
            let pairs: Vec<_> = pairs.iter().map(|(name, text)| format!("{name}={text}")).collect();
            one_line(&pairs.join(", "))
        }
        SettingValue::Later => "(read from there)".to_owned(),
    }
}

/// A text that would break the table is quoted.
fn one_line(text: &str) -> String {
    if text.chars().any(char::is_control) || text.is_empty() { yaml_scalar(text) } else { text.to_owned() }
}

/// A configuration that means the same, with the origins as comments.
pub(super) fn yaml(loaded: &Loaded, secrets: Secrets) -> String {
    let mut text = String::new();
    let mut open: &[String] = &[];
    let settings = loaded.settings();
    for setting in &settings {
        if setting.section != open {
            if open.first() != setting.section.first() {
                let _ = writeln!(text, "{}:", setting.section[0]);
            }
            if let Some(name) = setting.section.get(1) {
                let _ = writeln!(text, "  {}:", yaml_scalar(name));
            }
            open = &setting.section;
        }
        let indent = "  ".repeat(setting.section.len());
        let value = yaml_value(setting, secrets);
        let origin = one_line(&setting.origin.to_string());
        let _ = match &setting.value {
            SettingValue::Later => writeln!(text, "{indent}# {}: {origin}", setting.key),
            _ => writeln!(text, "{indent}{}: {value}  # {origin}", setting.key),
        };
    }
    for (feature, problems) in disabled(&loaded.config) {
        for problem in problems {
            let _ = writeln!(text, "# {} is not used: {}", feature.as_str(), one_line(&problem.to_string()));
        }
    }
    text
}

/// On one line.
fn yaml_value(setting: &Setting, secrets: Secrets) -> String {
    // In brackets a comma ends a text, so there everything stands in quotes.
    let quoted = |text: &String| match yaml_scalar(text) {
        plain if plain == *text => format!("'{plain}'"),
        quoted => quoted,
    };
    match &setting.value {
        SettingValue::Text(text) => yaml_scalar(text),
        SettingValue::Secret(secret) => yaml_scalar(secrets.of(secret)),
        SettingValue::Number(number) => number.to_string(),
        SettingValue::Bool(yes) => yes.to_string(),
        SettingValue::List(items) => {
            format!("[{}]", items.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
        SettingValue::Map(pairs) => {
            let pairs = pairs.iter().map(|(name, text)| format!("{}: {}", quoted(name), quoted(text)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        SettingValue::Later => String::new(),
    }
}

/// One object: `settings`, `disabled`, `warnings`.
pub(super) fn json(loaded: &Loaded, secrets: Secrets) -> String {
    let settings: Vec<Value> = loaded
        .settings()
        .iter()
        .map(|setting| {
            let value = match &setting.value {
                SettingValue::Text(text) => json!(text),
                SettingValue::Secret(secret) => json!(secrets.of(secret)),
                SettingValue::Number(number) => json!(number),
                SettingValue::Bool(yes) => json!(yes),
                SettingValue::List(items) => json!(items),
                SettingValue::Map(pairs) => json!(pairs),
                SettingValue::Later => Value::Null,
            };
            json!({
                "section": setting.section, "key": setting.key, "value": value,
                "origin": origin(&setting.origin),
            })
        })
        .collect();
    let problems = |problems: &[Problem]| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    let disabled: serde_json::Map<String, Value> = disabled(&loaded.config)
        .map(|(feature, reasons)| (feature.as_str().to_owned(), json!(problems(reasons))))
        .collect();
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    format!("{:#}\n", json!({"settings": settings, "disabled": disabled, "warnings": warnings}))
}

fn origin(origin: &Origin) -> Value {
    match origin {
        Origin::File { file, line } => json!({"kind": "file", "file": file, "line": line}),
        Origin::Environment { variable } => json!({"kind": "environment", "variable": variable}),
        Origin::Secret(secret) => {
            json!({"kind": "secret", "namespace": secret.namespace, "name": secret.name})
        }
        Origin::Directory(directory) => json!({"kind": "directory", "path": directory.display().to_string()}),
        Origin::Default => json!({"kind": "default"}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Options, load};

    const TEXT: &str = "vcenter:
  vc1: {server: a, user: 'CORP\\k8s', password: hunter2, datacenters: [x, 'y,z']}
  'vc 2': {server: b, secretName: s, secretNamespace: n}
nsxt: {host: nsx}
loadBalancer: {size: SMALL}
";

    fn loaded(text: &str) -> Loaded {
        load(text, "f", Options::default(), &Environment::default()).unwrap()
    }

    #[test]
    fn a_table_for_humans() {
        let shown = text(&loaded(TEXT), Secrets { shown: false });
        assert!(!shown.contains("hunter2"), "{shown}");
        let lines: Vec<String> =
            shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for line in [
            "vcenter.vc1",
            "user CORP\\k8s f:2",
            "password <hidden> f:2",
            "port 443 default",
            "datacenters x, y,z f:2",
            "vcenter.vc 2",
            "datacenters (all) default",
            "password (read from there) Secret n/s",
            "nsxt (not used)",
        ] {
            assert!(lines.iter().any(|shown| shown == line), "{line}: {shown}");
        }
        assert!(text(&loaded(TEXT), Secrets { shown: true }).contains("hunter2"));
    }

    #[test]
    fn yaml_can_be_used_as_a_configuration() {
        let sample = include_str!("../../../config/vsphere.conf.yaml");
        for original in [TEXT, sample] {
            let mut original = loaded(original);
            let shown = yaml(&original, Secrets { shown: true });
            let again = loaded(&shown);
            // Nothing is said twice about what is wrong.
            original.config.nsxt = again.config.nsxt.clone();
            if !original.config.load_balancer.problems().is_empty() {
                original.config.load_balancer = again.config.load_balancer.clone();
            }
            assert_eq!(again.config, original.config, "{shown}");
            assert!(again.warnings.is_empty(), "{:?}", again.warnings);
        }
        assert!(!yaml(&loaded(TEXT), Secrets { shown: false }).contains("hunter2"));
    }

    #[test]
    fn json_for_programs() {
        let shown: Value = serde_json::from_str(&json(&loaded(TEXT), Secrets { shown: false })).unwrap();
        let find = |section: &str, key: &str| {
            let wanted = |setting: &&Value| setting["section"][1] == section && setting["key"] == key;
            shown["settings"].as_array().unwrap().iter().find(wanted).unwrap().clone()
        };
        assert_eq!(find("vc1", "port")["value"], 443);
        assert_eq!(find("vc1", "password")["value"], HIDDEN);
        assert_eq!(find("vc1", "password")["origin"], json!({"kind": "file", "file": "f", "line": 2}));
        assert_eq!(find("vc 2", "user")["origin"], json!({"kind": "secret", "namespace": "n", "name": "s"}));
        assert_eq!(shown["disabled"].as_object().unwrap().len(), 2);
        assert!(!shown.to_string().contains("hunter2"));
    }
}

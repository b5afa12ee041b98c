//! What an administrator is told about typical mistakes.

use std::fmt::Write;

use super::super::Options;
use super::load;

/// Everything that is said about a text, a line each; warnings are marked.
fn told(text: &str) -> String {
    match load(text, "vsphere.conf", Options::default()) {
        Err(error) => error.to_string(),
        Ok(loaded) => {
            let warnings = loaded.warnings.iter().map(|warning| format!("{:?}: {warning}", warning.severity));
            warnings.collect::<Vec<_>>().join("\n")
        }
    }
}

const CASES: &[(&str, &str, &str)] = &[
    (
        "yaml: nothing but comments",
        "# nothing\n",
        "vsphere.conf: the file says nothing; expected at least a vCenter (`vcenter:` in YAML, [VirtualCenter \"...\"] in INI)",
    ),
    (
        "yaml: empty document",
        "---\n",
        "vsphere.conf: the file says nothing; expected at least a vCenter (`vcenter:` in YAML, [VirtualCenter \"...\"] in INI)",
    ),
    (
        "yaml: no section",
        "server = vc\n",
        "vsphere.conf:1: expected sections such as `global:` and `vcenter:` (for the INI dialect the file must begin with a section header such as [Global])\nvsphere.conf: no vCenter is given; write `vcenter:` and below it `vc1: {server: vc.example.com}`",
    ),
    (
        "yaml: one word",
        "vcenter\n",
        "vsphere.conf:1: expected sections such as `global:` and `vcenter:` (for the INI dialect the file must begin with a section header such as [Global])\nvsphere.conf: no vCenter is given; write `vcenter:` and below it `vc1: {server: vc.example.com}`",
    ),
    (
        "yaml: tab",
        "global:\n\tuser: u\n",
        "vsphere.conf:2: a tab stands where YAML allows only spaces; indent with spaces",
    ),
    (
        "yaml: quote not closed",
        "global:\n  user: u\n  password: \"hunter2\nvcenter:\n  vc1: {server: vc}\n",
        "vsphere.conf:4: a quoted value is still open here; is its closing quote missing in a line above?",
    ),
    (
        "yaml: backslash in double quotes",
        "global:\n  user: \"DOMAIN\\user\"\n",
        "vsphere.conf:2: in double quotes a \\ begins an escape; write \\\\ for one \\, or use single quotes",
    ),
    (
        "yaml: colon in value",
        "global:\n  password: a: b\n",
        "vsphere.conf:2: a colon stands where none is allowed: put a value that holds `: ` in single quotes, or correct the indentation",
    ),
    (
        "yaml: percent begins value",
        "global:\n  password: %hunter2\n",
        "vsphere.conf:2: a value cannot begin with @, ` or %; put it in single quotes",
    ),
    (
        "yaml: asterisk begins value",
        "global:\n  password: *hunter2\n",
        "vsphere.conf:2: a value that begins with * or & is taken for an alias or anchor; put it in single quotes",
    ),
    (
        "yaml: exclamation mark begins value",
        "global: {user: u}\nvcenter:\n  vc1:\n    server: vc\n    password: !hunter2 x\n",
        "vsphere.conf:5: vcenter.vc1.password: the value has a YAML tag (a word that begins with !), which is not known here; if it belongs to the value, put the value in single quotes",
    ),
    (
        "yaml: bracket begins value",
        "global: {user: u}\nvcenter:\n  vc1:\n    server: vc\n    password: {hunter2}\n",
        "vsphere.conf:5: vcenter.vc1.password: expected one value, found a mapping; put a value that begins with { or [ in single quotes",
    ),
    (
        "yaml: braces of a template",
        "global: {user: u}\nvcenter:\n  vc1:\n    server: {{ .Values.server }}\n    password: p\n",
        "vsphere.conf:4: vcenter.vc1.server: expected one value, found a mapping; put a value that begins with { or [ in single quotes",
    ),
    (
        "yaml: wrong indentation",
        "global:\n  user: u\n   password: p\n",
        "vsphere.conf:3: a colon stands where none is allowed: put a value that holds `: ` in single quotes, or correct the indentation",
    ),
    (
        "yaml: key twice",
        "global:\n  user: u\n  password: p\n  user: v\n",
        "vsphere.conf:4: the key `user` is already given on line 2; keep one of the two",
    ),
    (
        "yaml: unknown key and section",
        "global: {user: u, password: p}\nvcenter:\n  vc1:\n    server: vc\n    insecure-flag: true\n    datacenter: dc\n    username: x\n    foo: bar\n    region: r\nlabel: {}\nfoo: {}\n",
        "Warning: vsphere.conf:5: vcenter.vc1.insecure-flag: is not a key and has no effect; did you mean `insecureFlag`?\nWarning: vsphere.conf:6: vcenter.vc1.datacenter: is not a key and has no effect; did you mean `datacenters`?\nWarning: vsphere.conf:7: vcenter.vc1.username: is not a key and has no effect; did you mean `user`?\nWarning: vsphere.conf:8: vcenter.vc1.foo: is not a key and has no effect; `vcenter.vc1` knows user, password, server, port, insecureFlag, datacenters, caFile, thumbprint, secretName, secretNamespace, ipFamily, soapRoundtripCount\nWarning: vsphere.conf:9: vcenter.vc1.region: has no effect here; it belongs in `labels`\nWarning: vsphere.conf:10: label: is not a section and has no effect; did you mean `labels`?\nWarning: vsphere.conf:11: foo: is not a section and has no effect; there are global, vcenter, labels, nodes, nsxt, loadBalancer, loadBalancerClass, route",
    ),
    (
        "yaml: ca-file",
        "global: {user: u, password: p}\nvcenter:\n  vc1:\n    server: vc\n    ca-file: /ca.pem\n",
        "Warning: vsphere.conf:5: vcenter.vc1.ca-file: is spelled `caFile` in YAML; taken as that",
    ),
    (
        "yaml: leftovers of the in-tree provider",
        "global: {user: u, password: p}\nvcenter:\n  vc1: {server: vc, soapRoundtripCount: 3}\nworkspace:\n  folder: x\ndisk: {}\n",
        "Note: vsphere.conf:3: vcenter.vc1.soapRoundtripCount: is accepted for compatibility and has no effect\nWarning: vsphere.conf:4: workspace: belongs to the provider that was once part of Kubernetes and has no effect here; remove it\nWarning: vsphere.conf:6: disk: belongs to the provider that was once part of Kubernetes and has no effect here; remove it",
    ),
    (
        "yaml: empty body",
        "vcenter: {id: }\n",
        "vsphere.conf:1: vcenter.id: nothing stands below the name; write at least `server` there",
    ),
    (
        "yaml: vcenter is a list",
        "global: {user: u, password: p}\nvcenter:\n  - server: vc\n",
        "vsphere.conf:2: vcenter: expected vCenters by name, as in `vcenter: {vc1: {server: vc.example.com}}`",
    ),
    (
        "yaml: section is a text",
        "global: {user: u, password: p}\nvcenter:\n  vc1: vc.example.com\n",
        "vsphere.conf:3: vcenter.vc1: expected `key: value` lines below it, found a single value",
    ),
    (
        "yaml: server is missing",
        "global: {user: u, password: p}\nvcenter:\n  vc1:\n    port: 443\n",
        "vsphere.conf:3: vcenter.vc1.server: is missing; write the host name or IP address of this vCenter",
    ),
    (
        "yaml: server is a URL",
        "global: {user: u, password: p}\nvcenter:\n  vc1:\n    server: https://vc:443/sdk\n",
        "vsphere.conf:4: vcenter.vc1.server: is a URL; write the host alone, \"vc\"",
    ),
    (
        "yaml: server with port",
        "global: {user: u, password: p}\nvcenter:\n  vc1:\n    server: vc:8443\n",
        "vsphere.conf:4: vcenter.vc1.server: has a port after the colon; write the host alone, \"vc\", and the port under `port`: 8443",
    ),
    (
        "yaml: many at once",
        "global:\n  port: 99999\n  thumbprint: '00:11'\nvcenter:\n  vc1:\n    ipFamily: [ipv4, ipv5]\n    insecureFlag: maybe\n  vc2:\n    server: vc\n    secretName: s\nnodes:\n  internalNetworkSubnetCidr: 10.0.0.0/8, 10.0.0.1\n",
        "vsphere.conf:2: global.port: \"99999\" is not a port; expected a number from 1 to 65535\nvsphere.conf:3: global.thumbprint: has 4 hexadecimal digits; expected the SHA-1 (40 hexadecimal digits) or SHA-256 (64) of the certificate, with or without colons\nvsphere.conf:5: vcenter.vc1.server: is missing; write the host name or IP address of this vCenter\nvsphere.conf:6: vcenter.vc1.ipFamily: \"ipv5\" is not an address family; expected ipv4, ipv6, or both with a comma between them\nvsphere.conf:7: vcenter.vc1.insecureFlag: \"maybe\" is neither true nor false; write one of the two\nvsphere.conf:10: vcenter.vc2.secretName: needs `secretNamespace` beside it in `vcenter.vc2`\nvsphere.conf:12: nodes.internalNetworkSubnetCidr: \"10.0.0.1\" has no prefix length; for this one address write 10.0.0.1/32",
    ),
    (
        "yaml: no credentials",
        "vcenter:\n  vc1:\n    server: vc\n    password: p\n",
        "vsphere.conf:2: vcenter.vc1.user: is empty; write `user` and `password` here or in `global`, or name a Secret with `secretName` and `secretNamespace`",
    ),
    (
        "yaml: empty password",
        "vcenter:\n  vc1:\n    server: vc\n    user: u\n    password:\n",
        "vsphere.conf:5: vcenter.vc1.password: is empty; write `user` and `password` here or in `global`, or name a Secret with `secretName` and `secretNamespace`",
    ),
    (
        "yaml: half a secret",
        "global:\n  secretName: s\nvcenter:\n  vc1:\n    server: vc\n",
        "vsphere.conf:2: global.secretName: needs `secretNamespace` beside it in `global`",
    ),
    (
        "yaml: secret and directory",
        "global:\n  secretName: s\n  secretNamespace: n\n  secretsDirectory: /d\nvcenter:\n  vc1:\n    server: vc\n",
        "vsphere.conf:4: global.secretsDirectory: cannot stand beside `secretName` and `secretNamespace`; keep one of the two ways",
    ),
    (
        "yaml: secret and password",
        "global:\n  secretName: s\n  secretNamespace: n\nvcenter:\n  vc1:\n    server: vc\n    user: u\n    password: hunter2\n",
        "Warning: vsphere.conf:7: vcenter.vc1.user: has no effect, because `global.secretName` is given; remove one\nWarning: vsphere.conf:8: vcenter.vc1.password: has no effect, because `global.secretName` is given; remove one",
    ),
    (
        "yaml: same server twice",
        "global: {user: u, password: p}\nvcenter:\n  vc1: {server: vc}\n  vc2: {server: VC}\n",
        "vsphere.conf:4: vcenter.vc2.server: VC:443 is the server of `vcenter.vc1` (line 3) too; remove one of the two",
    ),
    (
        "yaml: no vcenter",
        "global: {user: u, password: p}\n",
        "vsphere.conf: no vCenter is given; write `vcenter:` and below it `vc1: {server: vc.example.com}`",
    ),
    (
        "yaml: password as block",
        "global:\n  user: u\n  password: |\n    hunter2\nvcenter:\n  vc1: {server: vc}\n",
        "Warning: vsphere.conf:4: global.password: the value ends with a line break; begin the block with |- instead of | if that is not wanted",
    ),
    (
        "yaml: one label alone",
        "global: {user: u, password: p}\nvcenter:\n  vc1: {server: vc}\nlabels:\n  zone: z\n",
        "Warning: vsphere.conf:5: labels.zone: has no effect without `region`",
    ),
    (
        "yaml: second document",
        "global: {user: u, password: p}\nvcenter:\n  vc1: {server: vc}\n---\nfoo: bar\n",
        "Warning: vsphere.conf:5: a second YAML document begins here and has no effect; remove the `---`",
    ),
    (
        "yaml: torn password",
        "vcenter:\n  vc1: {server: vc, user: u, password: hun,ter2}\n",
        "Warning: vsphere.conf:2: vcenter.vc1: an entry without a value, and not a key, has no effect (its name is not shown: it may be a piece of another value; a value with special characters belongs in quotes)",
    ),
    (
        "ini: unquoted backslash",
        "[Global]\nuser = DOMAIN\\user\n",
        "vsphere.conf:2: column 14: the value of `user` has a \\ outside of quotes; put the value in double quotes and write \\\\ for one \\, as in user = \"DOMAIN\\\\name\"",
    ),
    (
        "ini: unknown escape",
        "[Global]\nuser = \"DOMAIN\\user\"\n",
        "vsphere.conf:2: column 15: in the quoted value of `user` a \\ may only be part of \\\\ \\\" \\n \\t; write \\\\ for one \\, as in \"DOMAIN\\\\name\"",
    ),
    (
        "ini: quote not closed",
        "[Global]\nuser = u\npassword = \"hunter2\n",
        "vsphere.conf:3: column 12: the quote that begins here is not closed on this line; for a \" in the value of `password` write \\\"",
    ),
    (
        "ini: comment sign in password",
        "[Global]\nuser = u\npassword = hunter#2\n[VirtualCenter \"vc\"]\n",
        "Warning: vsphere.conf:3: [Global] password: the value ends before column 18, where ; or # begins a comment; put a value that holds ; or # in double quotes",
    ),
    (
        "ini: header not closed",
        "[VirtualCenter \"vc1\"\nserver = vc\n",
        "vsphere.conf:1: column 21: expected ] after the quoted name, as in [VirtualCenter \"name\"]",
    ),
    (
        "ini: name without quotes",
        "[VirtualCenter vc1]\nserver = vc\n",
        "vsphere.conf:1: column 16: the second word must be in double quotes, as in [VirtualCenter \"name\"]",
    ),
    (
        "ini: no name",
        "[Global]\nuser = u\npassword = p\n[VirtualCenter]\nserver = vc\n",
        "vsphere.conf:4: [VirtualCenter]: the vCenter has no name; write [VirtualCenter \"vc.example.com\"]",
    ),
    (
        "ini: yaml below",
        "[Global]\nuser: u\n",
        "vsphere.conf:2: column 5: expected `key = value`, found a colon; this file is read as INI because its first line is a [section]",
    ),
    (
        "ini: underscore",
        "[Global]\nca_file = x\n",
        "vsphere.conf:2: column 3: a key has letters, digits and hyphens only, followed by `= value`",
    ),
    (
        "ini: unknown key and section",
        "[Global]\nuser = u\npassword = p\ninsecureFlag = 1\n[VirtualCenter \"vc\"]\nserver = vc\nsecrets-directory = /d\nfoo = bar\n[Global \"x\"]\nuser = x\n[VCenter \"a\"]\n[Foo]\n",
        "Warning: vsphere.conf:4: [Global] insecureFlag: is not a key and has no effect; did you mean `insecure-flag`?\nWarning: vsphere.conf:7: [VirtualCenter \"vc\"] secrets-directory: has no effect here; it belongs in `[Global]`\nWarning: vsphere.conf:8: [VirtualCenter \"vc\"] foo: is not a key and has no effect; `[VirtualCenter \"vc\"]` knows user, password, server, port, insecure-flag, datacenters, ca-file, thumbprint, secret-name, secret-namespace, ip-family, soap-roundtrip-count\nWarning: vsphere.conf:9: [Global \"x\"]: a name has no place here and the section has no effect; write [Global]\nWarning: vsphere.conf:11: [VCenter \"a\"]: is not a section and has no effect; did you mean `VirtualCenter`?\nWarning: vsphere.conf:12: [Foo]: is not a section and has no effect; there are Global, VirtualCenter, Labels, Nodes, NSXT, LoadBalancer, LoadBalancerClass, Route",
    ),
    (
        "ini: leftovers of the in-tree provider",
        "[Global]\nuser = u\npassword = p\n[VirtualCenter \"vc\"]\nsoap-roundtrip-count = 3\n[Workspace]\nfolder = x\n[Disk]\nscsicontrollertype = pvscsi\n",
        "Note: vsphere.conf:5: [VirtualCenter \"vc\"] soap-roundtrip-count: is accepted for compatibility and has no effect\nWarning: vsphere.conf:6: [Workspace]: belongs to the provider that was once part of Kubernetes and has no effect here; remove it\nWarning: vsphere.conf:8: [Disk]: belongs to the provider that was once part of Kubernetes and has no effect here; remove it",
    ),
    (
        "ini: no value",
        "[Global]\nuser\n[VirtualCenter \"vc\"]\n",
        "vsphere.conf:2: [Global] user: there is no value; write user = ...\nvsphere.conf:3: [VirtualCenter \"vc\"] password: is empty; write `user` and `password` here or in `[Global]`, or name a Secret with `secret-name` and `secret-namespace`",
    ),
    (
        "ini: empty bool",
        "[Global]\nuser = u\npassword = p\ninsecure-flag =\n[VirtualCenter \"vc\"]\n",
        "vsphere.conf:4: [Global] insecure-flag: expected true or false, found nothing",
    ),
    (
        "ini: name is a URL",
        "[Global]\nuser = u\npassword = p\n[VirtualCenter \"https://vc/sdk\"]\n",
        "vsphere.conf:4: [VirtualCenter \"https://vc/sdk\"]: without `server` the name in the header is the server, and it is a URL; write the host alone, \"vc\"",
    ),
    (
        "ini: values",
        "[Global]\nuser = u\npassword = p\n[VirtualCenter \"vc1\"]\nserver = vc\nport = https\nip-family = ipv4, v6\nthumbprint = zz\nca-file = \"/a:/b\"\n[Nodes]\nexclude-internal-network-subnet-cidr = \"10.0.0.0/40\"\n",
        "vsphere.conf:6: [VirtualCenter \"vc1\"] port: \"https\" is not a port; expected a number from 1 to 65535\nvsphere.conf:7: [VirtualCenter \"vc1\"] ip-family: \"v6\" is not an address family; expected ipv4, ipv6, or both with a comma between them\nvsphere.conf:8: [VirtualCenter \"vc1\"] thumbprint: holds a character that is no hexadecimal digit; expected the SHA-1 (40 hexadecimal digits) or SHA-256 (64) of the certificate, with or without colons\nvsphere.conf:11: [Nodes] exclude-internal-network-subnet-cidr: \"10.0.0.0/40\" is not a subnet; expected one such as 10.0.0.0/8 or 2001:db8::/32",
    ),
    (
        "ini: empty password",
        "[VirtualCenter \"vc\"]\nuser = u\npassword = \"\"\n",
        "vsphere.conf:3: [VirtualCenter \"vc\"] password: is empty; write `user` and `password` here or in `[Global]`, or name a Secret with `secret-name` and `secret-namespace`",
    ),
    (
        "ini: torn password",
        "[Global]\nuser = u\npassword = hun\nter2\n[VirtualCenter \"vc\"]\n",
        "Warning: vsphere.conf:4: [Global]: an entry without a value, and not a key, has no effect (its name is not shown: it may be a piece of another value; a value with special characters belongs in quotes)",
    ),
    (
        "ini: same server twice",
        "[Global]\nuser = u\npassword = p\n[VirtualCenter \"a\"]\nserver = vc\n[VirtualCenter \"vc\"]\n",
        "vsphere.conf:6: [VirtualCenter \"vc\"] server: vc:443 is the server of `[VirtualCenter \"a\"]` (line 5) too; remove one of the two",
    ),
    (
        "ini: no vcenter",
        "[Global]\nuser = u\npassword = p\n",
        "vsphere.conf: no vCenter is given; write a section [VirtualCenter \"vc.example.com\"]",
    ),
];

#[test]
fn texts() {
    let mut wrong = String::new();
    for (name, text, want) in CASES {
        let got = told(text);
        if got != *want {
            writeln!(wrong, "--- {name}\n{text}\n  got:  {got}\n  want: {want}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

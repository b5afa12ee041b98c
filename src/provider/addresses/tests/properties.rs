//! What holds whatever a guest reports.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => any::<[u8; 4]>().prop_map(|octets| IpAddr::from(octets).to_string()),
        3 => (0_u8..3, 0_u8..4).prop_map(|(net, host)| format!("10.0.{net}.{host}")),
        2 => any::<u128>().prop_map(|bits| IpAddr::V6(bits.into()).to_string()),
        2 => (0_u8..4).prop_map(|host| format!("2001:db8::{host}")),
        1 => "fe80::[0-9a-f]{1,4}(%[a-z0-9]{0,4})?",
        1 => "(::ffff:)?[0-9]{1,3}\\.[0-9]{1,3}\\.0\\.1",
        2 => any::<String>(),
    ]
}

fn name() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![3 => "[aAbB]", 1 => any::<String>()])
}

fn guest_nic() -> impl Strategy<Value = GuestNic> {
    let key = prop_oneof![3 => 4000_i32..4010, 1 => Just(-1), 1 => any::<i32>()];
    (name(), key, proptest::collection::vec(address(), 0..6))
        .prop_map(|(network, device_config_id, addresses)| GuestNic { network, device_config_id, addresses })
}

fn metadata() -> impl Strategy<Value = (Option<String>, Option<String>)> {
    let base64 = |text: String| base64::prelude::BASE64_STANDARD.encode(text);
    let listed =
        proptest::collection::vec((address(), "[a-z]{0,2}[0-9]{0,3}"), 0..4).prop_map(move |ethernets| {
            let ethernets: Vec<String> =
                ethernets.iter().map(|(ip, name)| format!("{name:?}: {{addresses: [{ip:?}]}}")).collect();
            base64(format!("network: {{ethernets: {{{}}}}}", ethernets.join(", ")))
        });
    let text = prop_oneof![
        3 => listed,
        1 => any::<String>(),
        1 => any::<String>().prop_map(base64),
        1 => any::<String>().prop_map(move |it| base64(format!("network.encoding: gz+b64\nnetwork: {it:?}"))),
    ];
    let encoding = prop_oneof![5 => Just(Some("base64".to_owned())), 1 => any::<Option<String>>()];
    (proptest::option::of(text), encoding)
}

fn address_rule() -> impl Strategy<Value = AddressRule> {
    let subnet = prop_oneof![
        (0_u8..3, 20_u8..33).prop_map(|(net, length)| format!("10.0.{net}.0/{length}")),
        (0_u8..129).prop_map(|length| format!("2001:db8::/{length}")),
        (0_u8..33).prop_map(|length| format!("0.0.0.0/{length}")),
    ];
    let subnets = || proptest::collection::vec(subnet.clone(), 0..3);
    (subnets(), name(), subnets()).prop_map(|(subnets, network, exclude)| AddressRule {
        network,
        ..rule(&subnets.join(" "), "", &exclude.join(" "))
    })
}

fn machine() -> impl Strategy<Value = Vm> {
    (proptest::collection::vec(guest_nic(), 0..6), metadata()).prop_map(
        |(nics, (metadata, metadata_encoding))| Vm { nics, metadata, metadata_encoding, ..fixtures::vm() },
    )
}

fn wanted() -> impl Strategy<Value = &'static [IpFamily]> {
    prop_oneof![Just(V4), Just(V6), Just(V4_V6), Just(V6_V4), Just(&[][..])]
}

proptest! {
    #[test]
    fn selection_is_sound(
        vm in machine(),
        families in wanted(),
        internal in address_rule(),
        external in address_rule(),
    ) {
        let rules = rules(internal, external);
        let addresses = select(&vm, families, &rules);

        let reported: HashSet<IpAddr> = vm
            .nics
            .iter()
            .filter(|nic| nic.device_config_id != -1)
            .flat_map(|nic| &nic.addresses)
            .filter_map(|text| ip::parse(text))
            .collect();
        let mut written = HashSet::new();
        for address in &addresses.selected {
            prop_assert!(reported.contains(&address.ip));
            prop_assert!(ip::local_only(address.ip).is_none());
            let rule = match address.kind {
                AddressKind::Internal => &rules.internal,
                AddressKind::External => &rules.external,
            };
            prop_assert!(!rule.exclude.iter().any(|subnet| subnet.contains(&address.ip)));
            prop_assert!(written.insert(address), "written twice");
        }

        // One of each kind and family at most, in the order of the families.
        let families = if families.is_empty() { V4 } else { families };
        let order: Vec<_> = addresses
            .selected
            .iter()
            .map(|address| (families.iter().position(|family| family.contains(address.ip)), address.kind))
            .collect();
        prop_assert!(order.is_sorted_by(|a, b| a < b));
        prop_assert!(order.iter().all(|(family, _)| family.is_some()));

        let complete = families.iter().all(|family| addresses.selected.iter().any(|a| family.contains(a.ip)));
        prop_assert!(complete || addresses.problem.is_some());
        if let Some(problem) = &addresses.problem {
            prop_assert!(problem.chars().count() <= 1024, "{} characters", problem.len());
            prop_assert!(!problem.chars().any(char::is_control));
        }
        prop_assert_eq!(select(&vm, families, &rules), addresses);
    }

    #[test]
    fn metadata_never_panics(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        let base64 = base64::prelude::BASE64_STANDARD;
        for metadata in [text.clone(), base64.encode(&text), base64.encode(bytes)] {
            let metadata_encoding = Some("base64".to_owned());
            let vm = Vm { metadata: Some(metadata), metadata_encoding, ..fixtures::vm() };
            let _ = static_addresses::listed(&vm);
        }
    }
}

//! Where a fetcher goes, and where it does not.

use crate::support::{Internet, PUBLIC, get, ok, refused};

fn internet() -> Internet {
    Internet::answering(|_| ok("{}", ""))
}

/// One address of every kind that is not on the public network, with the refusal's name.
const INSIDE: [(&str, &str); 21] = [
    ("0.0.0.0", "address-unspecified"),
    ("127.0.0.1", "address-loopback"),
    ("10.1.2.3", "address-private"),
    ("172.16.0.1", "address-private"),
    ("192.168.0.1", "address-private"),
    ("169.254.169.254", "address-link-local"),
    ("100.64.0.1", "address-carrier-nat"),
    ("224.0.0.251", "address-multicast"),
    ("255.255.255.255", "address-broadcast"),
    ("192.0.2.1", "address-documentation"),
    ("198.18.0.1", "address-benchmarking"),
    ("240.0.0.1", "address-reserved"),
    ("::", "address-unspecified"),
    ("::1", "address-loopback"),
    ("::ffff:127.0.0.1", "address-ipv4-mapped"),
    ("64:ff9b::a00:1", "address-translated"),
    ("2002:a00:1::", "address-translated"),
    ("2001:0:a00:1::", "address-translated"),
    ("fd00::1", "address-unique-local"),
    ("fe80::1", "address-link-local"),
    ("2001:db8::1", "address-documentation"),
];

#[tokio::test]
async fn inside_addresses_are_refused_by_name_and_never_connected_to() {
    for (address, name) in INSIDE {
        let literal = match address.contains(':') {
            true => format!("https://[{address}]/"),
            false => format!("https://{address}/"),
        };
        let internet = internet().name("a.example", &[&[address]]);
        assert_eq!(refused(&internet.fetcher(), &literal).await, name, "{literal}");
        assert_eq!(refused(&internet.fetcher(), "https://a.example/").await, name, "{address}");
        // One of them among good ones spoils the host.
        let internet = internet.name("a.example", &[&[PUBLIC, address]]);
        assert_eq!(refused(&internet.fetcher(), "https://a.example/").await, name, "{address}");
        assert_eq!(internet.connected(), [], "{address}");
    }
}

#[tokio::test]
async fn this_machine_is_reached_only_where_that_is_allowed() {
    let internet = internet().name("localhost", &[&["127.0.0.1", "::1"]]);
    for address in ["http://localhost/", "http://127.0.0.1/", "http://[::1]/"] {
        assert_eq!(refused(&internet.fetcher(), address).await, "insecure");
        let allowed = internet.builder().allow_loopback(true).build().unwrap();
        assert!(get(&allowed, address).await.unwrap().is_local());
    }
    assert_eq!(refused(&internet.fetcher(), "https://localhost/").await, "address-loopback");
    let allowed = internet.builder().allow_loopback(true).build().unwrap();
    // The switch opens nothing else.
    for (address, name) in INSIDE.into_iter().filter(|(_, name)| *name != "address-loopback") {
        let internet = internet.clone().name("a.example", &[&[address]]);
        assert_eq!(refused(&allowed, "http://a.example/").await, name);
        drop(internet);
    }
    // Plain http: to the public network stays closed.
    let internet = internet.name("a.example", &[&[PUBLIC]]);
    let allowed = internet.builder().allow_loopback(true).build().unwrap();
    assert_eq!(refused(&allowed, "http://a.example/").await, "insecure");
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let answers: &[&[&str]] = &[&[PUBLIC], &["127.0.0.1"], &["169.254.169.254"]];
    let internet = internet().name("a.example", answers);
    let fetcher = internet.fetcher();
    get(&fetcher, "https://a.example/").await.unwrap();
    // It was looked up once, and that answer was connected to.
    assert_eq!(internet.looked_up(), ["a.example"]);
    assert_eq!(internet.connected(), [format!("{PUBLIC}:443").parse().unwrap()]);
    assert_eq!(refused(&fetcher, "https://a.example/").await, "address-loopback");
    assert_eq!(refused(&fetcher, "https://a.example/").await, "address-link-local");
    assert_eq!(internet.connected().len(), 1);
}

#[tokio::test]
async fn names_are_looked_up_again_at_each_redirect() {
    let internet = Internet::answering(|_| crate::support::redirect("/next"))
        .name("a.example", &[&[PUBLIC], &["10.0.0.1"]]);
    let error = get(&internet.fetcher(), "https://a.example/").await.unwrap_err();
    assert_eq!(error.refusal.name(), "address-private");
    assert_eq!(error.at, "https://a.example/next");
    assert_eq!(internet.connected().len(), 1);
}

#[tokio::test]
async fn names_without_a_good_answer_are_named() {
    let many: Vec<String> = (0..100).map(|n| format!("9.9.{n}.1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let internet = internet().name("none.example", &[&[]]).name("many.example", &[&many]);
    let fetcher = internet.fetcher();
    assert_eq!(refused(&fetcher, "https://none.example/").await, "no-address");
    assert_eq!(refused(&fetcher, "https://many.example/").await, "too-many-addresses");
    assert_eq!(refused(&fetcher, "https://unknown.example/").await, "resolve");
    assert_eq!(internet.connected(), []);
}

#[tokio::test]
async fn ports_of_other_services_are_refused() {
    let internet = internet().name("a.example", &[&[PUBLIC]]);
    let fetcher = internet.fetcher();
    for port in [22, 25, 80, 445, 6667] {
        assert_eq!(refused(&fetcher, &format!("https://a.example:{port}/")).await, "port");
    }
    assert_eq!(internet.connected(), []);
    get(&fetcher, "https://a.example:8443/").await.unwrap();
}

#[tokio::test]
async fn a_host_must_show_a_certificate_of_its_own() {
    let internet = internet().name("d.example", &[&[PUBLIC]]).name("a.example", &[&[PUBLIC]]);
    assert_eq!(refused(&internet.fetcher(), "https://d.example/").await, "tls");
    // The system's authorities do not vouch for a made-up one.
    let fetcher = mcp_identity::fetch::Fetcher::builder().network(internet.clone()).build();
    if let Ok(fetcher) = fetcher {
        assert_eq!(refused(&fetcher, "https://a.example/").await, "tls");
    }
    assert_eq!(internet.requests().len(), 0);
}

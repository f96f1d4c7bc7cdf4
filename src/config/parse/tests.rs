//! The rules of the configuration, each with its line and key.

use std::time::Duration;

use super::*;

const SMALL: &str = "[site]\nurl = \"https://blog.example\"\noutput = \"public\"\ndata = \"data\"\n[[actor]]\nname = \"blog\"\n";

fn read(text: &str) -> Result<Config, Vec<Problem>> {
    parse(text, Path::new("/srv/blog/ap.toml"))
}

/// Line and key of each problem.
fn places(text: &str) -> Vec<(usize, String)> {
    read(text)
        .unwrap_err()
        .into_iter()
        .map(|problem| (problem.line, problem.key))
        .collect()
}

#[test]
fn an_actor_that_asks_for_pages_comes_before_one_that_takes_all() {
    let text = "[site]\nurl = \"https://blog.example\"\noutput = \"public\"\ndata = \"data\"\n\
                [[actor]]\nname = \"blog\"\n[[actor]]\nname = \"notes\"\npages = [\"notes/**\"]\n";
    let config = parse(text, Path::new("/srv/ap.toml")).unwrap();
    assert_eq!(config.actor_of_page("/notes/1/").name, "notes");
    assert_eq!(config.actor_of_page("/posts/1/").name, "blog");
}

#[test]
fn a_small_file_gets_the_defaults_and_absolute_paths() {
    let config = read(SMALL).unwrap();
    assert_eq!(config.site.output, Path::new("/srv/blog/public"));
    assert_eq!(config.interactions.templates, Path::new("/srv/blog/widgets"));
    assert_eq!(config.federation.handle_domain, "blog.example");
    assert_eq!(
        config.server.listen,
        Listen::Tcp("127.0.0.1:8790".parse().unwrap())
    );
    assert!(config.server.trusted_proxies.unix);
    assert!(
        config
            .server
            .trusted_proxies
            .contains("127.0.0.9".parse().unwrap())
    );
    assert_eq!(config.publish.settle, Duration::from_secs(2));
    assert_eq!(config.default_actor().display_name, "blog");
    assert_eq!(config.actor_of_page("/posts/hello/").name, "blog");
}

#[test]
fn the_order_of_replies_is_one_of_two() {
    assert_eq!(read(SMALL).unwrap().interactions.order, Order::Oldest);
    let order = |word: &str| read(&format!("{SMALL}[interactions]\norder = \"{word}\"\n"));
    assert_eq!(order("newest").unwrap().interactions.order, Order::Newest);
    let refused = order("latest").unwrap_err();
    assert_eq!(refused[0].key, "interactions.order");
}

#[test]
fn the_shipped_configuration_is_valid_and_says_the_defaults() {
    let shipped = include_str!("../../../ap.toml");
    let config = read(shipped).unwrap();
    assert!(config.federation.allow_private_addresses);
    // Each key that is left at its default, said aloud, changes nothing. Hooks are examples, not defaults.
    let before_hooks = shipped.split("# Hooks:").next().unwrap();
    let aloud: String = before_hooks
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) && key.contains(" = ") => {
                format!("{key}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(aloud, before_hooks);
    assert_eq!(format!("{:?}", read(&aloud).unwrap()), format!("{config:?}"));
}

#[test]
fn ten_mistakes_are_reported_together_each_with_its_line_and_key() {
    let text = r#"[site]
url = "http://blog.example"
output = 5
dta = "data"
[server]
listen = "localhost"
listen_mode = 660
[[actor]]
name = "b!"
type = "Persn"
[publish]
settle = "soon"
max_deletes = "200%"
[federation]
blocked = ["https://bad.example", "fine.example", 7]
"#;
    let found = places(text);
    let wanted = [
        (1, "site.data"),
        (2, "site.url"),
        (3, "site.output"),
        (4, "site.dta"),
        (6, "server.listen"),
        (7, "server.listen_mode"),
        (9, "actor.name"),
        (10, "actor.type"),
        (12, "publish.settle"),
        (13, "publish.max_deletes"),
        (15, "federation.blocked"),
        (15, "federation.blocked"),
    ];
    assert_eq!(found, wanted.map(|(line, key)| (line, key.to_string())));
}

#[test]
fn an_unknown_key_gets_a_suggestion() {
    let problems = read(&format!("{SMALL}dispaly_name = \"x\"\n")).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "/srv/blog/ap.toml:7: actor.dispaly_name: unknown key"
    );
    assert_eq!(problems[0].hint.as_deref(), Some("did you mean `display_name`?"));
    assert_eq!(places(&format!("{SMALL}[sight]\n")), [(7, "sight".to_string())]);
}

#[test]
fn a_number_below_zero_is_out_of_range_rather_than_no_number() {
    let problem = |value: &str| {
        let problems = read(&format!("{SMALL}[publish]\nmax_changes = {value}\n")).unwrap_err();
        problems[0].to_string()
    };
    assert!(problem("-1").ends_with("publish.max_changes: is out of range"));
    assert!(problem("\"1\"").ends_with("is a string, not a whole number"));
}

#[test]
fn broken_toml_names_the_line() {
    assert_eq!(read("[site]\nurl = \n").unwrap_err()[0].line, 2);
}

#[test]
fn http_is_for_labs_and_private_addresses_are_not_for_public_sites() {
    let lab = SMALL.replace("https://blog.example", "http://127.0.0.1:9000");
    assert_eq!(places(&lab), [(2, "site.url".to_string())]);
    let lab = format!("{lab}[federation]\nallow_private_addresses = true\n");
    assert_eq!(read(&lab).unwrap().federation.handle_domain, "127.0.0.1:9000");
    let public = format!("{SMALL}[federation]\nallow_private_addresses = true\n");
    assert_eq!(
        places(&public),
        [(8, "federation.allow_private_addresses".to_string())]
    );
}

#[test]
fn data_and_output_lie_beside_each_other() {
    for (output, data) in [
        ("public", "public/data"),
        ("data/public", "data"),
        ("x", "x"),
        ("public", "a/../public/./d"),
    ] {
        let text = SMALL
            .replace("\"public\"", &format!("{output:?}"))
            .replace("\"data\"", &format!("{data:?}"));
        assert_eq!(places(&text), [(4, "site.data".to_string())], "{output} {data}");
    }
}

#[test]
fn a_hook_is_a_command_or_a_signed_webhook() {
    let hook = |keys: &str| read(&format!("{SMALL}[[hook]]\non = [\"reply\"]\n{keys}"));
    assert!(hook("command = [\"notify-me\", \"now\"]\n").is_ok());
    assert!(hook("url = \"https://hooks.example/\"\nsecret = \"x\"\n").is_ok());
    for wrong in [
        "",
        "command = []\n",
        "command = [\"a\"]\nurl = \"https://hooks.example/\"\nsecret = \"x\"\n",
        "url = \"https://hooks.example/\"\n",
        "url = \"http://hooks.example/\"\nsecret = \"x\"\n",
        "command = [\"a\"]\non_error = 1\n",
    ] {
        assert!(hook(wrong).is_err(), "{wrong}");
    }
    assert!(read(&format!("{SMALL}[[hook]]\ncommand = [\"a\"]\n")).is_err());
    assert!(read(&format!("{SMALL}[[hook]]\non = []\ncommand = [\"a\"]\n")).is_err());
    assert!(
        read(&format!(
            "{SMALL}[[hook]]\non = [\"followed\"]\ncommand = [\"a\"]\n"
        ))
        .is_err()
    );
}

#[test]
fn two_actors_need_two_names() {
    assert_eq!(
        places(&format!("{SMALL}[[actor]]\nname = \"Blog\"\n")),
        [(8, "actor.name".to_string())]
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "(?s).{0,300}") {
        let _ = read(&text);
    }

    #[test]
    fn no_value_makes_the_parser_panic(key in "(url|output|data|listen|name|pages|settle|max_deletes|media_limit|fields|command|on)", value in "(?s).{0,40}") {
        for table in ["[site]", "[server]", "[[actor]]", "[publish]", "[federation]", "[interactions]", "[[hook]]"] {
            let _ = read(&format!("{table}\n{key} = {value}\n"));
            let _ = read(&format!("{table}\n{key} = {value:?}\n"));
            let _ = read(&format!("{table}\n{key} = [{value:?}]\n"));
        }
    }
}

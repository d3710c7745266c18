use super::*;

fn read(line: &str) -> Parsed {
    Options::read(std::iter::once("nuncio").chain(line.split_whitespace()).map(OsString::from))
}

fn run(line: &str) -> Options {
    match read(line) {
        Parsed::Run(options) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_command_lines_of_launchers_are_read() {
    let options = run("-c /etc/x.yaml --service-cluster a --service-node b --service-zone z -l warn \
         --component-log-level misc:error --drain-time-s 45 --drain-strategy immediate --disable-hot-restart \
         --parent-shutdown-time-s 60 --concurrency 2 --base-id 27 --restart-epoch 0 --file-flush-interval-msec 1000");
    assert_eq!(options.config_path, Some(PathBuf::from("/etc/x.yaml")));
    assert_eq!((options.log_level, options.drain_strategy), (Level::Warning, DrainStrategy::Immediate));
    assert_eq!((options.service_node.as_str(), options.concurrency), ("b", Some(2)));
    assert_eq!(run("--config-path=x --mode=validate").mode, Mode::Validate);
    assert!(run("").is_example() && !run("--mode validate").is_example());
}

fn refused(arguments: &[&str]) -> String {
    match Options::read(std::iter::once("nuncio").chain(arguments.iter().copied()).map(OsString::from)) {
        Parsed::Refuse(text) => text,
        other => panic!("{arguments:?}: {other:?}"),
    }
}

/// What Envoy 1.40 says of the same arguments.
#[test]
fn what_cannot_be_read_is_refused_in_envoys_words() {
    let check = |arguments: &[&str], option: &str, wrong: &str| {
        let expected = format!("PARSE ERROR: Argument: {option}\n             {wrong}\n");
        let text = refused(arguments);
        assert!(text.starts_with(&expected), "{arguments:?}: {text}");
        assert!(text.ends_with("\nFor complete USAGE and HELP type: \n   nuncio --help\n\n"), "{text}");
    };
    const UNKNOWN: &str = "Couldn't find match for argument";
    check(&["--bogus"], "--bogus", UNKNOWN);
    check(&["--bogus", "--version"], "--bogus", UNKNOWN);
    check(&["extra"], "extra", UNKNOWN);
    check(&["-v"], "-v", UNKNOWN);
    check(&["--l", "error"], "--l", UNKNOWN);
    check(&["-lerror"], "-lerror", UNKNOWN);
    check(&["-c=x"], "-c=x", UNKNOWN);
    check(&["--version=1"], "--version=1", UNKNOWN);
    check(&["--disable-hot-restart x"], "--disable-hot-restart x", UNKNOWN);
    check(&["--hot-restart-version", "--bogus"], "--bogus", UNKNOWN);
    // The value of -c is -l.
    check(&["-c", "-l", "error"], "error", UNKNOWN);
    check(&["-c"], "-c (--config-path)", "Missing a value for this argument!");
    check(&["--config-path"], "-c (--config-path)", "Missing a value for this argument!");
    check(&["--base-id"], "(--base-id)", "Missing a value for this argument!");
    check(&["-c", "x", "--config-path", "x"], "-c (--config-path)", "Argument already set!");
    check(&["-l", "info", "--log-level", "info"], "-l (--log-level)", "Argument already set!");
    check(&["--disable-hot-restart", "--disable-hot-restart"], "(--disable-hot-restart)", "Argument already set!");
    check(
        &["--disable-extensions", "a", "--disable-extensions", "b"],
        "(--disable-extensions)",
        "Argument already set!",
    );
    for text in ["x", "1x", "4294967296", "0x10", "1 x", "1 "] {
        let wrong = format!("Couldn't read argument value from string '{text}'");
        check(&["--concurrency", text], "(--concurrency)", &wrong);
    }
    check(&["--base-id", "1 2"], "(--base-id)", "More than one valid value parsed from string '1 2'");
}

#[test]
fn values_that_mean_nothing_are_refused_in_envoys_words() {
    let check = |line: &str, expected: &str| {
        assert_eq!(refused(&line.split_whitespace().collect::<Vec<_>>()), format!("error: {expected}\n"), "{line}");
    };
    check("-l bogus", "invalid log level specified 'bogus'");
    check("-l INFO", "invalid log level specified 'INFO'");
    check("--mode bogus", "unknown mode 'bogus'");
    check("--drain-strategy bogus", "unknown drain-strategy 'bogus'");
    check("--local-address-ip-version v5", "unknown IP address version 'v5'");
    check("--stats-tag x", "misformatted stats-tag 'x'");
    check("--stats-tag a:b.c", "misformatted stats-tag 'a:b.c' contains invalid char in 'b.c'");
    check("--stats-tag a-b:c", "misformatted stats-tag 'a-b:c' contains invalid char in 'a-b'");
    check("--stats-tag a:", "misformatted stats-tag 'a:' contains invalid char in ''");
    check("--component-log-level nope:debug", "invalid component specified 'nope'");
    check("--component-log-level upstream", "component log level not correctly specified 'upstream'");
    check("--component-log-level upstream:a:b", "component log level not correctly specified 'upstream:a:b'");
    check("--component-log-level upstream:debug,", "component log level not correctly specified ''");
    check("--component-log-level nope:bogus", "invalid log level specified 'bogus'");
    check("--restart-epoch 1 --use-dynamic-base-id", "cannot use --restart-epoch=1 with --use-dynamic-base-id");
}

#[test]
fn what_is_missing_is_refused_with_a_reason() {
    let check = |line: &str, expected: &str| {
        let text = refused(&line.split_whitespace().collect::<Vec<_>>());
        assert!(text.contains(expected), "{expected} in {text}");
    };
    for (name, why) in MISSING {
        check(name, &format!("error: {name} is not supported: {why}\n"));
    }
    check("--restart-epoch 1", "error: --restart-epoch 1 is not supported: there is no hot restart yet");
    check("--config-pth x", "Did you mean --config-path?");
}

#[test]
fn a_later_process_of_a_row_starts_where_it_needs_no_parent() {
    for line in ["--restart-epoch 3 --disable-hot-restart", "--restart-epoch 3 --skip-hot-restart-on-no-parent"] {
        assert_eq!(run(line).restart_epoch, 3, "{line}");
    }
}

#[test]
fn values_are_found_wherever_envoy_finds_them() {
    let check = |arguments: &[&str], expected: Option<u16>| match Options::read(
        std::iter::once("envoy").chain(arguments.iter().copied()).map(OsString::from),
    ) {
        Parsed::Run(options) => assert_eq!(options.concurrency, expected, "{arguments:?}"),
        other => panic!("{arguments:?}: {other:?}"),
    };
    check(&["--concurrency", "2"], Some(2));
    check(&["--concurrency", " 2"], Some(2));
    check(&["--concurrency", "+2"], Some(2));
    check(&["--concurrency", "0"], Some(0));
    check(&["--concurrency", ""], None);
    check(&["--concurrency 2"], Some(2));
    check(&["--concurrency=2"], Some(2));
    check(&["-", "--concurrency", "2"], Some(2));
    check(&["--concurrency", "2", "--", "--run-id", "5", "--concurrency", "3"], Some(2));
    check(&["--concurrency", "2", "--ignore_rest", "--bogus"], Some(2));
    check(&["--", "--bogus"], None);
}

#[test]
fn the_value_of_an_option_may_look_like_an_option_or_be_empty() {
    let options = run("-c -l --service-node --mode --config-yaml -- --");
    assert_eq!(options.config_path(), Some(Path::new("-l")));
    assert_eq!((options.service_node.as_str(), options.config_yaml()), ("--mode", Some("--")));
    let empty = ["nuncio", "-c", "", "--config-yaml", "", "--component-log-level", ""];
    let Parsed::Run(options) = Options::read(empty.map(OsString::from)) else { panic!("read") };
    assert_eq!((options.config_path(), options.config_yaml(), options.is_example()), (None, None, false));
}

#[test]
fn a_dynamic_base_id_is_chosen_unless_nothing_is_shared() {
    assert_eq!(run("--use-dynamic-base-id --base-id 7 --disable-hot-restart").base_id, 7);
    let chosen = |_| run("--use-dynamic-base-id --base-id 7").base_id;
    assert!((0..3).map(chosen).any(|id| id != 7), "three times the same by chance is one in 10^24");
}

#[test]
fn the_version_line_has_five_parts() {
    let Parsed::Print(text) = read("--version") else { panic!("printed") };
    let line = text.trim().strip_prefix("nuncio  version: ").expect("Envoy's form");
    assert_eq!(line.split('/').count(), 5);
    assert_eq!(line.split('/').nth(1), Some("1.40.0"));
}

#[test]
fn help_fits_eighty_columns() {
    let Parsed::Print(text) = read("--help") else { panic!("printed") };
    let long: Vec<_> = text.lines().filter(|line| line.len() > 80).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn options_are_told_in_the_order_of_the_proto() {
    let text = run("--file-flush-interval-msec 50 --stats-tag a:b").as_json(3).document();
    assert!(text.starts_with("{\n \"base_id\": \"0\",\n \"concurrency\": 3,\n \"config_path\": \"\",\n"), "{text}");
    assert!(text.contains("\"file_flush_interval\": \"0.050s\"") && text.contains("[\n  \"a:b\"\n ]"), "{text}");
}

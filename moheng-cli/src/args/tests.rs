//! What the command line accepts.

use moheng_collect::NameFilter;
use moheng_tsdb::WalCompression;

use super::*;

#[track_caller]
fn parse(line: &str) -> Result<Command, String> {
    Cli::try_parse_from(line.split(' '))
        .map(|cli| cli.command)
        .map_err(|error| error.to_string())
}

#[track_caller]
fn run(line: &str) -> RunArgs {
    match parse(line) {
        Ok(Command::Run(args)) => *args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_definition_is_consistent() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn run_has_prometheus_defaults() {
    let args = run("moheng-cli run");
    assert_eq!(args.config_file, None);
    assert_eq!(args.storage.path.to_str(), Some("data/"));
    assert_eq!(args.web.listen_addresses, ["127.0.0.1:9090"]);
    assert_eq!(args.engine.lookback_delta.as_secs(), 300);
    assert_eq!(args.engine.timeout.as_secs(), 120);
    assert_eq!(
        (args.engine.max_samples, args.query.max_concurrency),
        (50_000_000, 20)
    );
    assert!(!args.web.enable_admin_api && !args.web.enable_lifecycle);
    assert_eq!((args.engine.threads, args.engine.features), (None, Vec::new()));
}

#[test]
fn run_takes_prometheus_flags() {
    let args = run(
        "moheng-cli run --config.file=p.yml --storage.tsdb.path=/d --web.listen-address=:1 \
         --web.listen-address 127.0.0.1:2 --query.timeout=90s --log.level=debug --log.format=json \
         --enable-feature=promql-experimental-functions,exemplar-storage --enable-feature promql-delayed-name-removal \
         --query.threads=3",
    );
    let features = [
        Feature::PromqlExperimentalFunctions,
        Feature::ExemplarStorage,
        Feature::PromqlDelayedNameRemoval,
    ];
    assert_eq!(
        (args.engine.threads, &args.engine.features[..]),
        (Some(3), &features[..])
    );
    assert_eq!(args.config_file, Some(PathBuf::from("p.yml")));
    assert_eq!(args.web.listen_addresses, [":1", "127.0.0.1:2"]);
    assert_eq!(args.engine.timeout.as_secs(), 90);
    assert_eq!(args.log.format, LogFormat::Json);
}

#[test]
fn logs_are_compressed_as_asked() {
    for (flags, expected) in [
        ("", WalCompression::Snappy),
        (" --storage.tsdb.wal-compression", WalCompression::Snappy),
        (" --storage.tsdb.wal-compression=false", WalCompression::None),
        (" --no-storage.tsdb.wal-compression", WalCompression::None),
        (" --storage.tsdb.wal-compression-type=zstd", WalCompression::Zstd),
        (
            " --storage.tsdb.wal-compression-type=zstd --no-storage.tsdb.wal-compression",
            WalCompression::None,
        ),
    ] {
        let args = run(&format!("moheng-cli run{flags}"));
        assert_eq!(args.storage.wal_compression(), expected, "{flags}");
    }
}

#[test]
fn wrong_lines_are_refused() {
    for (line, expected) in [
        (
            "moheng-cli run --storage.tsdb.wal-compression-type=lz4",
            "expected \"none\"",
        ),
        (
            "moheng-cli run --storage.tsdb.wal-segment-size=1.5MB",
            "expected 0 or a size",
        ),
        ("moheng-cli run --query.timeout=1.5m", "expected a duration"),
        ("moheng-cli run --query.max-samples=0", "at least 1"),
        ("moheng-cli run --enable-feature=old-ui", "old-ui"),
        ("moheng-cli run --config.fil=x", "--config.file"),
        ("moheng-cli run --storage.wal-sync=never", "never"),
        ("moheng-cli query", "EXPRESSION"),
        ("moheng-cli query --time 1 --start 2 up", "cannot be used with"),
        ("moheng-cli query --end 2 up", "--start"),
        ("moheng-cli query --query.threads 2 up", "--data-dir"),
        (
            "moheng-cli query --enable-feature=promql-delayed-name-removal up",
            "--data-dir",
        ),
        ("moheng-cli query -o xml up", "table, json, csv"),
        ("moheng-cli tsdb dump --format xml", "seriesjson"),
        ("moheng-cli tsdb list -r -o json", "cannot be used with"),
        ("moheng-cli backup create", "--to"),
        ("moheng-cli backup restore --from a", "--to"),
    ] {
        let error = parse(line).expect_err(line);
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn an_expression_may_start_with_a_minus() {
    let Ok(Command::Query(args)) = parse("moheng-cli query -up") else {
        panic!("the expression is accepted");
    };
    assert_eq!(args.expression, "-up");
    assert_eq!(args.server, DEFAULT_SERVER);
    assert_eq!(args.output, OutputFormat::Table);
}

#[test]
fn tsdb_takes_the_arguments_of_promtool() {
    let Ok(Command::Tsdb(args)) =
        parse("moheng-cli tsdb dump --min-time=-5 --max-time 7 --match=a --match b d")
    else {
        panic!("the arguments are accepted");
    };
    let TsdbCommand::Dump(args) = args.command else {
        panic!("{args:?}");
    };
    let selection = args.selection;
    assert_eq!(selection.directory, PathBuf::from("d"));
    assert_eq!(
        (selection.min_time.as_deref(), selection.max_time.as_deref()),
        (Some("-5"), Some("7"))
    );
    assert_eq!(selection.matches, ["a", "b"]);
}

#[test]
fn filters_of_ethtool_are_node_exporters() {
    for (flags, devices, metrics) in [
        ("", NameFilter::All, ".*"),
        (
            "--collector.ethtool.device-include=^eth",
            NameFilter::Include("^eth".to_owned()),
            ".*",
        ),
        (
            "--collector.ethtool.device-exclude=^lo$ --collector.ethtool.metrics-include=^rx_",
            NameFilter::Exclude("^lo$".to_owned()),
            "^rx_",
        ),
        (
            "--collector.ethtool.device-include= --collector.ethtool.device-exclude=^lo$",
            NameFilter::Exclude("^lo$".to_owned()),
            ".*",
        ),
    ] {
        let line = format!("moheng-cli collect host --collector.ethtool {flags}");
        let Ok(Command::Collect(args)) = parse(line.trim_end()) else {
            panic!("{flags}");
        };
        let CollectCommand::Host(host) = args.command;
        let options = host.options;
        assert!(options.is_on("ethtool"));
        assert_eq!(
            (&options.ethtool_devices, options.fields.ethtool.as_str()),
            (&devices, metrics)
        );
    }
    assert!(parse("moheng-cli collect host --collector.ethtool.device-include=a --collector.ethtool.device-exclude=b").is_err());
    assert!(parse("moheng-cli collect host --collector.ethtool.metrics-exclude=a").is_err());
}

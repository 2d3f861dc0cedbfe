//! `tsdb`: what is printed of a data directory, and how failures are told.

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use moheng_metrics::{AppendBatch, Labels, SampleSink};
use moheng_tsdb::{Db, Settings};

use crate::support::{directory, moheng};

const DAY_MS: i64 = 86_400_000;

/// A database with a block and samples in the log. Returns its path and what a dump prints.
fn fill(path: &Path) -> (String, String) {
    let db = Db::open(path, Settings::default()).expect("the database opens");
    let mut expected = String::new();
    for (name, zone) in [("b_total", "z"), ("a", "é\"\n\u{a0}")] {
        let labels = Labels::from_pairs([("__name__", name), ("zone", zone)]);
        for hour in 0..5_i64 {
            let mut batch = AppendBatch::new();
            batch.push_labels(&labels, DAY_MS + hour * 3_600_000 + 7, 1e6 * hour as f64);
            db.append(&batch).expect("the samples are taken");
        }
    }
    for (name, zone) in [("a", r#"é\"\n\u00a0"#), ("b_total", "z")] {
        for (hour, value) in ["0", "1e+06", "2e+06", "3e+06", "4e+06"].into_iter().enumerate() {
            let time_ms = DAY_MS + hour as i64 * 3_600_000 + 7;
            let _ = writeln!(
                expected,
                "{{__name__=\"{name}\", zone=\"{zone}\"}} {value} {time_ms}"
            );
        }
    }
    db.compact().expect("a block is written");
    (path.to_str().expect("the path is text").to_owned(), expected)
}

#[test]
fn samples_are_dumped() {
    let directory = directory();
    let (path, expected) = fill(&directory.path().join("data"));
    assert_eq!(moheng(&["tsdb", "dump", &path]).success(), expected);
    let from = format!("--min-time={}", DAY_MS + 14_400_000);
    let part = moheng(&["tsdb", "dump", &from, "--match", "b_total", &path]).success();
    assert_eq!(part, "{__name__=\"b_total\", zone=\"z\"} 4e+06 100800007\n");
    let both = moheng(&["tsdb", "dump", "--match=b_total", "--match={zone!=\"\"}", &path]).success();
    assert_eq!(both, expected);
    assert_eq!(
        moheng(&["tsdb", "dump", "--match", "missing", &path]).success(),
        ""
    );
    assert_eq!(
        moheng(&["tsdb", "dump", "--format=seriesjson", "--match=b_total", &path]).success(),
        "{\"__name__\":\"b_total\",\"zone\":\"z\"}\n"
    );
    assert_eq!(
        moheng(&[
            "tsdb",
            "dump-openmetrics",
            "--match=a",
            "--max-time=86400007",
            &path
        ])
        .success(),
        "a{zone=\"é\\\"\\n\u{a0}\"} 0 86400.007\n# EOF\n"
    );
}

#[test]
fn blocks_are_listed() {
    let directory = directory();
    let data = directory.path().join("data");
    let (path, _) = fill(&data);
    let table = moheng(&["tsdb", "list", &path]).success();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    let fields: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(fields[1..7], ["86400000", "93600000", "2h0m0s", "4", "2", "2"]);
    let json = moheng(&["tsdb", "list", "-o", "json", &path]).success();
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json[0]["ulid"], fields[0]);
    assert_eq!(json[0]["sizeBytes"].to_string(), fields[7]);
    let people = moheng(&["tsdb", "list", "-r", &path]).success();
    assert!(people.contains("1970-01-02 00:00:00 +0000 UTC"), "{people}");

    let damaged = data.join(fields[0]).join("meta.json");
    fs::write(damaged, "{").expect("the file can be written");
    let finished = moheng(&["tsdb", "list", &path]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("meta.json is damaged"),
        "{}",
        finished.stderr
    );
}

#[test]
fn directories_are_verified() {
    let directory = directory();
    let data = directory.path().join("data");
    let (path, _) = fill(&data);
    let whole = moheng(&["tsdb", "verify", &path]).success();
    let expected = "1 blocks with 4 samples of 2 series, a log with 10 samples of 2 series";
    assert!(whole.contains(expected), "{whole}");
    let json = moheng(&["tsdb", "verify", "--json", &path]).success();
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["counts"]["blockSamples"], 4);
    assert_eq!(json["damageCount"], 0);

    let list = moheng(&["tsdb", "list", "-o", "json", &path]).success();
    let list: serde_json::Value = serde_json::from_str(&list).expect("it is JSON");
    let block = list[0]["ulid"].as_str().expect("a name");
    let chunks = data.join(block).join("chunks/000001");
    let mut bytes = fs::read(&chunks).expect("the file can be read");
    bytes[12] ^= 1;
    fs::write(&chunks, bytes).expect("the file can be written");
    let finished = moheng(&["tsdb", "verify", &path]);
    assert_eq!(finished.code, Some(1));
    let expected = format!("damage: {block}/chunks/000001: at byte 8: ");
    assert!(finished.stdout.contains(&expected), "{}", finished.stdout);
    assert!(
        finished.stderr.contains("one place is damaged"),
        "{}",
        finished.stderr
    );
    let finished = moheng(&["tsdb", "verify", "--json", &path]);
    let json: serde_json::Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    assert_eq!(json["problems"][0]["offset"], 8);
    assert_eq!(json["problems"][0]["severity"], "damage");
}

fn float(number: i64) -> String {
    let mut text = String::new();
    moheng_metrics::format_float(number as f64, &mut text);
    text
}

#[test]
fn blocks_are_made_of_openmetrics_and_imported() {
    let directory = directory();
    let root = directory.path();
    let file = root.join("samples.txt");
    let path = |name: &str| root.join(name).to_str().expect("the path is text").to_owned();
    let mut text = "# TYPE latency histogram\n".to_owned();
    // Long enough for several pieces, and in no order.
    let mut expected: Vec<String> = Vec::new();
    for number in 0..60_000_i64 {
        let time = (number * 7919) % 60_000;
        let _ = writeln!(
            text,
            "latency_bucket{{le=\"{}\",zone=\"of the first series\"}} {number} {time}",
            number % 3
        );
        let le = number % 3;
        expected.push(format!(
            "{{__name__=\"latency_bucket\", le=\"{le}.0\", site=\"home\", zone=\"of the first series\"}} {} {}",
            float(number),
            time * 1000
        ));
    }
    text += "# EOF\n";
    fs::write(&file, &text).expect("the file can be written");
    let arguments = [
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--label=site=home",
        &path("samples.txt"),
        &path("out"),
    ];
    let table = moheng(&arguments).success();
    assert_eq!(table.lines().count(), 10, "{table}");
    let dump = moheng(&["tsdb", "dump", &path("out")]).success();
    let mut found: Vec<&str> = dump.lines().collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "{} is not {}", found[0], expected[0]);

    // Read as a table and as JSON.
    let analysis = moheng(&["tsdb", "analyze", &path("out")]).success();
    assert!(
        analysis.contains("Metrics with most series:\n  3 latency_bucket\n"),
        "{analysis}"
    );
    let json = moheng(&["tsdb", "analyze", "--json", "--limit=1", &path("out")]).success();
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!((&json["numSeries"], &json["labelPairs"]), (&3.into(), &6.into()));
    assert_eq!(json["valuesByLabelName"][0]["name"], "le");

    // Imported they give the same; twice they are refused.
    let arguments = ["tsdb", "import", &path("out"), &path("data")];
    assert_eq!(moheng(&arguments).success().lines().count(), 10);
    assert_eq!(moheng(&["tsdb", "dump", &path("data")]).success(), dump);
    let again = moheng(&arguments);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("already"), "{}", again.stderr);
    let large = [
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "-q",
        "--max-block-duration=1d",
        &path("samples.txt"),
        &path("large"),
    ];
    assert_eq!(moheng(&large).success(), "");
    assert_eq!(
        moheng(&["tsdb", "list", &path("large")])
            .success()
            .lines()
            .count(),
        2
    );
}

#[test]
fn errors_in_openmetrics_are_placed() {
    let directory = directory();
    let file = directory.path().join("samples.txt");
    let path = file.to_str().expect("the path is text");
    let output = directory.path().join("out");
    let output = output.to_str().expect("the path is text");
    let filler = "# TYPE a gauge\n".to_owned() + &"a{zone=\"a name that takes room\"} 1 1\n".repeat(200_000);
    for (text, expected) in [
        ("a 1 1\n", ":2:1: expected # EOF at the end"),
        ("a 1\n# EOF\n", ":1:1: the sample of a has no timestamp"),
        ("a 1 1\nb x 1\n# EOF\n", ":2:3: "),
        ("a 1 1\n# EOF\nb 1 1\n", ":3:1: "),
        (&(filler.clone() + "b x 1\n# EOF\n"), ":200002:3: "),
    ] {
        fs::write(&file, text).expect("the file can be written");
        let finished = moheng(&["tsdb", "create-blocks-from", "openmetrics", path, output]);
        assert_eq!(finished.code, Some(1));
        let place = format!("{path}{expected}");
        assert!(finished.stderr.contains(&place), "{place}: {}", finished.stderr);
    }
    fs::write(&file, filler + "# EOF\n").expect("the file can be written");
    moheng(&["tsdb", "create-blocks-from", "openmetrics", path, output]).success();
    assert_eq!(moheng(&["tsdb", "dump", output]).success().lines().count(), 1);
    let bad = moheng(&[
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--label=x",
        path,
        output,
    ]);
    assert_eq!(bad.code, Some(2));
}

#[test]
fn failures() {
    for (arguments, code, message) in [
        (
            &["tsdb", "dump", "/does/not/exist"][..],
            1,
            "/does/not/exist: no such directory",
        ),
        (
            &["tsdb", "list", "/does/not/exist"],
            1,
            "/does/not/exist: no such directory",
        ),
        (&["tsdb", "dump", "--match", "up{", "."], 2, "--match: 1:"),
        (
            &["tsdb", "dump", "--match", "sum(up)", "."],
            2,
            "expected a selector",
        ),
        (&["tsdb", "dump", "--min-time", "soon", "."], 2, "found `soon`"),
        (
            &["tsdb", "dump", "--min-time=2", "--max-time=1", "."],
            2,
            "--max-time is before",
        ),
    ] {
        let finished = moheng(arguments);
        assert_eq!(finished.code, Some(code), "{arguments:?}: {}", finished.stderr);
        assert!(
            finished.stderr.contains(message),
            "{arguments:?}: {}",
            finished.stderr
        );
    }
}

#[test]
fn a_reader_may_stop() {
    let directory = directory();
    let path = directory.path().join("data");
    let db = Db::open(&path, Settings::default()).expect("the database opens");
    let labels = Labels::from_pairs([("__name__", "long")]);
    let mut batch = AppendBatch::new();
    for time_ms in 0..20_000 {
        batch.push_labels(&labels, time_ms, 0.5);
    }
    db.append(&batch).expect("the samples are taken");
    let mut child = Command::new(env!("CARGO_BIN_EXE_moheng-cli"))
        .args(["tsdb", "dump"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut start = [0; 10];
    let mut output = child.stdout.take().expect("it is piped");
    output.read_exact(&mut start).expect("there is output");
    drop(output);
    let finished = child.wait_with_output().expect("it ends");
    assert_eq!(finished.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&finished.stderr), "");
}

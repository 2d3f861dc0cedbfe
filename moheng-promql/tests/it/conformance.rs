//! The conformance scripts, where they lie beside the workspace.

use std::path::Path;

use moheng_promql::testing::Runner;

/// How many evaluations of each script come out as expected at least, and how many there are. Numbers only ever go up.
const SCRIPTS: [(&str, usize, usize); 21] = [
    ("aggregators", 80, 80),
    ("at_modifier", 39, 39),
    ("collision", 1, 1),
    ("duration_expression", 30, 30),
    ("extended_vectors", 85, 85),
    ("fill-modifier", 23, 23),
    ("functions", 216, 216),
    ("histograms", 93, 93),
    ("info", 27, 27),
    ("limit", 19, 19),
    ("literals", 13, 13),
    ("name_label_dropping", 15, 15),
    ("native_histograms", 261, 261),
    ("operators", 107, 107),
    ("range_queries", 9, 9),
    ("selectors", 16, 16),
    ("staleness", 9, 9),
    ("start_timestamps", 14, 14),
    ("subquery", 17, 17),
    ("trig_functions", 10, 10),
    ("type_and_unit", 29, 29),
];

/// Names and texts of the scripts; `None` when they are not there.
pub(crate) fn texts() -> Option<Vec<(&'static str, String)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/promqltest");
    if !folder.is_dir() {
        return None;
    }
    let read = |name| std::fs::read_to_string(folder.join(format!("{name}.test"))).unwrap();
    Some(SCRIPTS.iter().map(|(name, ..)| (*name, read(name))).collect())
}

#[test]
fn conformance() {
    let Some(texts) = texts() else {
        println!("skipped: the conformance scripts are not there");
        return;
    };
    let mut fallen = Vec::new();
    for ((name, wanted, total), (_, text)) in SCRIPTS.into_iter().zip(texts) {
        let report = Runner::new()
            .run(&text)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}: {} of {}", report.passed, report.total);
        for failure in &report.failures {
            println!("    {failure}");
        }
        if report.passed < wanted || report.total != total {
            fallen.push(format!(
                "{name}: {} of {} instead of {wanted} of {total}",
                report.passed, report.total
            ));
        }
    }
    assert!(fallen.is_empty(), "{fallen:#?}");
}

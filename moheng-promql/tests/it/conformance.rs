//! The conformance scripts, where they lie beside the workspace.

use std::path::Path;

use moheng_promql::testing::Runner;

#[test]
fn conformance() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/promqltest");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "test")).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_stem().unwrap().to_str().unwrap();
        match Runner::new().run(&text) {
            Ok(report) => {
                println!("{name} {}/{}", report.passed, report.total);
                for failure in &report.failures { println!("    {}", &failure.chars().take(400).collect::<String>()); }
            }
            Err(error) => println!("{name} ERROR {error}"),
        }
    }
}

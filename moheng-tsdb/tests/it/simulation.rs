//! A bounded number of seeds of the simulation; the example `simulate` runs as many as one likes.

use moheng_tsdb::testing::simulation::{Effort, check_seed};

fn check(seeds: std::ops::Range<u64>, effort: Effort) {
    for seed in seeds {
        let summary = check_seed(seed, effort).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        assert!(summary.runs > 1 && summary.opened >= 2 * summary.runs);
    }
}

#[test]
fn seeds_with_some_faults_keep_every_promise() {
    check(0..3, Effort::Some(2));
}

//! Stores samples in a directory, closes the database, and reads them back.
//!
//!     cargo run -p moheng-tsdb --example embed

use std::error::Error;
use std::io::{Write, stdout};

use moheng_metrics::{AppendBatch, Labels, MatchOp, Matcher, SampleBuffer, SampleSink, Select, SeriesSource};
use moheng_tsdb::{Db, Settings, WalSync};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("moheng-embed-{}", std::process::id()));
    let mut settings = Settings::default();
    settings.wal_sync = WalSync::Always; // an append that returned survives a power cut

    let db = Db::open(&path, settings.clone())?;
    for room in ["kitchen", "cellar"] {
        let labels = Labels::from_pairs([("__name__", "room_celsius"), ("room", room)]);
        let mut batch = AppendBatch::new();
        for minute in 0..5 {
            batch.push_labels(&labels, minute * 60_000, 18.5 + minute as f64 / 10.0);
        }
        db.append(&batch)?;
    }
    db.close()?;
    drop(db);

    let db = Db::open(&path, settings)?;
    let rooms = Matcher::new(MatchOp::Regex, "room", "k.*|c.*")?;
    let mut cursor = db.select(&Select::new(vec![rooms], 60_000, 180_000))?;
    let mut out = stdout().lock();
    while let Some(mut series) = cursor.next_series()? {
        let mut samples = SampleBuffer::new();
        while series.samples.read(&mut samples)? {}
        writeln!(out, "{} {:?}", series.labels, samples.floats.values)?;
    }
    drop(cursor);
    db.close()?;
    std::fs::remove_dir_all(&path)?;
    Ok(())
}

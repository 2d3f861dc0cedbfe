//! [`World`]: carries out a plan on a database whose disk fails, and compares it with the model.

use std::collections::HashMap;
use std::sync::Arc;

use moheng_metrics::testing::{HistogramSeries, ManualClock, try_read_samples};
use moheng_metrics::{Clock, Select, SeriesRef, SeriesSource};

use super::choices::Choices;
use super::compare::compare;
use super::model::{Model, Observed};
use super::plan::Plan;
use super::strike::{End, Strike};
use crate::storage::{Directory, FaultDirectory, MemoryDirectory};
use crate::{Db, Error, WalSync};

/// A failing disk is repaired after so many operations of the plan, or attempts to open.
const REPAIRED_AFTER: u64 = 3;

/// Carries out a plan.
#[derive(Debug)]
pub(super) struct World<'p> {
    pub(super) plan: &'p Plan,
    medium: MemoryDirectory,
    pub(super) disk: FaultDirectory,
    /// Operations on the disk in the lives before the last crash.
    operations_before: u64,
    strikes: std::vec::IntoIter<Strike>,
    current: Option<Strike>,
    /// How many more operations the current strike lasts once it fired.
    repaired_in: u64,
    pub(super) clock: Arc<ManualClock>,
    pub(super) model: Model,
    pub(super) counters: HashMap<u64, HistogramSeries>,
    pub(super) references: HashMap<u64, SeriesRef>,
    pub(super) tally: Tally,
    /// Nothing but crashes of the process happened: there is no damage.
    is_undamaged: bool,
}

/// What happened in a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Operations on the disk, crashes included.
    pub(super) operations: u64,
    /// Faults that struck.
    pub(super) fired: u64,
    /// Samples at the end.
    pub(super) samples: u64,
    pub(super) head_blocks: u64,
    pub(super) joined_blocks: u64,
    pub(super) expired_blocks: u64,
    pub(super) opened: u64,
    /// The operations at which opening began and ended, for the last crash.
    pub(super) recovery: Option<(u64, u64)>,
}

/// What became of something that was tried.
pub(super) enum Tried<T> {
    Done(T),
    /// It failed because of a fault.
    Failed,
}

impl<'p> World<'p> {
    pub(super) fn new(plan: &'p Plan, strikes: Vec<Strike>) -> Self {
        let medium = MemoryDirectory::new();
        Self {
            plan,
            disk: FaultDirectory::new(Arc::new(medium.clone())),
            medium,
            operations_before: 0,
            strikes: strikes.into_iter(),
            current: None,
            repaired_in: 0,
            clock: Arc::new(ManualClock::new(plan.start_ms)),
            model: Model::new(plan.settings.wal_sync),
            counters: HashMap::new(),
            references: HashMap::new(),
            tally: Tally::default(),
            is_undamaged: true,
        }
    }

    /// Carries out the whole plan.
    ///
    /// # Errors
    ///
    /// What the database did wrong.
    pub(super) fn run(mut self) -> Result<Tally, String> {
        let mut next = 0;
        while next < self.plan.operations.len() {
            let db = self.open()?;
            next = self.session(db, next)?;
        }
        self.finish()?;
        self.tally.operations = self.operations();
        self.tally.samples = self.model.sample_count() as u64;
        Ok(self.tally)
    }

    /// The last opening, without faults: all is there, it goes on, and it lasts.
    fn finish(&mut self) -> Result<(), String> {
        self.disk.heal();
        self.current = None;
        self.strikes = Vec::new().into_iter();
        let db = self.open()?;
        self.clock.advance_ms(60_000);
        self.append_one(&db)?;
        db.compact().map_err(in_words("the last compaction"))?;
        self.after_compaction();
        db.verify().map_err(in_words("the last verification"))?;
        self.compare_all(&db)?;
        db.close().map_err(in_words("the last closing"))?;
        self.model.synced_until(u64::MAX);
        drop(db);
        self.end(End::Power);
        let db = self.open()?;
        db.verify()
            .map_err(in_words("the verification after the last power cut"))
    }

    /// Opens the database, however often it takes, and compares what it holds with what it must.
    pub(super) fn open(&mut self) -> Result<Db, String> {
        let begin = self.operations();
        for attempt in 0..100 {
            self.arm();
            let fired = self.disk.fired();
            let db = self.try_open(false);
            let opened = match db {
                Ok(db) => self.settle(db)?,
                Err(error) => {
                    self.must_be_fault(fired, "opening", &error)?;
                    None
                }
            };
            if self.disk.is_crashed() {
                drop(opened);
                self.crash();
            } else if let Some(db) = opened {
                self.tally.opened += 1;
                self.tally.recovery = Some((begin, self.operations()));
                return Ok(db);
            }
            if attempt >= REPAIRED_AFTER {
                self.repair();
            }
        }
        Err("opening fails again and again".to_owned())
    }

    pub(super) fn try_open(&self, is_read_only: bool) -> Result<Db, Error> {
        self.builder(Arc::new(self.disk.clone()))
            .read_only(is_read_only)
            .open()
    }

    pub(super) fn builder(&self, directory: Arc<dyn Directory>) -> crate::DbBuilder {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Db::builder(directory)
            .settings(self.plan.settings.clone())
            .clock(clock)
            .without_worker()
    }

    /// Looks what the database holds after it was opened. `None` when a fault came in between.
    fn settle(&mut self, db: Db) -> Result<Option<Db>, String> {
        let Tried::Done(observed) = self.read(&db, &everything())? else {
            return Ok(None);
        };
        self.model.end_process();
        compare(self.model.all(), &observed, true).map_err(|error| format!("after opening: {error}"))?;
        let fired = self.disk.fired();
        if let Err(error) = db.verify() {
            self.must_be_fault(fired, "verifying after opening", &error)?;
            return Ok(None);
        }
        let corruptions = db.stats().replay.corruptions;
        if self.is_undamaged && corruptions > 0 {
            return Err(format!("{corruptions} damages are found where there are none"));
        }
        self.model.adopt(&observed);
        self.model
            .set_window_ms(self.plan.settings.out_of_order_window_ms);
        self.references.clear();
        Ok(Some(db))
    }

    /// Reads what a query selects.
    pub(super) fn read(&mut self, db: &Db, select: &Select) -> Result<Tried<Observed>, String> {
        let fired = self.disk.fired();
        let read = db
            .select(select)
            .and_then(|mut cursor| try_read_samples(&mut *cursor, select));
        match read {
            Ok(observed) => Ok(Tried::Done(observed)),
            Err(error) => {
                self.must_be_fault(fired, "a query", &error)?;
                Ok(Tried::Failed)
            }
        }
    }

    /// Compares everything with the model, in a session.
    pub(super) fn compare_all(&mut self, db: &Db) -> Result<(), String> {
        for _ in 0..3 {
            if let Tried::Done(observed) = self.read(db, &everything())? {
                return compare(self.model.all(), &observed, false);
            }
            if self.disk.is_crashed() {
                return Ok(());
            }
        }
        self.repair();
        Ok(())
    }

    /// An error without a fault is a bug.
    pub(super) fn must_be_fault(
        &self,
        fired_before: u64,
        what: &str,
        error: &dyn std::fmt::Display,
    ) -> Result<(), String> {
        if self.disk.fired() > fired_before {
            Ok(())
        } else {
            Err(format!("{what} fails without a fault: {error}"))
        }
    }

    /// Prepares the next strike when the one before is over.
    pub(super) fn arm(&mut self) {
        if self.current.is_none()
            && let Some(strike) = self.strikes.next()
        {
            let mut injection = strike.injection;
            injection.at = injection.at.saturating_sub(self.operations_before);
            self.disk.inject(injection);
            self.current = Some(strike);
            self.repaired_in = REPAIRED_AFTER;
        }
    }

    /// To be called after each operation of the plan: repairs the disk some time after it began to fail.
    pub(super) fn let_repair(&mut self, fired_before: u64) {
        let has_fired = self.disk.fired() > fired_before;
        self.is_undamaged &= !has_fired;
        if has_fired || self.repaired_in < REPAIRED_AFTER {
            self.repaired_in = self.repaired_in.saturating_sub(1);
        }
        if self.repaired_in == 0 {
            self.repair();
        }
    }

    /// No more of the current fault.
    pub(super) fn repair(&mut self) {
        if !self.disk.is_crashed() {
            self.disk.heal();
            self.current = None;
        }
    }

    /// The current strike was a crash, which has happened.
    pub(super) fn crash(&mut self) {
        let end = self.current.take().map_or(End::Process, |strike| {
            // Operations that were tried afterwards are not counted.
            let failed_at = strike.injection.at.max(self.operations_before);
            self.operations_before = failed_at + 1;
            strike.end
        });
        self.tally.fired += self.disk.fired();
        self.lose(end);
    }

    /// The process or the machine ends without a fault.
    pub(super) fn end(&mut self, end: End) {
        self.operations_before = self.operations();
        self.tally.fired += self.disk.fired();
        // A strike that has not come yet comes later.
        if let Some(strike) = self.current.take() {
            let rest: Vec<Strike> = std::iter::once(strike).chain(self.strikes.by_ref()).collect();
            self.strikes = rest.into_iter();
        }
        self.lose(end);
    }

    fn lose(&mut self, end: End) {
        match end {
            End::Process => {}
            End::Power => self.medium = self.medium.after_power_cut(|_| 0),
            End::TornPower(seed) => {
                let mut choices = Choices::from_seed(seed);
                self.medium = self.medium.after_torn_power_cut(|limit| choices.below(limit));
            }
        }
        if end != End::Process {
            self.is_undamaged = false;
            self.model.power_cut();
        }
        self.disk = FaultDirectory::new(Arc::new(self.medium.clone()));
    }

    /// A sync that was promised has returned.
    pub(super) fn synced(&mut self) {
        if self.plan.settings.wal_sync != WalSync::Os {
            self.model.synced_until(u64::MAX);
        }
    }

    /// Which samples the retention may have removed by now.
    pub(super) fn after_compaction(&mut self) {
        /// Memory keeps at least so much, whatever the retention.
        const HEAD_MS: i64 = 3_600_000;
        self.model.has_compacted = true;
        let Some(newest_ms) = self.model.newest_ms else {
            return;
        };
        let retention = self.plan.settings.retention;
        if let Some(time_ms) = retention.time_ms {
            self.model.expire_before(newest_ms - time_ms);
        }
        if retention.size_bytes.is_some() {
            self.model.expire_before(newest_ms - HEAD_MS);
        }
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations_before + self.disk.operations()
    }

    pub(super) fn monotonic_ms(&self) -> u64 {
        self.clock.monotonic().as_millis() as u64
    }
}

pub(super) fn everything() -> Select {
    Select::new(Vec::new(), i64::MIN, i64::MAX)
}

pub(super) fn in_words<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> String {
    move |error| format!("{what} fails without a fault: {error}")
}

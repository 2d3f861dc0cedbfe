//! Series evaluated on several threads, their results handed on in order.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};

use moheng_metrics::SampleBuffer;

use super::column::Column;
use super::element::Element;
use super::input::{Input, Job};
use super::tally::Tally;
use super::window::{Remarks, Scratch};
use crate::error::QueryError;

/// So many series travel between threads at once.
const BATCH_SERIES: usize = 16;
/// So many batches per thread may be under way or wait for their turn.
const BATCHES_PER_THREAD: usize = 3;

/// What one thread works with, and what it has counted.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    pub(crate) buffer: SampleBuffer,
    pub(crate) scratch: Scratch,
    pub(crate) column: Column,
    pub(crate) tally: Tally,
    pub(crate) series_read: u64,
    pub(crate) samples_read: u64,
}

/// What became of one series; its column is in the worker.
pub(crate) type Worked = Option<(Element, Remarks)>;

/// Turns one series into a column.
pub(crate) type Work<'w, 'a> = dyn Fn(Job<'a>, &mut Worker) -> Result<Worked, QueryError> + Sync + 'w;

/// Takes the columns in the order of the series.
pub(crate) type Deliver<'d> = dyn FnMut(Element, &mut Column, Remarks) -> Result<(), QueryError> + 'd;

type JobBatch<'a> = (usize, Vec<Job<'a>>);
type DoneBatch = (usize, Result<Vec<(Element, Column, Remarks)>, QueryError>);

/// Evaluates all series on this thread.
pub(crate) fn run_alone<'a>(
    input: &mut Input<'a>,
    work: &Work<'_, 'a>,
    deliver: &mut Deliver<'_>,
) -> Result<Vec<Worker>, QueryError> {
    let mut worker = Worker::default();
    while let Some(job) = input.next_job()? {
        if let Some((element, remarks)) = work(job, &mut worker)? {
            deliver(element, &mut worker.column, remarks)?;
        }
    }
    Ok(vec![worker])
}

/// Evaluates all series on `threads` threads, this one included.
pub(crate) fn run_on_threads<'a>(
    threads: usize,
    input: &mut Input<'a>,
    work: &Work<'_, 'a>,
    deliver: &mut Deliver<'_>,
) -> Result<Vec<Worker>, QueryError> {
    let (job_sender, job_receiver) = mpsc::channel();
    let job_receiver = Mutex::new(job_receiver);
    let (done_sender, done_receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads)
            .map(|_| {
                let done_sender = done_sender.clone();
                let job_receiver = &job_receiver;
                scope.spawn(move || help(job_receiver, &done_sender, work))
            })
            .collect();
        drop(done_sender);
        let mut conductor = Conductor {
            window: threads * BATCHES_PER_THREAD,
            jobs: job_sender,
            queued: &job_receiver,
            done: done_receiver,
            worker: Worker::default(),
            ready: BTreeMap::new(),
            sent: 0,
            delivered: 0,
        };
        let result = conductor.conduct(input, work, deliver);
        if result.is_err() {
            while conductor.take_queued().is_some() {}
        }
        let Conductor { worker, jobs, .. } = conductor;
        // The helpers end when nobody can send jobs any more.
        drop(jobs);
        let mut workers = vec![worker];
        for helper in helpers {
            workers.push(helper.join().map_err(|_| worker_failed())?);
        }
        result.map(|()| workers)
    })
}

fn worker_failed() -> QueryError {
    QueryError::execution("a thread of the query failed")
}

/// Hands out jobs, helps with them, and delivers results in order.
struct Conductor<'c, 'a> {
    /// How many batches may be under way.
    window: usize,
    jobs: Sender<JobBatch<'a>>,
    queued: &'c Mutex<Receiver<JobBatch<'a>>>,
    done: Receiver<DoneBatch>,
    worker: Worker,
    ready: BTreeMap<usize, Vec<(Element, Column, Remarks)>>,
    sent: usize,
    delivered: usize,
}

impl<'a> Conductor<'_, 'a> {
    fn conduct(
        &mut self,
        input: &mut Input<'a>,
        work: &Work<'_, 'a>,
        deliver: &mut Deliver<'_>,
    ) -> Result<(), QueryError> {
        let mut is_exhausted = false;
        loop {
            while !is_exhausted && self.sent - self.delivered < self.window {
                is_exhausted = !self.send_batch(input)?;
            }
            if self.delivered == self.sent {
                return Ok(());
            }
            while let Ok((number, batch)) = self.done.try_recv() {
                self.ready.insert(number, batch?);
            }
            if let Some(batch) = self.ready.remove(&self.delivered) {
                for (element, mut column, remarks) in batch {
                    deliver(element, &mut column, remarks)?;
                }
                self.delivered += 1;
            } else if let Some((number, jobs)) = self.take_queued() {
                let batch = work_off(jobs, work, &mut self.worker)?;
                self.ready.insert(number, batch);
            } else {
                let (number, batch) = self.done.recv().map_err(|_| worker_failed())?;
                self.ready.insert(number, batch?);
            }
        }
    }

    /// Sends the next series off; `false` when there is none left.
    fn send_batch(&mut self, input: &mut Input<'a>) -> Result<bool, QueryError> {
        let mut jobs = Vec::with_capacity(BATCH_SERIES);
        while jobs.len() < BATCH_SERIES
            && let Some(job) = input.next_job()?
        {
            jobs.push(job);
        }
        if jobs.is_empty() {
            return Ok(false);
        }
        self.jobs.send((self.sent, jobs)).map_err(|_| worker_failed())?;
        self.sent += 1;
        Ok(true)
    }

    /// A batch no helper has begun. When a helper waits for one, there is none.
    fn take_queued(&self) -> Option<JobBatch<'a>> {
        self.queued.try_lock().ok()?.try_recv().ok()
    }
}

/// Works off batches until there can be no more.
fn help<'a>(jobs: &Mutex<Receiver<JobBatch<'a>>>, done: &Sender<DoneBatch>, work: &Work<'_, 'a>) -> Worker {
    let mut worker = Worker::default();
    loop {
        let received = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, batch)) = received else {
            return worker;
        };
        let mut alarm = Alarm {
            number,
            done,
            is_armed: true,
        };
        let result = work_off(batch, work, &mut worker);
        alarm.is_armed = false;
        if done.send((number, result)).is_err() {
            return worker;
        }
    }
}

fn work_off<'a>(
    jobs: Vec<Job<'a>>,
    work: &Work<'_, 'a>,
    worker: &mut Worker,
) -> Result<Vec<(Element, Column, Remarks)>, QueryError> {
    let mut done = Vec::with_capacity(jobs.len());
    for job in jobs {
        if let Some((element, remarks)) = work(job, worker)? {
            done.push((element, std::mem::take(&mut worker.column), remarks));
        }
    }
    Ok(done)
}

/// Tells the conductor that a batch will never be done, when the thread that had it panics.
struct Alarm<'d> {
    number: usize,
    done: &'d Sender<DoneBatch>,
    is_armed: bool,
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if !self.is_armed {
            return;
        }
        // Nobody may be listening any more, and then nobody waits for the batch.
        let _ = self.done.send((self.number, Err(worker_failed())));
    }
}

//! [`Runner`]: runs jobs that may hang, one after another, and never waits for one longer than its time.
//!
//! All jobs of a round are taken by one helper thread. When a job dawdles, another thread takes the jobs behind it; when
//! the time is up, the round ends without it. A job that hangs keeps its thread and is not started again before it has
//! come back, so the number of threads is bounded by the number of jobs, and by `threads_max`. A thread that is done waits for
//! the next round, one of them at most.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, SendError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

/// A round looks this many times whether its jobs make progress before their time is up.
const LOOKS: u32 = 50;

/// Something that may hang.
pub(crate) trait Job: Send + Sync + 'static {
    type Output: Send + 'static;

    fn run(&self) -> Self::Output;
}

/// A job that remembers whether it is still running.
#[derive(Debug)]
pub(crate) struct Task<J> {
    pub(crate) job: J,
    is_running: AtomicBool,
}

impl<J: Job> Task<J> {
    pub(crate) fn new(job: J) -> Arc<Self> {
        Arc::new(Self {
            job,
            is_running: AtomicBool::new(false),
        })
    }

    /// Whether a round has started the job and it has not come back.
    pub(crate) fn is_running(&self) -> bool {
        self.is_running.load(Ordering::Acquire)
    }
}

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    Finished(T),
    Panicked,
    /// Not finished in time, not started in time, or still hanging from an earlier round.
    TimedOut,
}

/// What a thread does for a round.
type Work = Box<dyn FnOnce() + Send>;

/// The way to a thread that waits for work, if one does.
type Idle = Mutex<Option<Sender<Work>>>;

/// Starts the threads of one kind of jobs and counts them.
#[derive(Debug)]
pub(crate) struct Runner {
    name: &'static str,
    idle: Arc<Idle>,
    /// Without the idle one.
    threads: Arc<AtomicUsize>,
    threads_max: usize,
}

impl Runner {
    pub(crate) fn new(name: &'static str, threads_max: usize) -> Self {
        Self {
            name,
            idle: Arc::default(),
            threads: Arc::default(),
            threads_max,
        }
    }

    /// Runs all tasks that are not running already; the outcomes are in the order of `tasks`.
    ///
    /// Returns after `limit` at the latest, give or take a scheduling delay. Rounds of the same tasks must not overlap.
    pub(crate) fn run<J: Job>(&self, tasks: &[Arc<Task<J>>], limit: Duration) -> Vec<Outcome<J::Output>> {
        let ready: VecDeque<usize> = (0..tasks.len())
            .filter(|&index| !tasks[index].is_running())
            .collect();
        let round = Arc::new(Round {
            tasks: tasks.to_vec(),
            state: Mutex::new(RoundState {
                unfinished: ready.len(),
                waiting: ready,
                outcomes: tasks.iter().map(|_| Outcome::TimedOut).collect(),
            }),
            all_finished: Condvar::new(),
        });
        let mut state = round.lock();
        let mut waiting_before = usize::MAX;
        for _ in 0..LOOKS {
            if state.unfinished == 0 {
                break;
            }
            let waiting = state.waiting.len();
            if waiting > 0 && (waiting == waiting_before || waiting_before == usize::MAX) {
                self.start_thread(&round);
            }
            waiting_before = waiting;
            state = round
                .all_finished
                .wait_timeout_while(state, limit / LOOKS, |state| state.unfinished > 0)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.waiting.clear();
        std::mem::take(&mut state.outcomes)
    }

    /// Starts a thread that takes jobs of `round`, unless there are too many or the system refuses; the next look tries again.
    fn start_thread<J: Job>(&self, round: &Arc<Round<J>>) {
        let slot = ThreadSlot::take(&self.threads);
        if slot.number > self.threads_max {
            return;
        }
        let round = Arc::clone(round);
        let work: Work = Box::new(move || {
            let _slot = slot;
            round.work();
        });
        let waiting = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let work = match waiting {
            None => work,
            Some(thread) => match thread.send(work) {
                Ok(()) => return,
                Err(SendError(work)) => work,
            },
        };
        let idle = Arc::downgrade(&self.idle);
        let spawned = thread::Builder::new().name(self.name.to_owned()).spawn(move || {
            let mut next = Some(work);
            while let Some(work) = next {
                work();
                next = wait_for_work(&idle);
            }
        });
        if let Err(error) = spawned {
            tracing::warn!(%error, thread = self.name, "cannot start a thread");
        }
    }
}

/// `None` when another thread waits already, or the runner is gone.
fn wait_for_work(idle: &Weak<Idle>) -> Option<Work> {
    let (sender, receiver) = mpsc::channel();
    {
        let idle = idle.upgrade()?;
        let mut waiting = idle.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_some() {
            return None;
        }
        *waiting = Some(sender);
    }
    receiver.recv().ok()
}

/// Counts a thread for as long as it works.
struct ThreadSlot {
    threads: Arc<AtomicUsize>,
    number: usize,
}

impl ThreadSlot {
    fn take(threads: &Arc<AtomicUsize>) -> Self {
        Self {
            number: threads.fetch_add(1, Ordering::AcqRel) + 1,
            threads: Arc::clone(threads),
        }
    }
}

impl Drop for ThreadSlot {
    fn drop(&mut self) {
        self.threads.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Round<J: Job> {
    tasks: Vec<Arc<Task<J>>>,
    state: Mutex<RoundState<J::Output>>,
    all_finished: Condvar,
}

struct RoundState<T> {
    /// Tasks that no thread has taken. Emptied when the round ends.
    waiting: VecDeque<usize>,
    unfinished: usize,
    /// By task; empty after the round.
    outcomes: Vec<Outcome<T>>,
}

impl<J: Job> Round<J> {
    fn lock(&self) -> MutexGuard<'_, RoundState<J::Output>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one waiting task after the other.
    fn work(&self) {
        let mut state = self.lock();
        while let Some(index) = state.waiting.pop_front() {
            let task = &self.tasks[index];
            task.is_running.store(true, Ordering::Release);
            drop(state);
            // The job is not used again by this round, so nobody sees what a panic left half done.
            let outcome = catch_unwind(AssertUnwindSafe(|| task.job.run()))
                .map_or(Outcome::Panicked, Outcome::Finished);
            state = self.lock();
            task.is_running.store(false, Ordering::Release);
            if let Some(slot) = state.outcomes.get_mut(index) {
                *slot = outcome;
            }
            state.unfinished -= 1;
            if state.unfinished == 0 {
                self.all_finished.notify_all();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);
    const SHORT: Duration = Duration::from_millis(50);

    /// Returns its number after `gate` has been opened; number 13 panics.
    struct Gated {
        number: u32,
        gate: Arc<Gate>,
    }

    #[derive(Default)]
    struct Gate {
        is_open: Mutex<bool>,
        opened: Condvar,
    }

    impl Gate {
        fn open(&self) {
            *self.is_open.lock().unwrap() = true;
            self.opened.notify_all();
        }
    }

    impl Job for Gated {
        type Output = u32;

        fn run(&self) -> u32 {
            let guard = self.gate.is_open.lock().unwrap();
            drop(self.gate.opened.wait_while(guard, |is_open| !*is_open).unwrap());
            assert!(self.number != 13, "a test's panic");
            self.number
        }
    }

    fn task(number: u32, gate: &Arc<Gate>) -> Arc<Task<Gated>> {
        Task::new(Gated {
            number,
            gate: Arc::clone(gate),
        })
    }

    #[test]
    fn a_round_without_trouble_needs_one_thread() {
        let gate = Arc::new(Gate::default());
        gate.open();
        let tasks: Vec<_> = (0..4).map(|number| task(number, &gate)).collect();
        let runner = Runner::new("test", 1);
        let outcomes = runner.run(&tasks, LONG);
        assert_eq!(outcomes, [0, 1, 2, 3].map(Outcome::Finished));
        assert_eq!(runner.run::<Gated>(&[], LONG), []);
    }

    /// Returns the thread that it runs on.
    struct Located;

    impl Job for Located {
        type Output = thread::ThreadId;

        fn run(&self) -> thread::ThreadId {
            thread::current().id()
        }
    }

    #[test]
    fn rounds_share_a_thread_that_ends_with_the_runner() {
        let runner = Runner::new("test", 1);
        let task = [Task::new(Located)];
        let is_idle = || runner.idle.lock().unwrap().is_some();
        let first = runner.run(&task, LONG);
        while !is_idle() {
            thread::yield_now();
        }
        assert_eq!(runner.run(&task, LONG), first);
        while !is_idle() {
            thread::yield_now();
        }
        let idle = Arc::downgrade(&runner.idle);
        drop(runner);
        assert!(idle.upgrade().is_none(), "nobody keeps the way to the thread");
    }

    #[test]
    fn a_panic_costs_only_its_job() {
        let gate = Arc::new(Gate::default());
        gate.open();
        let tasks = [task(1, &gate), task(13, &gate), task(2, &gate)];
        let outcomes = Runner::new("test", 1).run(&tasks, LONG);
        assert_eq!(
            outcomes,
            [Outcome::Finished(1), Outcome::Panicked, Outcome::Finished(2)]
        );
        assert!(!tasks[1].is_running());
    }

    #[test]
    fn a_stuck_job_holds_up_nobody_and_is_not_started_twice() {
        let (open, closed) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
        open.open();
        let tasks = [task(1, &closed), task(2, &open), task(3, &closed), task(4, &open)];
        let runner = Runner::new("test", 8);
        let expected = [
            Outcome::TimedOut,
            Outcome::Finished(2),
            Outcome::TimedOut,
            Outcome::Finished(4),
        ];
        assert_eq!(runner.run(&tasks, Duration::from_secs(1)), expected);
        for _ in 0..3 {
            assert_eq!(
                runner.run(&tasks, LONG),
                expected,
                "stuck jobs are not waited for again"
            );
        }
        // The threads that are done need a moment to end.
        while runner.threads.load(Ordering::Acquire) != 2 {
            thread::yield_now();
        }
        closed.open();
        while tasks.iter().any(|task| task.is_running()) {
            thread::yield_now();
        }
        assert_eq!(runner.run(&tasks, LONG), [1, 2, 3, 4].map(Outcome::Finished));
    }

    #[test]
    fn threads_are_bounded() {
        let closed = Arc::new(Gate::default());
        let tasks: Vec<_> = (0..5).map(|number| task(number, &closed)).collect();
        let runner = Runner::new("test", 2);
        for _ in 0..3 {
            let outcomes = runner.run(&tasks, SHORT);
            assert!(outcomes.iter().all(|outcome| *outcome == Outcome::TimedOut));
        }
        assert_eq!(tasks.iter().filter(|task| task.is_running()).count(), 2);
        closed.open();
    }
}

use crate::{OpError, Rng};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that asks a running algorithm to stop.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Has somebody asked to stop?
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Receives how far a long algorithm has come.
pub trait Progress: Send + Sync {
    /// `done` of `total` parts are finished.
    fn step(&self, done: u64, total: u64);
}

/// A [`Progress`] that nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn step(&self, _done: u64, _total: u64) {}
}

/// What every algorithm runs in: threads, seed, progress, cancellation. Nothing global is read.
///
/// With `threads > 1` work is spread over the rayon pool that the caller installed (or rayon's
/// global one). Results never depend on the number of threads.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// 1 = stay on this thread; more = use the rayon pool.
    pub threads: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Who watches.
    pub progress: &'a dyn Progress,
    /// Who may stop it.
    pub cancel: Option<&'a Cancel>,
}

impl Default for Context<'_> {
    /// One thread, seed 0, nobody watching.
    fn default() -> Self {
        Self { threads: 1, seed: 0, progress: &NoProgress, cancel: None }
    }
}

impl Context<'_> {
    /// As the default, with `threads` threads.
    pub fn with_threads(threads: usize) -> Self {
        Self { threads, ..Self::default() }
    }

    /// The random stream of item `id` at step `step`; see [`Rng`].
    pub fn rng(&self, id: &str, step: u64) -> Rng {
        Rng::new(self.seed, id, step)
    }

    /// The context of step number `index` of a pipeline: the seed is another one for each, so that
    /// the same operation twice in a row draws different numbers.
    #[must_use]
    pub fn at_step(self, index: u64) -> Self {
        Self { seed: Rng::new(self.seed, "step", index).next_u64(), ..self }
    }

    /// # Errors
    /// [`OpError::Cancelled`] once somebody asked to stop. Call it every few milliseconds of work.
    pub fn check(&self) -> Result<(), OpError> {
        match self.cancel {
            Some(cancel) if cancel.is_cancelled() => Err(OpError::Cancelled),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("threads", &self.threads)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

//! Progress on standard error, with rate and time left.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use restora::report::{ItemReport, Outcome};
use std::sync::atomic::{AtomicU64, Ordering};

/// A bar over the items of a run.
pub struct Bar {
    bar: ProgressBar,
    failed: AtomicU64,
}

impl Bar {
    /// A bar over `total` items; invisible if `quiet` or if standard error is no terminal.
    pub fn new(total: u64, quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template(
            "{bar:30} {pos}/{len} pictures  {per_sec}  {eta} left  {msg}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style);
        bar.enable_steady_tick(std::time::Duration::from_millis(250));
        Self { bar, failed: AtomicU64::new(0) }
    }

    /// One more is done.
    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl restora::run::Observer for Bar {
    fn finished(&self, item: &ItemReport) {
        if item.outcome == Outcome::Failed {
            let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            self.bar.set_message(format!("{failed} failed"));
        }
        self.bar.inc(1);
    }
}

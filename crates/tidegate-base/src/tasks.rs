//! Tasks that shutdown waits for, and the signal that tells them to end.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The signal that the process should end. Cloned freely; triggered once.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A signal that was not given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal. Giving it twice does nothing more.
    pub fn trigger(&self) {
        self.0.cancel();
    }

    /// Whether it was given.
    pub fn is_triggered(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is given.
    pub async fn wait(&self) {
        self.0.cancelled().await;
    }
}

/// Spawned tasks, counted, so that shutdown can wait for them with a time limit.
#[derive(Debug, Clone, Default)]
pub struct Tasks(TaskTracker);

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `task` on the current runtime.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.spawn(task)
    }

    /// Runs `work`, which may block, on the runtime's blocking threads.
    pub fn spawn_blocking<F, T>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.0.spawn_blocking(work)
    }

    /// How many tasks run now.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until every task has ended, at most `limit`. Answers whether all did.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.0.close();
        tokio::time::timeout(limit, self.0.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drain_says_whether_all_tasks_ended() {
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let signal = shutdown.clone();
        drop(tasks.spawn(async move { signal.wait().await }));
        assert!(!tasks.drain(Duration::from_millis(5)).await);
        shutdown.trigger();
        assert!(tasks.drain(Duration::from_secs(5)).await);
    }
}

//! [`Poison`]: after a failed sync nothing is written any more.

use std::sync::{Mutex, PoisonError};

use crate::Error;

/// Remembers why writing must stop.
///
/// After a failed sync the kernel may have dropped the pages and forgotten the error, so neither what was written nor a
/// later sync can be trusted. Reopening reads what the disk really holds.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    reason: Mutex<Option<String>>,
}

impl Poison {
    /// The first reason stays.
    pub(crate) fn set(&self, reason: impl Into<String>) {
        let mut guard = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            let reason = reason.into();
            tracing::error!(%reason, "no more writes");
            *guard = Some(reason);
        }
    }

    /// # Errors
    ///
    /// [`Error::Unavailable`] once poisoned.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &*self.reason.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(reason) => Err(Error::Unavailable(reason.clone())),
            None => Ok(()),
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.check().is_err()
    }
}

//! Checks passwords against their hashes, which is slow on purpose, and remembers what was found.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// More pairs of hash and password than a few scrapers and people use.
const REMEMBERED_MAX: usize = 100;
/// Strangers who try passwords get no more processors than this.
const CHECKS_AT_ONCE: usize = 1;

/// What is known of passwords. They are not kept, only a digest of them.
#[derive(Debug)]
pub(super) struct Passwords {
    remembered: Mutex<HashMap<[u8; 32], bool>>,
    slots: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            remembered: Mutex::default(),
            slots: Semaphore::new(CHECKS_AT_ONCE),
        }
    }
}

impl Passwords {
    /// Whether `hash` is one of `password`.
    pub(super) async fn check(&self, hash: &str, password: String) -> bool {
        let digest = digest(hash, &password);
        if let Some(known) = self.remembered(digest) {
            return known;
        }
        let Ok(_slot) = self.slots.acquire().await else {
            return false;
        };
        // Another request may have found it out meanwhile.
        if let Some(known) = self.remembered(digest) {
            return known;
        }
        let hash = hash.to_owned();
        let checked = spawn_blocking(move || bcrypt::verify(password, &hash)).await;
        let is_right = matches!(checked, Ok(Ok(true)));
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(digest, is_right);
        is_right
    }

    fn remembered(&self, digest: [u8; 32]) -> Option<bool> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(&digest).copied()
    }
}

fn digest(hash: &str, password: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    // Hashes have no zero byte.
    for part in [hash.as_bytes(), &[0], password.as_bytes()] {
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_and_wrong_are_remembered() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let hash = bcrypt::hash("secret", 4).unwrap();
        let passwords = Passwords::default();
        for _ in 0..2 {
            assert!(runtime.block_on(passwords.check(&hash, "secret".to_owned())));
            assert!(!runtime.block_on(passwords.check(&hash, "Secret".to_owned())));
        }
        assert_eq!(passwords.remembered.lock().unwrap().len(), 2);
        assert!(!runtime.block_on(passwords.check("no hash", String::new())));
        for number in 0..2 * REMEMBERED_MAX {
            runtime.block_on(passwords.check("no hash", number.to_string()));
        }
        assert!(passwords.remembered.lock().unwrap().len() <= REMEMBERED_MAX);
    }
}

//! [`OtlpError`].

use thiserror::Error;

/// Why a request was refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The bytes are not what they claim to be: the sender must not send them again.
    #[error("byte {offset}: {message}")]
    Malformed {
        /// Where, counted from the start of the request.
        offset: usize,
        /// What is wrong.
        message: &'static str,
    },
    /// The request would become more than [`super::OtlpOptions::max_output_bytes`]: send less at once.
    #[error("the request becomes more than {max_bytes} bytes of series")]
    TooLarge {
        /// The limit that was exceeded.
        max_bytes: usize,
    },
}

impl OtlpError {
    pub(super) fn malformed(offset: usize, message: &'static str) -> Self {
        Self::Malformed { offset, message }
    }
}

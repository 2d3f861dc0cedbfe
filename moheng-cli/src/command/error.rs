//! Why a command failed, by what its exit code says.

use std::process::ExitCode;

use crate::client::ClientError;
use crate::config::ConfigError;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// Something did not work: exit code 1.
    Failed(String),
    /// What was asked for makes no sense, or the configuration is wrong: exit code 2.
    Usage(String),
    /// Whoever read the output has seen enough: exit code 0.
    OutputClosed,
}

impl CommandError {
    /// What to print, if anything.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Self::Failed(message) | Self::Usage(message) => Some(message),
            Self::OutputClosed => None,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }

    /// An error while the output was written.
    #[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
    pub(crate) fn output(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Failed(format!("cannot write the output: {error}"))
        }
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<ClientError> for CommandError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Url(message) => Self::Usage(message),
            error => Self::Failed(error.to_string()),
        }
    }
}

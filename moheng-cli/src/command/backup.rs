//! pending
use super::CommandError;
use crate::args::BackupCommand;
pub(super) fn backup(_command: BackupCommand) -> Result<(), CommandError> {
    Err(CommandError::Failed("pending".to_owned()))
}

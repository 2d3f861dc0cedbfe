//! The binary as a command that ends.

use std::process::{Command, Stdio};

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it complained about.
    pub(crate) stderr: String,
}

/// Runs the binary to its end, without any of its environment variables set.
pub(crate) fn moheng(arguments: &[&str]) -> Finished {
    moheng_with(arguments, &[])
}

/// As [`moheng`], with these environment variables.
pub(crate) fn moheng_with(arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
    let output = Command::new(env!("CARGO_BIN_EXE_moheng-cli"))
        .args(arguments)
        .env_remove("MOHENG_SERVER")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("the output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("the errors are UTF-8"),
    }
}

impl Finished {
    /// Checks that it succeeded, and returns what it printed.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }
}

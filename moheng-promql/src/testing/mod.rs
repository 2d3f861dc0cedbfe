//! Reader and runner of the promqltest script language. No stability promise.

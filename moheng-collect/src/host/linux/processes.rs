//! Collector `processes`: processes and threads by state. It walks all of `/proc`, so it is off by default.

use moheng_metrics::MetricFamily;
use std::collections::BTreeMap;

use super::families::{append, gauge, gauge_of, push};
use super::function::Roots;
use crate::CollectError;
use crate::files::Folder;
use crate::proc::pid_stat;

pub(super) const NAME: &str = "processes";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let mut process_count = 0_u64;
    let mut thread_count = 0;
    let mut process_states: BTreeMap<String, u32> = BTreeMap::new();
    let mut thread_states: BTreeMap<String, u32> = BTreeMap::new();
    // The files of processes come and go.
    let proc = Folder::new(roots.proc.path());
    for process in proc.list_numbered("", "")? {
        let folder = proc.folder(&process.to_string());
        let Some(stat) = read_stat(&folder)? else { continue };
        process_count += 1;
        thread_count += stat.threads;
        for thread in folder.list_numbered("task", "").unwrap_or_default() {
            let state = if thread == process {
                Some(stat.state.clone())
            } else {
                read_stat(&folder.folder(&format!("task/{thread}")))?.map(|stat| stat.state)
            };
            if let Some(state) = state {
                *thread_states.entry(state).or_default() += 1;
            }
        }
        *process_states.entry(stat.state).or_default() += 1;
    }
    out.push(gauge_of(
        "node_processes_threads",
        "Threads of all processes.",
        thread_count as f64,
    ));
    out.push(gauge_of(
        "node_processes_pids",
        "Processes.",
        process_count as f64,
    ));
    let limits = [
        (
            "threads-max",
            "node_processes_max_threads",
            "The most threads there can be.",
        ),
        (
            "pid_max",
            "node_processes_max_processes",
            "The most process IDs there can be.",
        ),
    ];
    for (file, name, help) in limits {
        let file = format!("sys/kernel/{file}");
        out.push(gauge_of(name, help, roots.proc.number(&file)?));
    }
    let mut processes = gauge(
        "node_processes_state",
        "Processes by the state of their first thread.",
    );
    let mut threads = gauge("node_processes_threads_state", "Threads of processes by state.");
    for (family, label, states) in [
        (&mut processes, "state", process_states),
        (&mut threads, "thread_state", thread_states),
    ] {
        for (state, count) in states {
            push(family, &[(label, &state)], f64::from(count));
        }
    }
    append(out, [processes, threads]);
    Ok(())
}

/// Nothing for a process that has ended meanwhile or hides.
fn read_stat(folder: &Folder) -> Result<Option<pid_stat::PidStat>, CollectError> {
    let Ok(content) = folder.read("stat") else {
        return Ok(None);
    };
    pid_stat::parse(&content)
        .map(Some)
        .map_err(|error| folder.malformed("stat", error))
}

//! Collector `interrupts`: interrupts by kind and CPU.

use moheng_metrics::MetricFamily;

use super::families::{append, counter, push};
use super::filter::Filter;
use super::{HostOptions, InterruptsOptions};
use crate::files::Folder;
use crate::proc::{interrupts, text};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "interrupts";

#[derive(Debug)]
struct Interrupts {
    proc: Folder,
    names: Filter,
    has_zeros: bool,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    let InterruptsOptions { names, include_zeros } = &options.interrupts;
    Ok(Box::new(Interrupts {
        proc: Folder::kept_open(&options.roots.proc),
        names: Filter::new(NAME, names)?,
        has_zeros: *include_zeros,
    }))
}

impl Collector for Interrupts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let content = self.proc.read("interrupts")?;
        let found = interrupts::parse(&content).map_err(|error| self.proc.malformed("interrupts", error))?;
        let mut family = counter("node_interrupts_total", "Interrupts that the CPU handled.");
        for kind in &found.kinds {
            let (info, devices) = describe(kind);
            let name = text(kind.name);
            if !self.names.keeps(&format!("{name};{info};{devices}")) {
                continue;
            }
            for (cpu, &count) in found.cpus.iter().zip(&kind.counts) {
                if count > 0 || self.has_zeros {
                    let cpu = text(cpu);
                    let labels = [
                        ("cpu", &*cpu),
                        ("devices", &devices),
                        ("info", &info),
                        ("type", &name),
                    ];
                    push(&mut family, &labels, count as f64);
                }
            }
        }
        append(out, [family]);
        Ok(())
    }
}

/// What the interrupt is, and the devices that raise it: a numbered one has a controller and devices, any other a name.
fn describe(kind: &interrupts::Kind<'_>) -> (String, String) {
    let join = |words: &[&[u8]]| {
        let words: Vec<_> = words.iter().map(|word| text(word)).collect();
        words.join(" ")
    };
    let is_numbered = !kind.name.is_empty() && kind.name.iter().all(u8::is_ascii_digit);
    match kind.words.split_first() {
        Some((controller, devices)) if is_numbered => (text(controller).into_owned(), join(devices)),
        _ => (join(&kind.words), String::new()),
    }
}

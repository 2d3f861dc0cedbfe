//! Collector `systemd`: the units of the service manager.

use std::path::{Path, PathBuf};

use moheng_metrics::{MetricFamily, Pattern};

use super::bus::{Bus, Object, invalid};
use super::families::FamilySet;
use super::{HostOptions, SystemdOptions, io_error};
use crate::proc::MalformedFile;
use crate::proc::dbus::Reader;
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "systemd";

const DESTINATION: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";
const MOUNT: &str = "org.freedesktop.systemd1.Mount";
const TIMER: &str = "org.freedesktop.systemd1.Timer";
const SOCKET: &str = "org.freedesktop.systemd1.Socket";

/// The manager's own socket, which root may use without a bus.
const PRIVATE_SOCKET: &str = "/run/systemd/private";

const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];
const US_PER_SECOND: f64 = 1e6;
/// What the manager says of a number of tasks that it does not know or that has no limit.
const NO_TASKS: u64 = u64::MAX;

#[derive(Debug)]
struct Systemd {
    bus: PathBuf,
    options: SystemdOptions,
    include: Pattern,
    exclude: Option<Pattern>,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    let pattern = |text: &str| {
        Pattern::new(text).map_err(|source| HostError::Pattern {
            collector: NAME,
            source,
        })
    };
    let own = &options.systemd;
    Ok(Box::new(Systemd {
        bus: options.roots.system_bus.clone(),
        include: pattern(&own.include)?,
        exclude: (!own.exclude.is_empty())
            .then(|| pattern(&own.exclude))
            .transpose()?,
        options: own.clone(),
    }))
}

/// A unit as the manager lists it.
#[derive(Debug)]
struct Unit {
    name: String,
    load_state: String,
    active_state: String,
    path: String,
}

impl Unit {
    fn object(&self) -> Object<'_> {
        Object {
            destination: DESTINATION,
            path: &self.path,
        }
    }

    /// What its name ends with.
    fn kind(&self) -> &str {
        self.name.rsplit_once('.').map_or("", |(_, kind)| kind)
    }
}

impl Collector for Systemd {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut bus = if self.options.private {
            Bus::open_peer(Path::new(PRIVATE_SOCKET))?
        } else {
            Bus::open(&self.bus)?
        };
        let mut families = FamilySet::default();
        let result = self.collect_from(&mut bus, &mut families);
        families.append_to(out);
        result
    }
}

impl Systemd {
    fn collect_from(&self, bus: &mut Bus, families: &mut FamilySet) -> Result<(), CollectError> {
        let manager = Object {
            destination: DESTINATION,
            path: MANAGER_PATH,
        };
        let mut manager_text = |name: &str| bus.text(manager, (MANAGER, name));
        let version = manager_text("Version")?;
        let (state, virtualization) = (manager_text("SystemState")?, manager_text("Virtualization")?);
        let labels = [("version", version.as_str())];
        families.add(
            "node_systemd_version",
            "The version of systemd.",
            &labels,
            version_number(&version),
        );
        let is_running = f64::from(u8::from(state == "running"));
        let help = "Whether the system is up and all is well (1) or not (0).";
        families.add("node_systemd_system_running", help, &[], is_running);
        let labels = [("virtualization_type", virtualization.as_str())];
        let help = "What kind of machine or container this is; always 1.";
        families.add("node_systemd_virtualization_info", help, &labels, 1.0);

        let units = list_units(bus)?;
        for state in STATES {
            let count = units.iter().filter(|unit| unit.active_state == state).count();
            families.add(
                "node_systemd_units",
                "Units by state.",
                &[("state", state)],
                count as f64,
            );
        }
        for unit in units.iter().filter(|unit| self.wants(unit)) {
            self.collect_unit(unit, bus, families);
        }
        Ok(())
    }

    fn wants(&self, unit: &Unit) -> bool {
        let is_excluded = self
            .exclude
            .as_ref()
            .is_some_and(|exclude| exclude.is_match(&unit.name));
        unit.load_state == "loaded" && self.include.is_match(&unit.name) && !is_excluded
    }

    /// A unit may be gone before all is asked; what is not known of it then is left out.
    fn collect_unit(&self, unit: &Unit, bus: &mut Bus, families: &mut FamilySet) {
        let name = ("name", unit.name.as_str());
        let kind = match unit.kind() {
            "service" => text_of(bus, unit, SERVICE, "Type"),
            "mount" => text_of(bus, unit, MOUNT, "Type"),
            _ => None,
        };
        let kind = kind.unwrap_or_default();
        for state in STATES {
            let value = f64::from(u8::from(unit.active_state == state));
            let labels = [name, ("state", state), ("type", kind.as_str())];
            families.add(
                "node_systemd_unit_state",
                "Whether the unit is in this state.",
                &labels,
                value,
            );
        }
        if self.options.details.start_times {
            let started_us = match unit.active_state.as_str() {
                "active" => long_of(bus, unit, UNIT, "ActiveEnterTimestamp"),
                _ => Some(0),
            };
            let help = "When the unit became active, as Unix time; 0 when it is not.";
            add_known(
                "node_systemd_unit_start_time_seconds",
                help,
                name,
                seconds(started_us),
                families,
            );
        }
        match unit.kind() {
            "service" => self.collect_service(unit, bus, families),
            "timer" => {
                let help = "When the timer elapsed last, as Unix time.";
                let last_us = long_of(bus, unit, TIMER, "LastTriggerUSec");
                add_known(
                    "node_systemd_timer_last_trigger_seconds",
                    help,
                    name,
                    seconds(last_us),
                    families,
                );
            }
            "socket" => collect_socket(unit, bus, families),
            _ => {}
        }
    }

    fn collect_service(&self, unit: &Unit, bus: &mut Bus, families: &mut FamilySet) {
        let name = ("name", unit.name.as_str());
        if self.options.details.restarts {
            let restarts = number_of(bus, unit, SERVICE, "NRestarts");
            let help = "Times the service was started again because it had ended.";
            add_known(
                "node_systemd_service_restart_total",
                help,
                name,
                restarts.map(f64::from),
                families,
            );
        }
        if self.options.details.tasks {
            for (property, metric, help) in [
                (
                    "TasksCurrent",
                    "node_systemd_unit_tasks_current",
                    "Tasks of the unit.",
                ),
                (
                    "TasksMax",
                    "node_systemd_unit_tasks_max",
                    "Tasks the unit may have.",
                ),
            ] {
                let tasks = long_of(bus, unit, SERVICE, property).filter(|tasks| *tasks != NO_TASKS);
                add_known(metric, help, name, tasks.map(|tasks| tasks as f64), families);
            }
        }
    }
}

fn collect_socket(unit: &Unit, bus: &mut Bus, families: &mut FamilySet) {
    let name = ("name", unit.name.as_str());
    for (property, metric, help) in [
        (
            "NAccepted",
            "node_systemd_socket_accepted_connections_total",
            "Connections accepted.",
        ),
        (
            "NConnections",
            "node_systemd_socket_current_connections",
            "Connections that are open.",
        ),
        // Since systemd 239.
        (
            "NRefused",
            "node_systemd_socket_refused_connections_total",
            "Connections refused.",
        ),
    ] {
        let count = number_of(bus, unit, SOCKET, property);
        add_known(metric, help, name, count.map(f64::from), families);
    }
}

fn list_units(bus: &mut Bus) -> Result<Vec<Unit>, CollectError> {
    let manager = Object {
        destination: DESTINATION,
        path: MANAGER_PATH,
    };
    let body = bus.call(manager, MANAGER, "ListUnits", &[])?;
    Reader::new(&body)
        .structures(read_unit)
        .map_err(|malformed| io_error("ListUnits", invalid(&malformed)))
}

/// `(ssssssouso)`
fn read_unit(reader: &mut Reader<'_>) -> Result<Unit, MalformedFile> {
    let name = reader.string()?;
    let _description = reader.string()?;
    let load_state = reader.string()?;
    let active_state = reader.string()?;
    let _sub_state = reader.string()?;
    let _followed = reader.string()?;
    let path = reader.string()?;
    let _job = reader.u32()?;
    let _job_type = reader.string()?;
    let _job_path = reader.string()?;
    Ok(Unit {
        name,
        load_state,
        active_state,
        path,
    })
}

fn text_of(bus: &mut Bus, unit: &Unit, interface: &str, name: &str) -> Option<String> {
    known(bus.text(unit.object(), (interface, name)), unit)
}

fn number_of(bus: &mut Bus, unit: &Unit, interface: &str, name: &str) -> Option<u32> {
    known(bus.number(unit.object(), (interface, name)), unit)
}

fn long_of(bus: &mut Bus, unit: &Unit, interface: &str, name: &str) -> Option<u64> {
    known(bus.long(unit.object(), (interface, name)), unit)
}

fn known<T>(result: Result<T, CollectError>, unit: &Unit) -> Option<T> {
    result
        .inspect_err(|error| tracing::debug!(collector = NAME, unit = unit.name, %error, "not known"))
        .ok()
}

fn seconds(us: Option<u64>) -> Option<f64> {
    us.map(|us| us as f64 / US_PER_SECOND)
}

fn add_known(metric: &str, help: &str, label: (&str, &str), value: Option<f64>, families: &mut FamilySet) {
    if let Some(value) = value {
        families.add(metric, help, &[label], value);
    }
}

/// `252.38` of `252.38-1~deb12u1`, or `v252`; 0 where there is no number.
fn version_number(version: &str) -> f64 {
    let digits = version.trim_start_matches(|character: char| !character.is_ascii_digit());
    let is_part = |character: char| character.is_ascii_digit() || character == '.';
    let end = digits
        .find(|character| !is_part(character))
        .unwrap_or(digits.len());
    let mut parts = digits[..end].splitn(3, '.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or("0"));
    format!("{major}.{minor}").parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::bus::testing::serve;
    use super::*;
    use crate::proc::dbus::TestBody;

    #[test]
    fn versions() {
        for (version, number) in [
            ("252.38-1~deb12u1", 252.38),
            ("v249", 249.0),
            ("255.4.1", 255.4),
            ("unknown", 0.0),
            ("257~rc1", 257.0),
        ] {
            assert_eq!(version_number(version), number, "{version}");
        }
    }

    fn unit(body: TestBody, name: &str, load: &str, active: &str) -> TestBody {
        let path = format!("/unit/{}", name.replace('.', "_"));
        let body = body
            .structure()
            .text(name)
            .text("what it is")
            .text(load)
            .text(active)
            .text("sub")
            .text("");
        body.text(&path).number(0).text("").text("/")
    }

    /// A manager with a service, a timer, a socket, and units that are not wanted.
    fn answer(call: &str) -> Result<Vec<u8>, &'static str> {
        let text = |text: &str| Ok(TestBody::default().variant("s").text(text).finish());
        let number = |number: u32| Ok(TestBody::default().variant("u").number(number).finish());
        let long = |number: u64| Ok(TestBody::default().variant("t").long(number).finish());
        let has = |word: &str| call.contains(word);
        match () {
            () if has("Hello") => Ok(TestBody::default().text(":1.7").finish()),
            () if has("ListUnits") => Ok(TestBody::default()
                .structures(|body| {
                    let body = unit(body, "ssh.service", "loaded", "active");
                    let body = unit(body, "gone.service", "not-found", "inactive");
                    let body = unit(body, "apt.timer", "loaded", "failed");
                    let body = unit(body, "dbus.socket", "loaded", "active");
                    unit(body, "sda.device", "loaded", "active")
                })
                .finish()),
            () if has("Version") => text("252.38"),
            () if has("SystemState") => text("degraded"),
            () if has("Virtualization") => text("kvm"),
            () if has("Type") => text("notify"),
            () if has("NRestarts") => number(3),
            () if has("TasksCurrent") => long(5),
            () if has("TasksMax") => long(NO_TASKS),
            () if has("ActiveEnterTimestamp") => long(1_500_000),
            () if has("LastTriggerUSec") => long(2_500_000),
            () if has("NAccepted") => number(7),
            () if has("NConnections") => number(1),
            // An old manager has no such property.
            () => Err("org.freedesktop.DBus.Error.UnknownProperty"),
        }
    }

    #[test]
    fn units_by_state() {
        let directory = tempfile::tempdir().unwrap();
        let mut options = HostOptions::default();
        options.roots.system_bus = directory.path().join("bus");
        options.systemd.details.restarts = true;
        options.systemd.details.start_times = true;
        options.systemd.details.tasks = true;
        serve(&options.roots.system_bus, answer);
        let mut out = Vec::new();
        build(&options).unwrap().collect(&mut out).unwrap();
        let mut page = String::new();
        moheng_metrics::write_text(&out, &mut page);
        let samples: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
        for line in [
            "node_systemd_service_restart_total{name=\"ssh.service\"} 3",
            "node_systemd_socket_accepted_connections_total{name=\"dbus.socket\"} 7",
            "node_systemd_socket_current_connections{name=\"dbus.socket\"} 1",
            "node_systemd_system_running 0",
            "node_systemd_timer_last_trigger_seconds{name=\"apt.timer\"} 2.5",
            "node_systemd_unit_start_time_seconds{name=\"apt.timer\"} 0",
            "node_systemd_unit_start_time_seconds{name=\"ssh.service\"} 1.5",
            "node_systemd_unit_state{name=\"apt.timer\",state=\"failed\",type=\"\"} 1",
            "node_systemd_unit_state{name=\"ssh.service\",state=\"active\",type=\"notify\"} 1",
            "node_systemd_unit_state{name=\"ssh.service\",state=\"failed\",type=\"notify\"} 0",
            "node_systemd_unit_tasks_current{name=\"ssh.service\"} 5",
            "node_systemd_units{state=\"active\"} 3",
            "node_systemd_units{state=\"inactive\"} 1",
            "node_systemd_version{version=\"252.38\"} 252.38",
            "node_systemd_virtualization_info{virtualization_type=\"kvm\"} 1",
        ] {
            assert!(samples.contains(&line), "{line} is missing: {samples:#?}");
        }
        for absent in ["gone.service", "sda.device", "tasks_max", "refused"] {
            assert!(!page.contains(absent), "{absent}: {page}");
        }
    }

    #[test]
    fn without_a_bus_there_is_nothing() {
        let mut options = HostOptions::default();
        options.roots.system_bus = "/nowhere/bus".into();
        let error = build(&options).unwrap().collect(&mut Vec::new()).unwrap_err();
        assert!(error.is_no_data(), "{error}");
        options.systemd.include = "(".to_owned();
        assert!(build(&options).is_err());
    }
}

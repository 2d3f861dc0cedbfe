//! The tables of flags: names and defaults are Node Exporter's.

use std::time::Duration;

use moheng_collect::{HostOptions, NameFilter};
use moheng_metrics::parse_duration_ms;

/// `--NAME` and `--no-NAME`.
pub(super) struct Switch {
    pub(super) name: &'static str,
    /// By default.
    pub(super) is_on: bool,
    pub(super) help: &'static str,
    pub(super) set: fn(&mut HostOptions, bool),
}

/// Two regular expressions of which at most one is given.
pub(super) struct Filter {
    pub(super) include: Option<&'static str>,
    pub(super) exclude: Option<&'static str>,
    pub(super) what: &'static str,
    pub(super) field: fn(&mut HostOptions) -> &mut NameFilter,
}

/// A flag with any other value. It is set as often as the flag is given.
pub(super) struct Text {
    pub(super) name: &'static str,
    pub(super) value_name: &'static str,
    pub(super) help: &'static str,
    pub(super) set: fn(&mut HostOptions, &str) -> Result<(), String>,
}

pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        name: "collector.arp.netlink",
        is_on: true,
        help: "Ask the kernel for neighbours rather than read /proc/net/arp",
        set: |options, is_on| options.arp.netlink = is_on,
    },
    Switch {
        name: "collector.bcache.priorityStats",
        is_on: false,
        help: "What bcache holds by how long ago it was used, which is slow to count",
        set: |options, is_on| options.bcache_priority_stats = is_on,
    },
    Switch {
        name: "collector.cpu.guest",
        is_on: true,
        help: "The time that guests used",
        set: |options, is_on| options.cpu.guest = is_on,
    },
    Switch {
        name: "collector.cpu.info",
        is_on: false,
        help: "Describe the CPUs",
        set: |options, is_on| options.cpu.info = is_on,
    },
    Switch {
        name: "collector.interrupts.include-zeros",
        is_on: true,
        help: "Also interrupts that a CPU handled none of",
        set: |options, is_on| options.interrupts.include_zeros = is_on,
    },
    Switch {
        name: "collector.netclass.ignore-invalid-speed",
        is_on: false,
        help: "Leave out negative speeds",
        set: |options, is_on| options.netclass.ignore_invalid_speed = is_on,
    },
    Switch {
        name: "collector.netdev.enable-detailed-metrics",
        is_on: false,
        help: "The kernel's own counts instead of the sums of /proc/net/dev",
        set: |options, is_on| options.netdev.detailed = is_on,
    },
    Switch {
        name: "collector.netdev.netlink",
        is_on: true,
        help: "Ask the kernel for devices rather than read /proc/net/dev",
        set: |options, is_on| options.netdev.netlink = is_on,
    },
    Switch {
        name: "collector.rapl.enable-zone-label",
        is_on: false,
        help: "Name the zone in a label",
        set: |options, is_on| options.rapl_zone_label = is_on,
    },
    Switch {
        name: "collector.stat.softirq",
        is_on: false,
        help: "Soft interrupts by vector",
        set: |options, is_on| options.stat_softirqs = is_on,
    },
    Switch {
        name: "collector.systemd.enable-restarts-metrics",
        is_on: false,
        help: "How often services were started again",
        set: |options, is_on| options.systemd.details.restarts = is_on,
    },
    Switch {
        name: "collector.systemd.enable-start-time-metrics",
        is_on: false,
        help: "When units became active",
        set: |options, is_on| options.systemd.details.start_times = is_on,
    },
    Switch {
        name: "collector.systemd.enable-task-metrics",
        is_on: false,
        help: "Tasks of services",
        set: |options, is_on| options.systemd.details.tasks = is_on,
    },
    Switch {
        name: "collector.systemd.private",
        is_on: false,
        help: "Ask systemd at its own socket instead of over the bus",
        set: |options, is_on| options.systemd.private = is_on,
    },
];

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        include: Some("collector.arp.device-include"),
        exclude: Some("collector.arp.device-exclude"),
        what: "network devices of arp",
        field: |options| &mut options.arp.devices,
    },
    Filter {
        include: Some("collector.diskstats.device-include"),
        exclude: Some("collector.diskstats.device-exclude"),
        what: "disks of diskstats",
        field: |options| &mut options.disks,
    },
    Filter {
        include: Some("collector.ethtool.device-include"),
        exclude: Some("collector.ethtool.device-exclude"),
        what: "network devices of ethtool",
        field: |options| &mut options.ethtool_devices,
    },
    Filter {
        include: Some("collector.filesystem.fs-types-include"),
        exclude: Some("collector.filesystem.fs-types-exclude"),
        what: "types of filesystem",
        field: |options| &mut options.filesystem.fs_types,
    },
    Filter {
        include: Some("collector.filesystem.mount-points-include"),
        exclude: Some("collector.filesystem.mount-points-exclude"),
        what: "mount points of filesystem",
        field: |options| &mut options.filesystem.mount_points,
    },
    Filter {
        include: Some("collector.hwmon.chip-include"),
        exclude: Some("collector.hwmon.chip-exclude"),
        what: "chips of hwmon",
        field: |options| &mut options.hwmon.chips,
    },
    Filter {
        include: Some("collector.hwmon.sensor-include"),
        exclude: Some("collector.hwmon.sensor-exclude"),
        what: "CHIP;SENSOR of hwmon",
        field: |options| &mut options.hwmon.sensors,
    },
    Filter {
        include: Some("collector.interrupts.name-include"),
        exclude: Some("collector.interrupts.name-exclude"),
        what: "TYPE;INFO;DEVICES of interrupts",
        field: |options| &mut options.interrupts.names,
    },
    Filter {
        include: None,
        exclude: Some("collector.netclass.ignored-devices"),
        what: "network devices of netclass",
        field: |options| &mut options.netclass.devices,
    },
    Filter {
        include: Some("collector.netdev.device-include"),
        exclude: Some("collector.netdev.device-exclude"),
        what: "network devices of netdev",
        field: |options| &mut options.netdev.devices,
    },
    Filter {
        include: None,
        exclude: Some("collector.powersupply.ignored-supplies"),
        what: "power supplies of powersupplyclass",
        field: |options| &mut options.power_supplies,
    },
    Filter {
        include: Some("collector.qdisc.device-include"),
        exclude: Some("collector.qdisc.device-exclude"),
        what: "network devices of qdisc",
        field: |options| &mut options.qdisc.devices,
    },
    Filter {
        include: Some("collector.slabinfo.slabs-include"),
        exclude: Some("collector.slabinfo.slabs-exclude"),
        what: "slabs of slabinfo",
        field: |options| &mut options.slabs,
    },
    Filter {
        include: None,
        exclude: Some("collector.tapestats.ignored-devices"),
        what: "drives of tapestats",
        field: |options| &mut options.tapes,
    },
];

pub(super) const TEXTS: &[Text] = &[
    Text {
        name: "path.procfs",
        value_name: "DIR",
        help: "Where the proc filesystem is (default: /proc)",
        set: |options, value| {
            options.roots.proc = value.into();
            Ok(())
        },
    },
    Text {
        name: "path.sysfs",
        value_name: "DIR",
        help: "Where the sys filesystem is (default: /sys)",
        set: |options, value| {
            options.roots.sys = value.into();
            Ok(())
        },
    },
    Text {
        name: "path.rootfs",
        value_name: "DIR",
        help: "Where the root filesystem is (default: /)",
        set: |options, value| {
            options.roots.root_fs = value.into();
            Ok(())
        },
    },
    Text {
        name: "path.udev.data",
        value_name: "DIR",
        help: "Where the database of udev is (default: /run/udev/data)",
        set: |options, value| {
            options.roots.udev_data = value.into();
            Ok(())
        },
    },
    Text {
        name: "collector.cpu.info.bugs-include",
        value_name: "REGEX",
        help: "Which bugs of the CPU to name",
        set: |options, value| {
            options.cpu.bugs_include = Some(value.to_owned());
            Ok(())
        },
    },
    Text {
        name: "collector.cpu.info.flags-include",
        value_name: "REGEX",
        help: "Which flags of the CPU to name",
        set: |options, value| {
            options.cpu.flags_include = Some(value.to_owned());
            Ok(())
        },
    },
    Text {
        name: "collector.ethtool.metrics-include",
        value_name: "REGEX",
        help: "Statistics of ethtool, by the driver's names for them",
        set: |options, value| {
            value.clone_into(&mut options.fields.ethtool);
            Ok(())
        },
    },
    Text {
        name: "collector.filesystem.mount-timeout",
        value_name: "DURATION",
        help: "How long to wait for a mount (default: 5s)",
        set: |options, value| {
            let timeout_ms = parse_duration_ms(value).map_err(|error| error.to_string())?;
            options.filesystem.mount_timeout = Duration::from_millis(timeout_ms.unsigned_abs());
            Ok(())
        },
    },
    Text {
        name: "collector.netstat.fields",
        value_name: "REGEX",
        help: "Fields of netstat, as PROTOCOL_FIELD",
        set: |options, value| {
            value.clone_into(&mut options.fields.netstat);
            Ok(())
        },
    },
    Text {
        name: "collector.process_groups.max",
        value_name: "COUNT",
        help: "Names of programs that process_groups tells apart (default: 100)",
        set: |options, value| {
            options.process_groups_max = value.parse().map_err(|_| "expected a whole number".to_owned())?;
            Ok(())
        },
    },
    Text {
        name: "collector.qdisc.fixtures",
        value_name: "DIR",
        help: "Recorded answers for qdisc instead of the kernel's, for tests",
        set: |options, value| {
            options.qdisc.fixtures = Some(value.into());
            Ok(())
        },
    },
    Text {
        name: "collector.sysctl.include",
        value_name: "NAME[:FIELD,...]",
        help: "A parameter of the kernel that is a number, or several numbers with names for them; may be repeated",
        set: |options, value| {
            options.sysctl.include.push(value.to_owned());
            Ok(())
        },
    },
    Text {
        name: "collector.sysctl.include-info",
        value_name: "NAME",
        help: "A parameter of the kernel whose words become labels; may be repeated",
        set: |options, value| {
            options.sysctl.include_info.push(value.to_owned());
            Ok(())
        },
    },
    Text {
        name: "collector.systemd.unit-include",
        value_name: "REGEX",
        help: "Units to report, matched as a whole (default: any)",
        set: |options, value| {
            value.clone_into(&mut options.systemd.include);
            Ok(())
        },
    },
    Text {
        name: "collector.systemd.unit-exclude",
        value_name: "REGEX",
        help: "Units to leave out, matched as a whole",
        set: |options, value| {
            value.clone_into(&mut options.systemd.exclude);
            Ok(())
        },
    },
    Text {
        name: "collector.textfile.directory",
        value_name: "DIR",
        help: "Directory, or pattern of directories, whose files *.prom to read; may be repeated",
        set: |options, value| {
            options.textfile_directories.push(value.to_owned());
            Ok(())
        },
    },
    Text {
        name: "collector.units.max",
        value_name: "COUNT",
        help: "Services that units reports (default: 500)",
        set: |options, value| {
            options.units_max = value.parse().map_err(|_| "expected a whole number".to_owned())?;
            Ok(())
        },
    },
    Text {
        name: "collector.vmstat.fields",
        value_name: "REGEX",
        help: "Fields of vmstat",
        set: |options, value| {
            value.clone_into(&mut options.fields.vmstat);
            Ok(())
        },
    },
    Text {
        name: "collector.wifi.fixtures",
        value_name: "DIR",
        help: "Recorded answers for wifi instead of the kernel's, for tests",
        set: |options, value| {
            options.wifi_fixtures = Some(value.into());
            Ok(())
        },
    },
];

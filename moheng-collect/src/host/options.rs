//! [`HostOptions`]: what to collect, from where; the defaults are Node Exporter's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::table;
use crate::HostError;

/// What to collect and from where. The defaults are those of Node Exporter on Linux.
///
/// ```
/// use moheng_collect::{HostOptions, NameFilter};
///
/// let mut options = HostOptions::default();
/// options.roots.proc = "/host/proc".into();
/// options.switch("hwmon", false)?;
/// options.netdev.devices = NameFilter::Exclude("^(lo|veth.*)$".to_owned());
/// # Ok::<(), moheng_collect::HostError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Where the kernel's files are.
    pub roots: HostRoots,
    /// How long one collection may take. A collector that needs longer is reported as failed and is left to itself.
    /// The filesystem collector may in any case use its own limit.
    pub time_limit: Duration,
    /// Collector `cpu`.
    pub cpu: CpuOptions,
    /// Collector `diskstats`: device names. Default: no partitions, RAM disks, loop devices and floppies.
    pub disks: NameFilter,
    /// Collector `ethtool`: names of network devices. Default: all.
    pub ethtool_devices: NameFilter,
    /// Collector `filesystem`.
    pub filesystem: FilesystemOptions,
    /// Collector `netdev`.
    pub netdev: NetdevOptions,
    /// Collector `netclass`.
    pub netclass: NetclassOptions,
    /// Collector `arp`.
    pub arp: ArpOptions,
    /// Collector `hwmon`.
    pub hwmon: HwmonOptions,
    /// Collector `interrupts`.
    pub interrupts: InterruptsOptions,
    /// Collector `slabinfo`: names of slabs.
    pub slabs: NameFilter,
    /// Collector `powersupplyclass`: names of power supplies.
    pub power_supplies: NameFilter,
    /// Collector `rapl`: name the zone in a label rather than in the metric's name. Default: no.
    pub rapl_zone_label: bool,
    /// Collector `tapestats`: names of drives.
    pub tapes: NameFilter,
    /// Collector `bcache`: also what is in the cache by how long ago it was used, which is slow to count. Default: no.
    pub bcache_priority_stats: bool,
    /// Collector `sysctl`.
    pub sysctl: SysctlOptions,
    /// Collector `textfile`: directories whose files `*.prom` to read, or patterns of directories such as `/var/lib/*/metrics`. Default: none.
    pub textfile_directories: Vec<String>,
    /// Collector `qdisc`.
    pub qdisc: QdiscOptions,
    /// Collector `wifi`: a folder of recorded answers to read instead of asking the kernel, for tests. Default: none.
    pub wifi_fixtures: Option<PathBuf>,
    /// Collector `systemd`.
    pub systemd: SystemdOptions,
    /// Collector `process_groups`: names of programs that are told apart; all others are one group. Default: 100.
    pub process_groups_max: usize,
    /// Collector `units`: services that are reported. Default: 500.
    pub units_max: usize,
    /// Collector `stat`: also count soft interrupts by vector.
    pub stat_softirqs: bool,
    /// Collectors `ethtool`, `netstat` and `vmstat`.
    pub fields: FieldOptions,
    switches: BTreeMap<&'static str, bool>,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            roots: HostRoots::default(),
            time_limit: Duration::from_secs(6),
            cpu: CpuOptions::default(),
            disks: NameFilter::Exclude(r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$".to_owned()),
            ethtool_devices: NameFilter::All,
            filesystem: FilesystemOptions::default(),
            netdev: NetdevOptions::default(),
            netclass: NetclassOptions::default(),
            arp: ArpOptions::default(),
            hwmon: HwmonOptions::default(),
            interrupts: InterruptsOptions::default(),
            slabs: NameFilter::All,
            power_supplies: NameFilter::All,
            rapl_zone_label: false,
            tapes: NameFilter::All,
            bcache_priority_stats: false,
            sysctl: SysctlOptions::default(),
            textfile_directories: Vec::new(),
            qdisc: QdiscOptions::default(),
            wifi_fixtures: None,
            systemd: SystemdOptions::default(),
            process_groups_max: 100,
            units_max: 500,
            stat_softirqs: false,
            fields: FieldOptions::default(),
            switches: BTreeMap::new(),
        }
    }
}

impl HostOptions {
    /// Switches one collector on or off.
    ///
    /// # Errors
    ///
    /// When no collector has that name.
    pub fn switch(&mut self, collector: &str, is_on: bool) -> Result<&mut Self, HostError> {
        let entry = table::find(collector)?;
        self.switches.insert(entry.name, is_on);
        Ok(self)
    }

    /// Switches all collectors off, to name those that are wanted after it.
    pub fn switch_all_off(&mut self) -> &mut Self {
        self.switches = table::COLLECTORS
            .iter()
            .map(|entry| (entry.name, false))
            .collect();
        self
    }

    /// Whether the collector is known and on.
    pub fn is_on(&self, collector: &str) -> bool {
        table::find(collector).is_ok_and(|entry| {
            self.switches
                .get(entry.name)
                .copied()
                .unwrap_or(entry.is_on_by_default)
        })
    }
}

/// Where the kernel's files are. In a container, mount the host's somewhere and name that here.
///
/// Collectors that ask the kernel itself (`netdev`, `arp`, `time`, `uname`) see the namespaces of this process whatever the
/// roots are.
#[derive(Clone, Debug)]
pub struct HostRoots {
    /// The proc filesystem.
    pub proc: PathBuf,
    /// The sys filesystem.
    pub sys: PathBuf,
    /// The root filesystem. Where it is not `/`, mount points below it are named as the host names them.
    pub root_fs: PathBuf,
    /// The database of udev.
    pub udev_data: PathBuf,
    /// The socket of the system's message bus (D-Bus).
    pub system_bus: PathBuf,
}

impl Default for HostRoots {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
            root_fs: "/".into(),
            udev_data: "/run/udev/data".into(),
            system_bus: "/run/dbus/system_bus_socket".into(),
        }
    }
}

/// Which names to keep. The regular expressions have RE2's syntax and match anywhere in a name, as Node Exporter's do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NameFilter {
    /// All names.
    #[default]
    All,
    /// Only names that match.
    Include(String),
    /// Only names that do not match.
    Exclude(String),
}

/// Options of the collector `cpu`.
#[derive(Clone, Debug)]
pub struct CpuOptions {
    /// Whether to collect the time that guests used. Default: yes.
    pub guest: bool,
    /// Whether to describe the CPUs (`node_cpu_info`). Default: no.
    pub info: bool,
    /// The flags of the CPU to name; none without it. Implies `info`.
    pub flags_include: Option<String>,
    /// The bugs of the CPU to name; none without it. Implies `info`.
    pub bugs_include: Option<String>,
}

impl Default for CpuOptions {
    fn default() -> Self {
        Self {
            guest: true,
            info: false,
            flags_include: None,
            bugs_include: None,
        }
    }
}

/// Options of the collector `filesystem`.
#[derive(Clone, Debug)]
pub struct FilesystemOptions {
    /// Mount points. Default: none of the kernel's own and none of containers.
    pub mount_points: NameFilter,
    /// Filesystem types. Default: none that hold no files of users.
    pub fs_types: NameFilter,
    /// How long to wait for the mounts of one collection. One that has not answered by then is reported with the
    /// `device_error` `mountpoint timeout` and is not asked again before it has answered. Default: 5 s.
    pub mount_timeout: Duration,
}

impl Default for FilesystemOptions {
    fn default() -> Self {
        let mount_points =
            "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)";
        let fs_types = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|\
                        iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|\
                        erofs|sysfs|tracefs)$";
        Self {
            mount_points: NameFilter::Exclude(mount_points.to_owned()),
            fs_types: NameFilter::Exclude(fs_types.to_owned()),
            mount_timeout: Duration::from_secs(5),
        }
    }
}

/// Options of the collector `netdev`.
#[derive(Clone, Debug)]
pub struct NetdevOptions {
    /// Device names. Default: all.
    pub devices: NameFilter,
    /// Ask the kernel over its routing socket instead of reading `/proc/net/dev`. Default: yes.
    pub netlink: bool,
    /// Report every count of the kernel under its own name instead of the sums of `/proc/net/dev`; needs `netlink`.
    /// Default: no.
    pub detailed: bool,
}

impl Default for NetdevOptions {
    fn default() -> Self {
        Self {
            devices: NameFilter::All,
            netlink: true,
            detailed: false,
        }
    }
}

/// Options of the collector `netclass`.
#[derive(Clone, Debug, Default)]
pub struct NetclassOptions {
    /// Device names. Default: all.
    pub devices: NameFilter,
    /// Leave out the speed of devices that report a negative one. Default: no.
    pub ignore_invalid_speed: bool,
}

/// Options of the collector `arp`.
#[derive(Clone, Debug)]
pub struct ArpOptions {
    /// Device names. Default: all.
    pub devices: NameFilter,
    /// Ask the kernel over its routing socket instead of reading `/proc/net/arp`. Default: yes.
    pub netlink: bool,
}

impl Default for ArpOptions {
    fn default() -> Self {
        Self {
            devices: NameFilter::All,
            netlink: true,
        }
    }
}

/// Options of the collector `hwmon`.
#[derive(Clone, Debug, Default)]
pub struct HwmonOptions {
    /// Names of chips. Default: all.
    pub chips: NameFilter,
    /// Matched against `CHIP;SENSOR`. Default: all.
    pub sensors: NameFilter,
}

/// Options of the collector `interrupts`.
#[derive(Clone, Debug)]
pub struct InterruptsOptions {
    /// Matched against `TYPE;INFO;DEVICES`. Default: all.
    pub names: NameFilter,
    /// Also report CPUs that handled none. Default: yes.
    pub include_zeros: bool,
}

impl Default for InterruptsOptions {
    fn default() -> Self {
        Self {
            names: NameFilter::All,
            include_zeros: true,
        }
    }
}

/// Which fields the collectors `ethtool`, `netstat` and `vmstat` report.
#[derive(Clone, Debug)]
pub struct FieldOptions {
    /// Matched against what the driver calls a statistic.
    pub ethtool: String,
    /// Matched against `PROTOCOL_FIELD`.
    pub netstat: String,
    /// Matched against the name of the field.
    pub vmstat: String,
}

impl Default for FieldOptions {
    fn default() -> Self {
        let netstat = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|\
                       TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|\
                       Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|\
                       Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$";
        Self {
            ethtool: ".*".to_owned(),
            netstat: netstat.to_owned(),
            vmstat: "^(oom_kill|pgpg|pswp|pg.*fault).*".to_owned(),
        }
    }
}

/// Parameters of the kernel that the collector `sysctl` reports. Default: none.
#[derive(Clone, Debug, Default)]
pub struct SysctlOptions {
    /// Those that are numbers: `kernel.threads-max`, or `fs.file-nr:total,current,max` to name several numbers of one.
    pub include: Vec<String>,
    /// Those whose words become labels.
    pub include_info: Vec<String>,
}

/// Options of the collector `qdisc`.
#[derive(Clone, Debug, Default)]
pub struct QdiscOptions {
    /// Device names. Default: all.
    pub devices: NameFilter,
    /// A folder with recorded answers to read instead of asking the kernel, for tests. Default: none.
    pub fixtures: Option<PathBuf>,
}

/// Options of the collector `systemd`.
#[derive(Clone, Debug)]
pub struct SystemdOptions {
    /// A regular expression that names of units must match as a whole. Default: any.
    pub include: String,
    /// A regular expression that names of units must not match as a whole; empty for none. Default: automounts, devices,
    /// mounts, scopes and slices.
    pub exclude: String,
    /// Ask the service manager at its own socket instead of over the bus; only root may. Default: no.
    pub private: bool,
    /// What else to report of units.
    pub details: SystemdDetails,
}

impl Default for SystemdOptions {
    fn default() -> Self {
        Self {
            include: ".+".to_owned(),
            exclude: r".+\.(automount|device|mount|scope|slice)".to_owned(),
            private: false,
            details: SystemdDetails::default(),
        }
    }
}

/// What the collector `systemd` reports of units beside their state. Default: nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemdDetails {
    /// How often services were started again.
    pub restarts: bool,
    /// When units became active.
    pub start_times: bool,
    /// Tasks of services.
    pub tasks: bool,
}

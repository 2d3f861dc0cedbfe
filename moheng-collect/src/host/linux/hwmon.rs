//! Collector `hwmon`: sensors of the hardware.

use moheng_metrics::MetricFamily;
use std::collections::{BTreeMap, HashMap};

use super::HostOptions;
use super::families::{counter, gauge, push};
use super::filter::Filter;
use crate::files::{self, Folder};
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "hwmon";

const CHIPS_FOLDER: &str = "class/hwmon";
const SENSOR_TYPES: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

/// The values of a sensor by property; the property of a file without one is empty.
type Properties = BTreeMap<String, String>;
/// The sensors of a chip by name (`temp1`).
type Sensors = BTreeMap<String, Properties>;

#[derive(Debug)]
struct Hwmon {
    sys: Folder,
    chips: Filter,
    /// Matched against `CHIP;SENSOR`.
    sensors: Filter,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(Hwmon {
        sys: Folder::new(&options.roots.sys),
        chips: Filter::new(NAME, &options.hwmon.chips)?,
        sensors: Filter::new(NAME, &options.hwmon.sensors)?,
    }))
}

impl Collector for Hwmon {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut chips = Vec::new();
        for number in self.sys.list_numbered(CHIPS_FOLDER, "hwmon")? {
            let fallback = format!("hwmon{number}");
            let folder = self.sys.folder(&format!("{CHIPS_FOLDER}/{fallback}"));
            chips.push(Chip {
                name: chip_name(&folder, &fallback),
                human_name: folder.attribute_if_known("name").map(|name| clean(&name)),
                fallback,
                folder,
            });
        }
        let mut families = Families::default();
        let names: Vec<String> = chips.iter().map(|chip| chip.name.clone()).collect();
        for mut chip in chips {
            if names.iter().filter(|name| **name == chip.name).count() > 1 {
                chip.name = chip.distinct_name();
            }
            if self.chips.keeps(&chip.name) {
                chip.collect(&self.sensors, &mut families);
            }
        }
        out.extend(families.by_name.into_values());
        Ok(())
    }
}

struct Chip {
    folder: Folder,
    /// The label `chip`.
    name: String,
    /// What the driver calls it.
    human_name: Option<String>,
    /// `hwmonN`
    fallback: String,
}

impl Chip {
    /// For chips of one device.
    fn distinct_name(&self) -> String {
        format!(
            "{}_{}",
            self.name,
            self.human_name.as_ref().unwrap_or(&self.fallback)
        )
    }

    fn collect(&self, wanted: &Filter, families: &mut Families) {
        let mut sensors = Sensors::new();
        read_sensors(&self.folder, &mut sensors);
        // Old drivers keep their files in the directory of the device.
        read_sensors(&self.folder.folder("device"), &mut sensors);
        if let Some(human_name) = &self.human_name {
            let help = "1; connects the name of the chip with what its driver calls it.";
            let labels = [("chip", self.name.as_str()), ("chip_name", human_name)];
            push(families.gauge("node_hwmon_chip_names", help), &labels, 1.0);
        }
        let is_wanted = |sensor: &str| wanted.keeps(&format!("{};{sensor}", self.name));
        for (sensor, properties) in sensors.iter().filter(|(sensor, _)| is_wanted(sensor)) {
            self.collect_sensor(sensor, properties, families);
        }
    }

    fn collect_sensor(&self, sensor: &str, properties: &Properties, families: &mut Families) {
        let labels = [("chip", self.name.as_str()), ("sensor", sensor)];
        if let Some(label) = properties.get("label").filter(|label| !label.is_empty()) {
            let help = "1; the label says what the sensor measures.";
            let labels = [("chip", self.name.as_str()), ("label", label), ("sensor", sensor)];
            push(families.gauge("node_hwmon_sensor_label", help), &labels, 1.0);
        }
        let Some((kind, ..)) = split_file_name(sensor) else {
            return;
        };
        for (property, text) in properties {
            let Some(value) = number(text) else { continue };
            if kind == "freq" && property == "input" {
                let Some(label) = properties.get("label") else {
                    continue;
                };
                let labels = [("chip", self.name.as_str()), ("sensor", &clean(label))];
                let help = "Frequency of the clock in megahertz.";
                push(
                    families.gauge("node_hwmon_freq_freq_mhz", help),
                    &labels,
                    value / 1e6,
                );
                continue;
            }
            if property == "label" {
                continue;
            }
            let series = Series::of(kind, property, properties.contains_key(""));
            let family = families.get(&series);
            push(family, &labels, value * series.factor);
        }
    }
}

/// How a property of a sensor is reported.
struct Series {
    name: String,
    factor: f64,
    is_counter: bool,
    help: &'static str,
}

impl Series {
    fn of(kind: &str, property: &str, has_bare_file: bool) -> Self {
        let gauge = |name: String, factor, help| Self {
            name,
            factor,
            is_counter: false,
            help,
        };
        let whole = |name: &str, factor, help| gauge(format!("node_hwmon_{name}"), factor, help);
        match kind {
            "vrm" => {
                return whole(
                    "voltage_regulator_version",
                    1.0,
                    "Version of the voltage regulator module.",
                );
            }
            "beep_enable" => return whole("beep_enabled", 1.0, "Whether the chip beeps (1) or not (0)."),
            "update_interval" => {
                return whole("update_interval_seconds", 0.001, "How often the chip measures.");
            }
            _ => {}
        }
        let mut name = format!("node_hwmon_{kind}");
        if !property.is_empty() && (property != "input" || has_bare_file) {
            name.push('_');
            name.push_str(&clean(property));
        }
        let with = |unit: &str| format!("{name}{unit}");
        match (kind, property) {
            (_, "fault" | "alarm") => gauge(name, 1.0, "Whether the sensor reports trouble (1) or not (0)."),
            (_, "beep") => gauge(with("_enabled"), 1.0, "Whether the sensor beeps (1) or not (0)."),
            ("in" | "cpu", _) => gauge(with("_volts"), 0.001, "Voltage."),
            ("temp", property) if property != "type" => gauge(with("_celsius"), 0.001, "Temperature."),
            ("curr", _) => gauge(with("_amps"), 0.001, "Current."),
            ("energy", _) => Self {
                is_counter: true,
                ..gauge(with("_joule_total"), 1e-6, "Energy used.")
            },
            ("power", "accuracy") => gauge(name, 1e-6, "How exactly the power is measured, as a ratio."),
            ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
                gauge(with("_seconds"), 0.001, "Time over which the power is averaged.")
            }
            ("power", _) => gauge(with("_watt"), 1e-6, "Power."),
            ("humidity", _) => gauge(name, 1e-6, "Relative humidity as a ratio."),
            ("fan", "input" | "min" | "max" | "target") => gauge(with("_rpm"), 1.0, "Rotations per minute."),
            _ => gauge(name, 1.0, "A property of the sensor as its driver states it."),
        }
    }
}

#[derive(Default)]
struct Families {
    by_name: HashMap<String, MetricFamily>,
}

impl Families {
    fn get(&mut self, series: &Series) -> &mut MetricFamily {
        let make = if series.is_counter { counter } else { gauge };
        self.by_name
            .entry(series.name.clone())
            .or_insert_with(|| make(&series.name, series.help))
    }

    fn gauge(&mut self, name: &str, help: &str) -> &mut MetricFamily {
        self.by_name
            .entry(name.to_owned())
            .or_insert_with(|| gauge(name, help))
    }
}

/// The bus and name of the device it belongs to, so that it stays the same when chips are numbered anew; else what the
/// driver calls it.
fn chip_name(folder: &Folder, fallback: &str) -> String {
    let device = folder.path().join("device").canonicalize().ok();
    let last = |path: &std::path::Path| Some(clean(path.file_name()?.to_str()?));
    if let Some(device) = device
        && let Some(device_name) = last(&device).filter(|name| !name.is_empty())
    {
        let subsystem = device.join("subsystem").canonicalize().ok();
        let bus = subsystem
            .as_deref()
            .and_then(last)
            .or_else(|| last(device.parent()?));
        return match bus.filter(|bus| !bus.is_empty()) {
            Some(bus) => format!("{bus}_{device_name}"),
            None => device_name,
        };
    }
    folder
        .attribute_if_known("name")
        .map(|name| clean(&name))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| fallback.to_owned())
}

/// Sensors that cannot be read now are left out: drivers answer with errors while a device sleeps.
fn read_sensors(folder: &Folder, sensors: &mut Sensors) {
    for file in folder.list("").unwrap_or_default() {
        let Some((kind, number, property)) = split_file_name(&file) else {
            continue;
        };
        if !SENSOR_TYPES.contains(&kind) {
            continue;
        }
        if let Ok(value) = folder.attribute(&file) {
            sensors
                .entry(format!("{kind}{number}"))
                .or_default()
                .insert(property.to_owned(), value);
        }
    }
}

/// `temp1_crit` as `temp`, `1` and `crit`.
fn split_file_name(file: &str) -> Option<(&str, &str, &str)> {
    let Some(start) = file.find(|character: char| character.is_ascii_digit()) else {
        return (!file.is_empty()).then_some((file, "", ""));
    };
    let (kind, rest) = file.split_at(start);
    let end = rest
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(rest.len());
    let (number, property) = rest.split_at(end);
    match property.strip_prefix('_') {
        Some(property) if !kind.is_empty() => Some((kind, number, property)),
        None if property.is_empty() && !kind.is_empty() => Some((kind, number, "")),
        _ => None,
    }
}

fn number(text: &str) -> Option<f64> {
    files::integer(text)
}

/// Lower case; what may not stand in a metric name becomes an underscore, and none is left at the ends.
fn clean(name: &str) -> String {
    let name: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|character| match character {
            'a'..='z' | '0'..='9' | ':' | '_' => character,
            _ => '_',
        })
        .collect();
    name.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names() {
        for (file, parts) in [
            ("temp1_crit_alarm", Some(("temp", "1", "crit_alarm"))),
            ("pwm1", Some(("pwm", "1", ""))),
            ("vrm", Some(("vrm", "", ""))),
            ("update_interval", Some(("update_interval", "", ""))),
            ("temp1x", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(split_file_name(file), parts, "{file}");
        }
    }

    #[test]
    fn names_and_units() {
        #[track_caller]
        fn check(kind: &str, property: &str, name: &str, factor: f64) {
            let series = Series::of(kind, property, false);
            assert_eq!((series.name.as_str(), series.factor), (name, factor));
        }
        check("temp", "input", "node_hwmon_temp_celsius", 0.001);
        check("temp", "type", "node_hwmon_temp_type", 1.0);
        check("in", "alarm", "node_hwmon_in_alarm", 1.0);
        check("in", "beep", "node_hwmon_in_beep_enabled", 1.0);
        check("fan", "input", "node_hwmon_fan_rpm", 1.0);
        check("fan", "pulses", "node_hwmon_fan_pulses", 1.0);
        check("energy", "input", "node_hwmon_energy_joule_total", 1e-6);
        check(
            "power",
            "average_interval",
            "node_hwmon_power_average_interval_seconds",
            0.001,
        );
        check("pwm", "", "node_hwmon_pwm", 1.0);
        check("vrm", "", "node_hwmon_voltage_regulator_version", 1.0);
        assert_eq!(Series::of("fan", "input", true).name, "node_hwmon_fan_input_rpm");
    }
}

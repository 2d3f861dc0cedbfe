//! Collector `powersupplyclass`: batteries and power supplies.

use moheng_metrics::MetricFamily;

use super::HostOptions;
use super::families::{append, gauge, push, push_known};
use super::filter::Filter;
use crate::files::Folder;
use crate::{CollectError, Collector, HostError};

pub(super) const NAME: &str = "powersupplyclass";

const FOLDER: &str = "class/power_supply";

/// The kernel counts in millionths of amperes, volts, watts, ampere-hours and watt-hours, and in tenths of degrees.
const MICRO: f64 = 1e6;
const TENTHS: f64 = 10.0;

/// File, metric, by what the number in the file is divided. Ascending by metric.
const NUMBERS: [(&str, &str, f64); 49] = [
    ("authentic", "authentic", 1.0),
    ("calibrate", "calibrate", 1.0),
    ("capacity", "capacity", 1.0),
    ("capacity_alert_max", "capacity_alert_max", 1.0),
    ("capacity_alert_min", "capacity_alert_min", 1.0),
    ("charge_now", "charge_ampere", MICRO),
    ("charge_control_limit", "charge_control_limit", MICRO),
    ("charge_control_limit_max", "charge_control_limit_max", MICRO),
    ("charge_counter", "charge_counter", MICRO),
    ("charge_empty", "charge_empty", MICRO),
    ("charge_empty_design", "charge_empty_design", MICRO),
    ("charge_full", "charge_full", MICRO),
    ("charge_full_design", "charge_full_design", MICRO),
    ("charge_term_current", "charge_term_current", MICRO),
    ("constant_charge_current", "constant_charge_current", MICRO),
    (
        "constant_charge_current_max",
        "constant_charge_current_max",
        MICRO,
    ),
    ("constant_charge_voltage", "constant_charge_voltage", MICRO),
    (
        "constant_charge_voltage_max",
        "constant_charge_voltage_max",
        MICRO,
    ),
    ("current_now", "current_ampere", MICRO),
    ("current_boot", "current_boot", MICRO),
    ("current_max", "current_max", MICRO),
    ("cycle_count", "cyclecount", 1.0),
    ("energy_empty", "energy_empty", MICRO),
    ("energy_empty_design", "energy_empty_design", MICRO),
    ("energy_full", "energy_full", MICRO),
    ("energy_full_design", "energy_full_design", MICRO),
    ("energy_now", "energy_watthour", MICRO),
    ("input_current_limit", "input_current_limit", MICRO),
    ("online", "online", 1.0),
    ("power_now", "power_watt", MICRO),
    ("precharge_current", "precharge_current", MICRO),
    ("present", "present", 1.0),
    ("temp_alert_max", "temp_alert_max_celsius", TENTHS),
    ("temp_alert_min", "temp_alert_min_celsius", TENTHS),
    ("temp_ambient", "temp_ambient_celsius", TENTHS),
    ("temp_ambient_max", "temp_ambient_max_celsius", TENTHS),
    ("temp_ambient_min", "temp_ambient_min_celsius", TENTHS),
    ("temp", "temp_celsius", TENTHS),
    ("temp_max", "temp_max_celsius", TENTHS),
    ("temp_min", "temp_min_celsius", TENTHS),
    ("time_to_empty_now", "time_to_empty_seconds", 1.0),
    ("time_to_full_now", "time_to_full_seconds", 1.0),
    ("voltage_boot", "voltage_boot", MICRO),
    ("voltage_max", "voltage_max", MICRO),
    ("voltage_max_design", "voltage_max_design", MICRO),
    ("voltage_min", "voltage_min", MICRO),
    ("voltage_min_design", "voltage_min_design", MICRO),
    ("voltage_ocv", "voltage_ocv", MICRO),
    ("voltage_now", "voltage_volt", MICRO),
];

/// Labels, which are the names of files too.
const TEXTS: [&str; 10] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
];

#[derive(Debug)]
struct PowerSupplies {
    sys: Folder,
    names: Filter,
}

pub(super) fn build(options: &HostOptions) -> Result<Box<dyn Collector>, HostError> {
    Ok(Box::new(PowerSupplies {
        sys: Folder::new(&options.roots.sys),
        names: Filter::new(NAME, &options.power_supplies)?,
    }))
}

impl Collector for PowerSupplies {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let help = "What the power supply says, in the unit of the name; else in amperes, volts, ampere-hours or watt-hours.";
        let mut families: Vec<MetricFamily> = NUMBERS
            .iter()
            .map(|(_, metric, _)| gauge(&format!("node_power_supply_{metric}"), help))
            .collect();
        let mut info = gauge(
            "node_power_supply_info",
            "A power supply and what it says of itself; always 1.",
        );
        for name in self.sys.list(FOLDER)? {
            if !self.names.keeps(&name) {
                continue;
            }
            let folder = self.sys.folder(&format!("{FOLDER}/{name}"));
            for (family, (file, _, divisor)) in families.iter_mut().zip(NUMBERS) {
                if let Some(value) = folder.number_if_known(file) {
                    push(family, &[("power_supply", &name)], value / divisor);
                }
            }
            let texts = TEXTS.map(|file| folder.attribute_if_known(file).unwrap_or_default());
            let usb_type = folder.attribute_if_known("usb_type").unwrap_or_default();
            let mut labels: Vec<(&str, &str)> =
                TEXTS.into_iter().zip(texts.iter().map(String::as_str)).collect();
            labels.push(("power_supply", &name));
            labels.push(("usb_type", &usb_type));
            labels.sort_unstable();
            push_known(&mut info, &labels, 1.0);
        }
        append(out, families);
        append(out, [info]);
        Ok(())
    }
}

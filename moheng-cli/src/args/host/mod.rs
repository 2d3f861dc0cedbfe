//! Flags about host metrics: Node Exporter's.

mod flags;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use moheng_collect::{HostCollectors, HostOptions, NameFilter};

use flags::{FILTERS, Filter, SWITCHES, TEXTS};

/// What to collect of a host, as Node Exporter's flags say it.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostArgs {
    pub(crate) options: HostOptions,
}

const DISABLE_DEFAULTS: &str = "collector.disable-defaults";

impl Args for HostArgs {
    fn augment_args(command: Command) -> Command {
        let mut command = command.arg(switch_arg(
            DISABLE_DEFAULTS,
            "Switch all collectors off that are not named",
        ));
        for (collector, is_on) in HostCollectors::known() {
            let name = format!("collector.{collector}");
            command = add_switch(command, name, is_on, &format!("The collector {collector}"));
        }
        for switch in SWITCHES {
            command = add_switch(command, switch.name.to_owned(), switch.is_on, switch.help);
        }
        for filter in FILTERS {
            let texts = [
                (filter.include, "Only those that match this regular expression:"),
                (filter.exclude, "None that match this regular expression:"),
            ];
            for (name, help) in texts {
                if let Some(name) = name {
                    let help = format!("{help} {}", filter.what);
                    command = command.arg(value_arg(name, "REGEX", help));
                }
            }
        }
        for text in TEXTS {
            let arg = value_arg(text.name, text.value_name, text.help.to_owned());
            command = command.arg(arg.action(ArgAction::Append));
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for HostArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut options = HostOptions::default();
        if let Some(path) = system_bus(std::env::var("DBUS_SYSTEM_BUS_ADDRESS").ok()) {
            options.roots.system_bus = path.into();
        }
        if matches.get_flag(DISABLE_DEFAULTS) {
            options.switch_all_off();
        }
        for (collector, _) in HostCollectors::known() {
            if let Some(is_on) = switched(matches, &format!("collector.{collector}")) {
                let outcome = options.switch(collector, is_on);
                outcome.map_err(|error| refuse(error.to_string()))?;
            }
        }
        for switch in SWITCHES {
            if let Some(is_on) = switched(matches, switch.name) {
                (switch.set)(&mut options, is_on);
            }
        }
        for filter in FILTERS {
            set_filter(matches, filter, &mut options)?;
        }
        for text in TEXTS {
            for value in matches.get_many::<String>(text.name).into_iter().flatten() {
                let outcome = (text.set)(&mut options, value);
                outcome.map_err(|message| refuse(format!("--{} {value}: {message}", text.name)))?;
            }
        }
        Ok(Self { options })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The socket of an address `unix:path=PATH`, as programs on a message bus are told of it.
fn system_bus(address: Option<String>) -> Option<String> {
    let address = address?;
    let rest = address.strip_prefix("unix:path=")?;
    rest.split([',', ';']).next().map(str::to_owned)
}

/// `--NAME` and `--no-NAME`, of which the last one counts.
fn add_switch(command: Command, name: String, is_on: bool, help: &str) -> Command {
    let off = format!("no-{name}");
    let default = if is_on { "on" } else { "off" };
    let shown = switch_arg(name.clone(), format!("{help} (default: {default})"));
    let hidden = switch_arg(off.clone(), format!("Switch it off: {help}"));
    command
        .arg(shown.overrides_with(off.clone()))
        .arg(hidden.overrides_with(name).hide(true))
}

fn switch_arg(name: impl Into<String>, help: impl Into<String>) -> Arg {
    let name = name.into();
    Arg::new(name.clone())
        .long(name)
        .help(help.into())
        .action(ArgAction::SetTrue)
        .help_heading("Host")
}

fn value_arg(name: &'static str, value_name: &'static str, help: String) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value_name)
        .help(help)
        .help_heading("Host")
}

fn switched(matches: &ArgMatches, name: &str) -> Option<bool> {
    if matches.get_flag(name) {
        return Some(true);
    }
    matches.get_flag(&format!("no-{name}")).then_some(false)
}

/// An empty pattern keeps everything, as in Node Exporter; naming what to include drops the default of what to exclude.
fn set_filter(matches: &ArgMatches, filter: &Filter, options: &mut HostOptions) -> Result<(), Error> {
    let given = |name: Option<&'static str>| name.and_then(|name| matches.get_one::<String>(name));
    let (include, exclude) = (given(filter.include), given(filter.exclude));
    let target = (filter.field)(options);
    match (include, exclude) {
        (None, None) => {}
        (Some(pattern), None) if !pattern.is_empty() => *target = NameFilter::Include(pattern.clone()),
        (None, Some(pattern)) if !pattern.is_empty() => *target = NameFilter::Exclude(pattern.clone()),
        (Some(include), Some(exclude)) if !include.is_empty() && !exclude.is_empty() => {
            let (include, exclude) = (
                filter.include.unwrap_or_default(),
                filter.exclude.unwrap_or_default(),
            );
            return Err(refuse(format!("--{include} and --{exclude} exclude each other")));
        }
        (Some(include), Some(exclude)) if include.is_empty() && !exclude.is_empty() => {
            *target = NameFilter::Exclude(exclude.clone());
        }
        (Some(include), Some(_)) if !include.is_empty() => *target = NameFilter::Include(include.clone()),
        _ => *target = NameFilter::All,
    }
    Ok(())
}

fn refuse(message: String) -> Error {
    Error::raw(ErrorKind::ValueValidation, message + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_bus() {
        for (address, path) in [
            ("unix:path=/a/bus", Some("/a/bus")),
            ("unix:path=/a/bus,guid=1;unix:path=/b", Some("/a/bus")),
            ("tcp:host=a", None),
        ] {
            assert_eq!(system_bus(Some(address.to_owned())).as_deref(), path, "{address}");
        }
        assert_eq!(system_bus(None), None);
    }
}

//! Collector `logind`: who is logged in, by kind of session.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use moheng_metrics::MetricFamily;

use super::bus::{Bus, Object, invalid};
use super::families::FamilySet;
use super::{HostOptions, io_error};
use crate::proc::MalformedFile;
use crate::proc::dbus::Reader;
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "logind";

const DESTINATION: &str = "org.freedesktop.login1";
const MANAGER_PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";

/// Those that are not known are counted as the first.
const TYPES: [&str; 7] = ["other", "unspecified", "tty", "x11", "wayland", "mir", "web"];
const CLASSES: [&str; 5] = ["other", "user", "greeter", "lock-screen", "background"];

#[derive(Debug)]
struct Logind {
    bus: PathBuf,
}

pub(super) fn build(options: &HostOptions) -> Box<dyn Collector> {
    Box::new(Logind {
        bus: options.roots.system_bus.clone(),
    })
}

impl Collector for Logind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut bus = Bus::open(&self.bus)?;
        // Sessions over the network have no seat.
        let mut seats: BTreeSet<String> = list(&mut bus, "ListSeats", read_seat)?.into_iter().collect();
        seats.insert(String::new());
        let mut counts: BTreeMap<(String, bool, &str, &str), u32> = BTreeMap::new();
        for path in list(&mut bus, "ListSessions", read_session)? {
            // A session may end before it is asked.
            if let Ok(session) = ask(&mut bus, &path) {
                *counts.entry(session).or_default() += 1;
            }
        }
        let mut families = FamilySet::default();
        for seat in &seats {
            for is_remote in [false, true] {
                for kind in TYPES {
                    for class in CLASSES {
                        let count = counts.get(&(seat.clone(), is_remote, kind, class));
                        let labels = [
                            ("class", class),
                            ("remote", if is_remote { "true" } else { "false" }),
                            ("seat", seat),
                            ("type", kind),
                        ];
                        let count = count.copied().unwrap_or_default();
                        families.add("node_logind_sessions", "Sessions by kind.", &labels, count.into());
                    }
                }
            }
        }
        families.append_to(out);
        Ok(())
    }
}

fn list<T>(
    bus: &mut Bus,
    method: &str,
    read: fn(&mut Reader<'_>) -> Result<T, MalformedFile>,
) -> Result<Vec<T>, CollectError> {
    let manager = Object {
        destination: DESTINATION,
        path: MANAGER_PATH,
    };
    let body = bus.call(manager, MANAGER, method, &[])?;
    Reader::new(&body)
        .structures(read)
        .map_err(|malformed| io_error(method, invalid(&malformed)))
}

/// The name of `(so)`
fn read_seat(reader: &mut Reader<'_>) -> Result<String, MalformedFile> {
    let name = reader.string()?;
    let _path = reader.string()?;
    Ok(name)
}

/// The path of `(susso)`
fn read_session(reader: &mut Reader<'_>) -> Result<String, MalformedFile> {
    let _id = reader.string()?;
    let _user = reader.u32()?;
    let _user_name = reader.string()?;
    let _seat = reader.string()?;
    reader.string()
}

/// Seat, whether it is remote, type and class of a session.
fn ask(bus: &mut Bus, path: &str) -> Result<(String, bool, &'static str, &'static str), CollectError> {
    let session = Object {
        destination: DESTINATION,
        path,
    };
    let seat = bus.property(session, (SESSION, "Seat"))?;
    let remote = bus.property(session, (SESSION, "Remote"))?;
    let (seat, is_remote) =
        read_place(&seat, &remote).map_err(|malformed| io_error("Seat", invalid(&malformed)))?;
    let kind = bus.text(session, (SESSION, "Type"))?;
    let class = bus.text(session, (SESSION, "Class"))?;
    Ok((seat, is_remote, known(&TYPES, &kind), known(&CLASSES, &class)))
}

/// The seat of a session and whether it is remote, from two properties.
fn read_place(seat: &[u8], remote: &[u8]) -> Result<(String, bool), MalformedFile> {
    let (mut seat, mut remote) = (Reader::new(seat), Reader::new(remote));
    seat.variant("(so)")?;
    seat.align(8);
    remote.variant("b")?;
    Ok((read_seat(&mut seat)?, remote.u32()? != 0))
}

fn known(words: &[&'static str], word: &str) -> &'static str {
    words
        .iter()
        .copied()
        .find(|known| *known == word)
        .unwrap_or(words[0])
}

#[cfg(test)]
mod tests {
    use super::super::bus::testing::serve;
    use super::*;
    use crate::proc::dbus::TestBody;

    fn answer(call: &str) -> Result<Vec<u8>, &'static str> {
        let text = |text: &str| Ok(TestBody::default().variant("s").text(text).finish());
        let is_second = call.contains("/session/two");
        let session = |body: TestBody, id: &str| {
            let path = format!("/session/{id}");
            body.structure()
                .text(id)
                .number(1000)
                .text("ann")
                .text("")
                .text(&path)
        };
        match () {
            () if call.contains("Hello") => Ok(TestBody::default().text(":1.7").finish()),
            () if call.contains("ListSeats") => Ok(TestBody::default()
                .structures(|body| body.structure().text("seat0").text("/seat/seat0"))
                .finish()),
            () if call.contains("ListSessions") => Ok(TestBody::default()
                .structures(|body| session(session(session(body, "one"), "two"), "ended"))
                .finish()),
            () if call.contains("/session/ended") => Err("org.freedesktop.DBus.Error.UnknownObject"),
            () if call.contains("Seat") => {
                let name = if is_second { "" } else { "seat0" };
                Ok(TestBody::default()
                    .variant("(so)")
                    .structure()
                    .text(name)
                    .text("/")
                    .finish())
            }
            () if call.contains("Remote") => {
                Ok(TestBody::default().variant("b").number(is_second.into()).finish())
            }
            () if call.contains("Type") => text(if is_second { "hologram" } else { "tty" }),
            () => text("user"),
        }
    }

    #[test]
    fn sessions_by_kind() {
        let directory = tempfile::tempdir().unwrap();
        let mut options = HostOptions::default();
        options.roots.system_bus = directory.path().join("bus");
        serve(&options.roots.system_bus, answer);
        let mut out = Vec::new();
        build(&options).collect(&mut out).unwrap();
        assert_eq!(out[0].metrics.len(), 2 * 2 * TYPES.len() * CLASSES.len());
        let mut page = String::new();
        moheng_metrics::write_text(&out, &mut page);
        let found: Vec<&str> = page.lines().filter(|line| line.ends_with(" 1")).collect();
        let expected = [
            "node_logind_sessions{class=\"user\",remote=\"true\",seat=\"\",type=\"other\"} 1",
            "node_logind_sessions{class=\"user\",remote=\"false\",seat=\"seat0\",type=\"tty\"} 1",
        ];
        assert_eq!(found, expected);
    }
}

//! A connection to the system's message bus (D-Bus), or to one program that talks as on a bus.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::io_error;
use crate::CollectError;
use crate::proc::MalformedFile;
use crate::proc::dbus::{self, Answer, FIXED_HEADER_BYTES, Method, Reader};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Lines of the greeting are short.
const LINE_BYTES_MAX: usize = 512;

/// Who talks about properties.
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A program on the other side, ready to be asked.
#[derive(Debug)]
pub(super) struct Bus {
    stream: UnixStream,
    serial: u32,
}

/// An object of a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    pub(super) destination: &'a str,
    pub(super) path: &'a str,
}

impl Bus {
    /// Connects to the bus at the socket `path`.
    pub(super) fn open(path: &Path) -> Result<Self, CollectError> {
        let mut bus = Self::open_peer(path)?;
        let bus_itself = Object {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
        };
        bus.call(bus_itself, "org.freedesktop.DBus", "Hello", &[])?;
        Ok(bus)
    }

    /// Connects to a program at the socket `path` without a bus between.
    pub(super) fn open_peer(path: &Path) -> Result<Self, CollectError> {
        let connect = || {
            let mut stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
            greet(&mut stream)?;
            Ok(stream)
        };
        let stream = connect().map_err(|error| CollectError::from_io(path, error))?;
        Ok(Self { stream, serial: 0 })
    }

    /// The body of the answer to a call.
    pub(super) fn call(
        &mut self,
        object: Object<'_>,
        interface: &str,
        name: &str,
        arguments: &[&str],
    ) -> Result<Vec<u8>, CollectError> {
        let method = Method {
            destination: object.destination,
            path: object.path,
            interface,
            name,
        };
        let what = || format!("{} {interface}.{name} {}", object.path, arguments.join(" "));
        match self
            .exchange(&method, arguments)
            .map_err(|error| io_error(&what(), error))?
        {
            Answer::Body(body) => Ok(body),
            Answer::Error(error) => Err(io_error(&what(), io::Error::other(error))),
        }
    }

    /// A property that is a text.
    pub(super) fn text(
        &mut self,
        object: Object<'_>,
        property: (&str, &str),
    ) -> Result<String, CollectError> {
        let body = self.property(object, property)?;
        let mut reader = Reader::new(&body);
        let value = reader.variant("s").and_then(|()| reader.string());
        value.map_err(|malformed| io_error(property.1, invalid(&malformed)))
    }

    /// A property that is a number.
    pub(super) fn number(&mut self, object: Object<'_>, property: (&str, &str)) -> Result<u32, CollectError> {
        let body = self.property(object, property)?;
        let mut reader = Reader::new(&body);
        let value = reader.variant("u").and_then(|()| reader.u32());
        value.map_err(|malformed| io_error(property.1, invalid(&malformed)))
    }

    /// A property that is a number of 64 bits.
    pub(super) fn long(&mut self, object: Object<'_>, property: (&str, &str)) -> Result<u64, CollectError> {
        let body = self.property(object, property)?;
        let mut reader = Reader::new(&body);
        let value = reader.variant("t").and_then(|()| reader.u64());
        value.map_err(|malformed| io_error(property.1, invalid(&malformed)))
    }

    /// A property, given by its interface and name, as a body of one variant.
    pub(super) fn property(
        &mut self,
        object: Object<'_>,
        (interface, name): (&str, &str),
    ) -> Result<Vec<u8>, CollectError> {
        self.call(object, PROPERTIES, "Get", &[interface, name])
    }

    fn exchange(&mut self, method: &Method<'_>, arguments: &[&str]) -> io::Result<Answer> {
        self.serial += 1;
        self.stream
            .write_all(&dbus::call(self.serial, method, arguments))?;
        loop {
            let mut header = [0; FIXED_HEADER_BYTES];
            self.stream.read_exact(&mut header)?;
            let length = dbus::length(&header).map_err(|malformed| invalid(&malformed))?;
            let mut message = header.to_vec();
            message.resize(length, 0);
            self.stream.read_exact(&mut message[FIXED_HEADER_BYTES..])?;
            // Signals come between.
            if let Some(answer) =
                dbus::answer(&message, self.serial).map_err(|malformed| invalid(&malformed))?
            {
                return Ok(answer);
            }
        }
    }
}

/// Says who we are, which the kernel confirms.
fn greet(stream: &mut UnixStream) -> io::Result<()> {
    let user = rustix::process::geteuid().as_raw().to_string();
    let mut greeting = "\0AUTH EXTERNAL ".to_owned();
    for byte in user.bytes() {
        // Writing to a text does not fail.
        let _ = write!(greeting, "{byte:02x}");
    }
    greeting.push_str("\r\n");
    stream.write_all(greeting.as_bytes())?;
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        line.extend(byte);
        if line.len() > LINE_BYTES_MAX {
            return Err(io::Error::other("no greeting of a bus"));
        }
    }
    if !line.starts_with(b"OK ") {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    stream.write_all(b"BEGIN\r\n")
}

pub(super) fn invalid(malformed: &MalformedFile) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, malformed.message.clone())
}

/// A bus that gives prepared answers, for tests.
#[cfg(test)]
pub(super) mod testing {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// Listens at `path` for one connection, and answers each call by what `answer` makes of the call's bytes: a body or
    /// the name of an error.
    pub(crate) fn serve(
        path: &Path,
        answer: impl Fn(&str) -> Result<Vec<u8>, &'static str> + Send + 'static,
    ) {
        let listener = UnixListener::bind(path).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut greeting = Vec::new();
            while !greeting.ends_with(b"\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                greeting.extend(byte);
            }
            assert!(greeting.starts_with(b"\0AUTH EXTERNAL 3"), "{greeting:?}");
            stream.write_all(b"OK 1234deadbeef\r\n").unwrap();
            let mut begin = [0; 7];
            stream.read_exact(&mut begin).unwrap();
            assert_eq!(&begin, b"BEGIN\r\n");
            let mut header = [0; FIXED_HEADER_BYTES];
            while stream.read_exact(&mut header).is_ok() {
                let mut rest = vec![0; dbus::length(&header).unwrap() - FIXED_HEADER_BYTES];
                stream.read_exact(&mut rest).unwrap();
                let serial = u32::from_le_bytes(header[8..12].try_into().unwrap());
                // The words of a call, one after another.
                let words: Vec<String> = rest
                    .split(|byte| !(byte.is_ascii_graphic()))
                    .filter(|word| word.len() > 2)
                    .map(|word| String::from_utf8_lossy(word).into_owned())
                    .collect();
                let message = match answer(&words.join(" ")) {
                    Ok(body) => dbus::test_answer(serial, None, &body),
                    Err(error) => dbus::test_answer(serial, Some(error), &[]),
                };
                // A signal, which has to be skipped, and the answer.
                stream.write_all(&dbus::test_answer(0, None, &[])).unwrap();
                stream.write_all(&message).unwrap();
            }
        });
    }
}

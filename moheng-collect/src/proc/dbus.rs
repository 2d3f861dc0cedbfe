//! Messages of D-Bus: calls of methods, and answers of the few types that collectors ask for.
//!
//! The format is that of the D-Bus Specification, version 0.43, "Marshaling (Wire Format)" and "Message Format".

use super::{MalformedFile, text};

/// The least that must be read to know how long a message is.
pub(crate) const FIXED_HEADER_BYTES: usize = 16;
/// No list of units comes near this size.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

const LITTLE_ENDIAN: u8 = b'l';
const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;

const FIELD_PATH: u8 = 1;
const FIELD_INTERFACE: u8 = 2;
const FIELD_MEMBER: u8 = 3;
const FIELD_ERROR_NAME: u8 = 4;
const FIELD_REPLY_SERIAL: u8 = 5;
const FIELD_DESTINATION: u8 = 6;
const FIELD_SIGNATURE: u8 = 8;

/// A method of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) name: &'a str,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Body(Vec<u8>),
    /// The name of the error.
    Error(String),
}

/// A call with texts as its arguments.
pub(crate) fn call(serial: u32, method: &Method<'_>, arguments: &[&str]) -> Vec<u8> {
    let mut body = Writer::default();
    for argument in arguments {
        body.string(argument);
    }
    let mut fields = Writer::default();
    for (field, kind, value) in [
        (FIELD_PATH, b'o', method.path),
        (FIELD_INTERFACE, b's', method.interface),
        (FIELD_MEMBER, b's', method.name),
        (FIELD_DESTINATION, b's', method.destination),
    ] {
        fields.align(8);
        fields.bytes.extend([field, 1, kind, 0]);
        fields.string(value);
    }
    if !arguments.is_empty() {
        fields.align(8);
        fields.bytes.extend([FIELD_SIGNATURE, 1, b'g', 0]);
        fields.signature(&"s".repeat(arguments.len()));
    }
    let mut message = Writer::default();
    message.bytes.extend([LITTLE_ENDIAN, METHOD_CALL, 0, 1]);
    message.u32(body.bytes.len());
    message.bytes.extend(serial.to_le_bytes());
    message.u32(fields.bytes.len());
    message.bytes.extend(fields.bytes);
    message.align(8);
    message.bytes.extend(body.bytes);
    message.bytes
}

/// How long a message is, from its fixed header.
pub(crate) fn length(header: &[u8; FIXED_HEADER_BYTES]) -> Result<usize, MalformedFile> {
    if header[0] != LITTLE_ENDIAN {
        return Err(MalformedFile::whole(
            "a message of this machine's byte order expected",
        ));
    }
    let mut reader = Reader::new(header);
    reader.position = 4;
    let body = reader.u32()? as usize;
    reader.position = 12;
    let fields = reader.u32()? as usize;
    let length = fields
        .checked_next_multiple_of(8)
        .and_then(|fields| fields.checked_add(body)?.checked_add(FIXED_HEADER_BYTES));
    length
        .filter(|length| *length <= MESSAGE_BYTES_MAX)
        .ok_or_else(|| MalformedFile::whole("a message is too long"))
}

/// The answer to the call `serial`; nothing for any other message.
pub(crate) fn answer(message: &[u8], serial: u32) -> Result<Option<Answer>, MalformedFile> {
    let mut reader = Reader::new(message);
    reader.position = 1;
    let kind = reader.u8()?;
    reader.position = 12;
    let end = FIXED_HEADER_BYTES + reader.u32()? as usize;
    let (mut reply_serial, mut error_name) = (None, String::new());
    while reader.position < end {
        reader.align(8);
        let field = reader.u8()?;
        match reader.signature()?.as_slice() {
            b"u" => {
                let value = reader.u32()?;
                if field == FIELD_REPLY_SERIAL {
                    reply_serial = Some(value);
                }
            }
            b"s" | b"o" => {
                let value = reader.string()?;
                if field == FIELD_ERROR_NAME {
                    error_name = value;
                }
            }
            b"g" => drop(reader.signature()?),
            _ => return Err(MalformedFile::whole("a header field of another type")),
        }
    }
    if reply_serial != Some(serial) {
        return Ok(None);
    }
    reader.align(8);
    let body = message.get(reader.position..).unwrap_or_default().to_vec();
    Ok(match kind {
        METHOD_RETURN => Some(Answer::Body(body)),
        ERROR => Some(Answer::Error(error_name)),
        _ => None,
    })
}

/// Reads values from a body, each of which begins at a multiple of its alignment.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, MalformedFile> {
        self.take::<1>(1).map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, MalformedFile> {
        self.take(4).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, MalformedFile> {
        self.take(8).map(u64::from_le_bytes)
    }

    /// A text or an object path.
    pub(crate) fn string(&mut self) -> Result<String, MalformedFile> {
        let length = self.u32()? as usize;
        let bytes = self.slice(length)?;
        // The zero byte behind it.
        self.u8()?;
        Ok(text(bytes).into_owned())
    }

    /// The types of values.
    pub(crate) fn signature(&mut self) -> Result<Vec<u8>, MalformedFile> {
        let length = usize::from(self.u8()?);
        let bytes = self.slice(length)?.to_vec();
        self.u8()?;
        Ok(bytes)
    }

    /// A value that says its type, which must be `signature`.
    pub(crate) fn variant(&mut self, signature: &str) -> Result<(), MalformedFile> {
        let found = self.signature()?;
        if found == signature.as_bytes() {
            return Ok(());
        }
        let message = format!("a value of type {signature:?} expected, found {:?}", text(&found));
        Err(MalformedFile::whole(message))
    }

    /// The structures of an array.
    pub(crate) fn structures<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, MalformedFile>,
    ) -> Result<Vec<T>, MalformedFile> {
        let length = self.u32()? as usize;
        self.align(8);
        let end = self.position.saturating_add(length);
        let mut found = Vec::new();
        while self.position < end {
            self.align(8);
            found.push(read(self)?);
        }
        Ok(found)
    }

    pub(crate) fn align(&mut self, bytes: usize) {
        self.position = self.position.next_multiple_of(bytes);
    }

    fn take<const LENGTH: usize>(&mut self, alignment: usize) -> Result<[u8; LENGTH], MalformedFile> {
        self.align(alignment);
        let slice = self.slice(LENGTH)?;
        slice.try_into().map_err(|_| ends_early())
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], MalformedFile> {
        let end = self.position.checked_add(length).ok_or_else(ends_early)?;
        let slice = self.bytes.get(self.position..end).ok_or_else(ends_early)?;
        self.position = end;
        Ok(slice)
    }
}

fn ends_early() -> MalformedFile {
    MalformedFile::whole("a message ends early")
}

/// Appends values, each at a multiple of its alignment.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn align(&mut self, alignment: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
    }

    /// What is written here is short.
    fn u32(&mut self, value: usize) {
        self.align(4);
        self.bytes
            .extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn string(&mut self, value: &str) {
        self.u32(value.len());
        self.bytes.extend(value.as_bytes());
        self.bytes.push(0);
    }

    fn signature(&mut self, value: &str) {
        self.bytes.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        self.bytes.extend(value.as_bytes());
        self.bytes.push(0);
    }
}

/// An answer to a call, as a bus would send it; for tests.
#[cfg(test)]
pub(crate) fn test_answer(serial: u32, error: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut fields = Writer::default();
    fields.bytes.extend([FIELD_REPLY_SERIAL, 1, b'u', 0]);
    fields.bytes.extend(serial.to_le_bytes());
    if let Some(error) = error {
        fields.align(8);
        fields.bytes.extend([FIELD_ERROR_NAME, 1, b's', 0]);
        fields.string(error);
    }
    let kind = if error.is_some() { ERROR } else { METHOD_RETURN };
    let mut message = Writer::default();
    message.bytes.extend([LITTLE_ENDIAN, kind, 0, 1]);
    message.u32(body.len());
    message.bytes.extend(7_u32.to_le_bytes());
    message.u32(fields.bytes.len());
    message.bytes.extend(fields.bytes);
    message.align(8);
    message.bytes.extend(body);
    message.bytes
}

/// A body of values, for tests.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct TestBody(Writer);

#[cfg(test)]
impl TestBody {
    pub(crate) fn text(mut self, value: &str) -> Self {
        self.0.string(value);
        self
    }

    pub(crate) fn number(mut self, value: u32) -> Self {
        self.0.align(4);
        self.0.bytes.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn long(mut self, value: u64) -> Self {
        self.0.align(8);
        self.0.bytes.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn variant(mut self, signature: &str) -> Self {
        self.0.signature(signature);
        self
    }

    /// An array of structures that `items` write.
    pub(crate) fn structures(mut self, items: impl FnOnce(Self) -> Self) -> Self {
        let start = self.0.bytes.len().next_multiple_of(4);
        self.0.u32(0);
        self.0.align(8);
        let first = self.0.bytes.len();
        let mut written = items(self);
        let length = u32::try_from(written.0.bytes.len() - first).unwrap();
        written.0.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
        written
    }

    pub(crate) fn structure(mut self) -> Self {
        self.0.align(8);
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(message: &[u8], serial: u32) -> Result<Option<Answer>, MalformedFile> {
        answer(message, serial)
    }

    #[test]
    fn a_call_is_written_as_the_specification_says() {
        let method = Method {
            destination: "d",
            path: "/p",
            interface: "i",
            name: "m",
        };
        let message = call(3, &method, &["ab", "c"]);
        assert_eq!(
            message[..16],
            [b'l', 1, 0, 1, 14, 0, 0, 0, 3, 0, 0, 0, 72, 0, 0, 0]
        );
        assert_eq!(message[16..27], [1, 1, b'o', 0, 2, 0, 0, 0, b'/', b'p', 0]);
        let header = message.first_chunk().unwrap();
        assert_eq!(length(header), Ok(message.len()));
        assert_eq!(
            message[message.len() - 14..],
            [2, 0, 0, 0, b'a', b'b', 0, 0, 1, 0, 0, 0, b'c', 0]
        );
    }

    #[test]
    fn answers_and_errors() {
        let body = TestBody::default().text("x").long(7).finish();
        let message = test_answer(3, None, &body);
        assert_eq!(parse(&message, 3), Ok(Some(Answer::Body(body.clone()))));
        assert_eq!(parse(&message, 4), Ok(None));
        assert_eq!(
            parse(&test_answer(3, Some("a.b.C"), &[]), 3),
            Ok(Some(Answer::Error("a.b.C".to_owned())))
        );
        let mut reader = Reader::new(&body);
        assert_eq!((reader.string(), reader.u64()), (Ok("x".to_owned()), Ok(7)));
        assert!(reader.u8().is_err());
        for length in 0..FIXED_HEADER_BYTES + 8 {
            assert!(parse(&message[..length], 3).is_err(), "{length}");
        }
    }

    #[test]
    fn arrays_and_variants() {
        let items = |body: TestBody| {
            body.structure()
                .text("a")
                .number(1)
                .structure()
                .text("b")
                .number(2)
        };
        let body = TestBody::default()
            .structures(items)
            .variant("t")
            .long(9)
            .finish();
        let mut reader = Reader::new(&body);
        let found = reader
            .structures(|reader| Ok((reader.string()?, reader.u32()?)))
            .unwrap();
        assert_eq!(found, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert!(
            Reader {
                bytes: &body,
                position: reader.position
            }
            .variant("s")
            .is_err()
        );
        reader.variant("t").unwrap();
        assert_eq!(reader.u64(), Ok(9));
        let huge = [0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0];
        assert!(Reader::new(&huge).structures(Reader::u32).is_err());
    }

    #[test]
    fn long_messages_are_refused() {
        let mut header = [0; FIXED_HEADER_BYTES];
        assert!(length(&header).is_err());
        header[0] = LITTLE_ENDIAN;
        assert_eq!(length(&header), Ok(16));
        header[4..8].fill(0xff);
        assert!(length(&header).is_err());
    }
}

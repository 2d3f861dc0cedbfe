//! Protobuf's wire format, read in place: no message is copied and none is kept.

mod message;

pub(super) use message::{
    AnyValue, Data, DataKind, ExemplarMessage, ExponentialPoint, HistogramPointMessage, KeyValue, Metric,
    NumberPoint, PointTime, Resource, Scope, SummaryPoint,
};

use super::OtlpError;

/// The bytes of one message, and where they lie in the request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    offset: usize,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    /// Four bytes: no field of a request is of this type, so what they are does not matter.
    Fixed32,
    Delimited(Message<'a>),
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    pub(super) offset: usize,
    value: Value<'a>,
}

impl<'a> Message<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// The fields in the order they were written.
    pub(super) fn fields(self) -> Fields<'a> {
        Fields { rest: self }
    }

    /// The messages in the field with this number.
    pub(super) fn children(self, number: u32) -> impl Iterator<Item = Result<Message<'a>, OtlpError>> {
        self.fields().filter_map(move |field| match field {
            Ok(field) if field.number == number => Some(field.message()),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn error(self, message: &'static str) -> OtlpError {
        OtlpError::malformed(self.offset, message)
    }

    fn varint(&mut self) -> Result<u64, OtlpError> {
        let mut value = 0u64;
        for (index, &byte) in self.bytes.iter().take(10).enumerate() {
            // The tenth byte has room for one more bit.
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.advance(index + 1);
                return Ok(value);
            }
        }
        Err(self.error("truncated or overlong varint"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], OtlpError> {
        let (array, _) = self
            .bytes
            .split_first_chunk::<N>()
            .ok_or_else(|| self.error("truncated number"))?;
        let array = *array;
        self.advance(N);
        Ok(array)
    }

    fn delimited(&mut self) -> Result<Message<'a>, OtlpError> {
        let length = self.varint()?;
        let inner = usize::try_from(length)
            .ok()
            .and_then(|length| self.bytes.get(..length))
            .ok_or_else(|| self.error("length beyond the end of the message"))?;
        let message = Message {
            bytes: inner,
            offset: self.offset,
        };
        self.advance(inner.len());
        Ok(message)
    }

    fn advance(&mut self, count: usize) {
        self.bytes = self.bytes.get(count..).unwrap_or_default();
        self.offset += count;
    }
}

/// The fields of a message; after an error there are no more.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: Message<'a>,
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Result<Field<'a>, OtlpError> {
        let offset = self.rest.offset;
        let key = self.rest.varint()?;
        let number = u32::try_from(key >> 3)
            .ok()
            .filter(|number| (1..1 << 29).contains(number))
            .ok_or_else(|| OtlpError::malformed(offset, "invalid field number"))?;
        let value = match key & 7 {
            0 => Value::Varint(self.rest.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.rest.array()?)),
            2 => Value::Delimited(self.rest.delimited()?),
            5 => self.rest.array::<4>().map(|_| Value::Fixed32)?,
            _ => return Err(OtlpError::malformed(offset, "invalid wire type")),
        };
        Ok(Field {
            number,
            offset,
            value,
        })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, OtlpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.bytes.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.rest.bytes = &[];
        }
        Some(field)
    }
}

impl<'a> Field<'a> {
    pub(super) fn message(self) -> Result<Message<'a>, OtlpError> {
        match self.value {
            Value::Delimited(message) => Ok(message),
            _ => Err(self.wrong_type()),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, OtlpError> {
        let message = self.message()?;
        std::str::from_utf8(message.bytes)
            .map_err(|error| OtlpError::malformed(message.offset + error.valid_up_to(), "invalid UTF-8"))
    }

    pub(super) fn varint(self) -> Result<u64, OtlpError> {
        match self.value {
            Value::Varint(value) => Ok(value),
            _ => Err(self.wrong_type()),
        }
    }

    pub(super) fn fixed64(self) -> Result<u64, OtlpError> {
        match self.value {
            Value::Fixed64(value) => Ok(value),
            _ => Err(self.wrong_type()),
        }
    }

    pub(super) fn double(self) -> Result<f64, OtlpError> {
        self.fixed64().map(f64::from_bits)
    }

    /// A number in protobuf's zigzag form.
    pub(super) fn zigzag32(self) -> Result<i32, OtlpError> {
        let value = self.varint()? as u32;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// Appends a repeated fixed number, packed or not.
    pub(super) fn push_fixed64(self, out: &mut Vec<u64>) -> Result<(), OtlpError> {
        match self.value {
            Value::Fixed64(value) => out.push(value),
            Value::Delimited(mut packed) => {
                while !packed.bytes.is_empty() {
                    out.push(u64::from_le_bytes(packed.array()?));
                }
            }
            _ => return Err(self.wrong_type()),
        }
        Ok(())
    }

    /// Appends a repeated variable-length number, packed or not.
    pub(super) fn push_varints(self, out: &mut Vec<u64>) -> Result<(), OtlpError> {
        match self.value {
            Value::Varint(value) => out.push(value),
            Value::Delimited(mut packed) => {
                while !packed.bytes.is_empty() {
                    out.push(packed.varint()?);
                }
            }
            _ => return Err(self.wrong_type()),
        }
        Ok(())
    }

    fn wrong_type(self) -> OtlpError {
        OtlpError::malformed(self.offset, "field has the wrong wire type")
    }
}

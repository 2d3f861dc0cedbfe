//! Requests in JSON, rewritten in protobuf: unknown fields are skipped, and what is read is checked once, there.

mod scanner;
mod schema;

use scanner::Scanner;
use schema::{Field, Kind, MessageSchema, REQUEST};

use super::OtlpError;

/// Objects and lists nested deeper than this are refused.
const MAX_DEPTH: u32 = 100;

/// Protobuf's wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const DELIMITED: u64 = 2;

pub(super) fn to_protobuf(request: &[u8]) -> Result<Vec<u8>, OtlpError> {
    let mut scanner = Scanner::new(request);
    let mut out = Vec::with_capacity(request.len() / 2);
    push_message(&mut scanner, &REQUEST, MAX_DEPTH, &mut out)?;
    scanner.end()?;
    Ok(out)
}

fn push_message(
    scanner: &mut Scanner<'_>,
    schema: &MessageSchema,
    depth: u32,
    out: &mut Vec<u8>,
) -> Result<(), OtlpError> {
    let depth = scanner.deeper(depth)?;
    scanner.expect(b'{', "expected an object")?;
    let mut is_first = true;
    while scanner.has_member(b'}', &mut is_first)? {
        let key = scanner.text()?;
        scanner.expect(b':', "expected a colon")?;
        match schema.field(&key) {
            _ if scanner.take_null() => {}
            Some(field) if field.is_repeated => push_list(scanner, field, depth, out)?,
            Some(field) => push_value(scanner, field, depth, out)?,
            None => scanner.skip(depth)?,
        }
    }
    Ok(())
}

fn push_list(
    scanner: &mut Scanner<'_>,
    field: &Field,
    depth: u32,
    out: &mut Vec<u8>,
) -> Result<(), OtlpError> {
    scanner.expect(b'[', "expected a list")?;
    let mut is_first = true;
    while scanner.has_member(b']', &mut is_first)? {
        push_value(scanner, field, depth, out)?;
    }
    Ok(())
}

fn push_value(
    scanner: &mut Scanner<'_>,
    field: &Field,
    depth: u32,
    out: &mut Vec<u8>,
) -> Result<(), OtlpError> {
    let number = field.number;
    match field.kind {
        Kind::Text => push_bytes(number, scanner.text()?.as_bytes(), out),
        Kind::Hex => push_bytes(number, &scanner.hex()?, out),
        Kind::Base64 => push_bytes(number, &scanner.base64()?, out),
        Kind::Bool => push_number(number, u64::from(scanner.boolean()?), out),
        Kind::Int64 => push_number(number, scanner.signed()? as u64, out),
        Kind::Uint64 => push_number(number, scanner.unsigned()?, out),
        Kind::Sint32 => {
            let value = scanner.signed()?;
            let value = i32::try_from(value).map_err(|_| scanner.error("number out of range"))?;
            push_number(number, u64::from(((value << 1) ^ (value >> 31)) as u32), out);
        }
        Kind::Fixed64 => push_fixed(number, scanner.unsigned()?, out),
        Kind::Sfixed64 => push_fixed(number, scanner.signed()? as u64, out),
        Kind::Double => push_fixed(number, scanner.double()?.to_bits(), out),
        Kind::Enumeration(names) => push_number(number, scanner.enumeration(names)?, out),
        Kind::Message(schema) => {
            let start = out.len();
            push_message(scanner, schema, depth, out)?;
            // The length comes first, but is known last.
            let mut head = Vec::with_capacity(16);
            push_varint(u64::from(number) << 3 | DELIMITED, &mut head);
            push_varint((out.len() - start) as u64, &mut head);
            out.splice(start..start, head);
        }
    }
    Ok(())
}

pub(super) fn push_number(number: u32, value: u64, out: &mut Vec<u8>) {
    push_varint(u64::from(number) << 3 | VARINT, out);
    push_varint(value, out);
}

fn push_fixed(number: u32, value: u64, out: &mut Vec<u8>) {
    push_varint(u64::from(number) << 3 | FIXED64, out);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn push_bytes(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    push_varint(u64::from(number) << 3 | DELIMITED, out);
    push_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn push_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

//! How the counts of integer and of float histograms are written: [`Count`].

use std::fmt::Debug;

use super::ChunkError;
use super::bits::{BitReader, BitWriter};
use super::varbit::{put_signed, put_unsigned, read_signed, read_unsigned};
use super::window::XorValue;

/// A count of observations, of a bucket or of a whole histogram.
///
/// Buckets of integer histograms are written as differences to the bucket before, `neighbour`, which is 0 for counts
/// that have none.
pub(crate) trait Count: Copy + Default + PartialEq + PartialOrd + Debug {
    /// Whether histograms with these counts are integer histograms.
    const IS_INTEGER: bool;

    /// What the same count of the next sample is written against.
    type State: Copy + Default + Debug;

    /// Writes a count of the first sample.
    fn put_first(self, state: &mut Self::State, writer: &mut BitWriter);

    /// Writes a bucket of the first sample.
    fn put_first_bucket(self, state: &mut Self::State, writer: &mut BitWriter, neighbour: Self);

    /// Writes a count or bucket of a later sample.
    fn put(self, state: &mut Self::State, writer: &mut BitWriter, neighbour: Self);

    /// Writes a count of a stale marker that is not the first sample.
    fn put_stale(state: &mut Self::State, writer: &mut BitWriter);

    /// Reads what [`Count::put_first`] wrote.
    fn read_first(state: &mut Self::State, reader: &mut BitReader<'_>) -> Self;

    /// Reads what [`Count::put_first_bucket`] wrote.
    fn read_first_bucket(state: &mut Self::State, reader: &mut BitReader<'_>, neighbour: Self) -> Self;

    /// Reads what [`Count::put`] wrote.
    fn read(state: &mut Self::State, reader: &mut BitReader<'_>, neighbour: Self)
    -> Result<Self, ChunkError>;

    /// What [`Count::read`] makes of a zero bit.
    fn unchanged(state: &mut Self::State, neighbour: Self) -> Self;

    /// The count that was written or read last.
    fn last(state: &Self::State, neighbour: Self) -> Self;

    fn to_float(self) -> f64;

    /// The same for the same count, whatever its kind.
    fn to_bits(self) -> u64;
}

/// The last value and by how much it was more than the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Difference {
    value: i64,
    delta: i64,
}

impl Count for u64 {
    const IS_INTEGER: bool = true;
    type State = Difference;

    fn put_first(self, state: &mut Difference, writer: &mut BitWriter) {
        state.value = self as i64;
        put_unsigned(writer, self);
    }

    fn put_first_bucket(self, state: &mut Difference, writer: &mut BitWriter, neighbour: Self) {
        state.value = self.wrapping_sub(neighbour) as i64;
        put_signed(writer, state.value);
    }

    #[inline]
    fn put(self, state: &mut Difference, writer: &mut BitWriter, neighbour: Self) {
        let value = self.wrapping_sub(neighbour) as i64;
        let delta = value.wrapping_sub(state.value);
        put_signed(writer, delta.wrapping_sub(state.delta));
        *state = Difference { value, delta };
    }

    fn put_stale(_: &mut Difference, writer: &mut BitWriter) {
        // Only stale markers follow, so the state does not matter any more.
        put_signed(writer, 0);
    }

    fn read_first(state: &mut Difference, reader: &mut BitReader<'_>) -> Self {
        let count = read_unsigned(reader);
        state.value = count as i64;
        count
    }

    fn read_first_bucket(state: &mut Difference, reader: &mut BitReader<'_>, neighbour: Self) -> Self {
        state.value = read_signed(reader);
        neighbour.wrapping_add(state.value as Self)
    }

    #[inline]
    fn read(state: &mut Difference, reader: &mut BitReader<'_>, neighbour: Self) -> Result<Self, ChunkError> {
        state.delta = state.delta.wrapping_add(read_signed(reader));
        Ok(Self::unchanged(state, neighbour))
    }

    #[inline]
    fn unchanged(state: &mut Difference, neighbour: Self) -> Self {
        state.value = state.value.wrapping_add(state.delta);
        neighbour.wrapping_add(state.value as Self)
    }

    fn last(state: &Difference, neighbour: Self) -> Self {
        neighbour.wrapping_add(state.value as Self)
    }

    #[inline]
    fn to_float(self) -> f64 {
        self as f64
    }

    fn to_bits(self) -> u64 {
        self
    }
}

impl Count for f64 {
    const IS_INTEGER: bool = false;
    type State = FloatState;

    fn put_first(self, state: &mut FloatState, writer: &mut BitWriter) {
        state.0.put_first(writer, self);
    }

    fn put_first_bucket(self, state: &mut FloatState, writer: &mut BitWriter, _: Self) {
        state.0.put_first(writer, self);
    }

    #[inline]
    fn put(self, state: &mut FloatState, writer: &mut BitWriter, _: Self) {
        state.0.put(writer, self);
    }

    fn put_stale(state: &mut FloatState, writer: &mut BitWriter) {
        state.0.put(writer, 0.0);
    }

    fn read_first(state: &mut FloatState, reader: &mut BitReader<'_>) -> Self {
        state.0.read_first(reader)
    }

    fn read_first_bucket(state: &mut FloatState, reader: &mut BitReader<'_>, _: Self) -> Self {
        state.0.read_first(reader)
    }

    #[inline]
    fn read(state: &mut FloatState, reader: &mut BitReader<'_>, _: Self) -> Result<Self, ChunkError> {
        state.0.read(reader)
    }

    #[inline]
    fn unchanged(state: &mut FloatState, _: Self) -> Self {
        state.0.get()
    }

    fn last(state: &FloatState, _: Self) -> Self {
        state.0.get()
    }

    #[inline]
    fn to_float(self) -> f64 {
        self
    }

    fn to_bits(self) -> u64 {
        Self::to_bits(self)
    }
}

/// The last value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FloatState(XorValue);

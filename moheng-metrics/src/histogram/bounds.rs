//! Where the buckets of exponential schemas lie.

use super::{MAX_SCHEMA, MIN_SCHEMA};

/// The highest exponential schema that anyone may send; those above [`MAX_SCHEMA`] are reduced before they are stored.
pub const MAX_RECEIVED_SCHEMA: i8 = 52;

/// Bucket bounds in [0.5, 1) of schema 8; every other schema from 0 on takes each 2^n-th of them.
const FRACTIONS: [f64; 1 << MAX_SCHEMA] = fractions();

/// How many of [`FRACTIONS`] lie below the floats of [0.5, 1) that begin with these eight binary digits behind the first:
/// where to start looking. At most two more do, since they lie 0.00135 apart at least and the digits step by 0.00195.
const STARTS: [u8; 1 << 8] = starts();

/// The upper bound, inclusive, of the positive bucket at `index`: 2^(index * 2^-schema).
///
/// The bucket in which that exceeds all floats ends at [`f64::MAX`], and the one above it at infinity: it holds the
/// observations that are infinite. Schemas that are not stored are read as the nearest one that is.
///
/// ```
/// use moheng_metrics::histogram::bucket_bound;
///
/// assert_eq!(bucket_bound(3, 0), 8.0);
/// assert_eq!(bucket_bound(-1, -1), 0.25);
/// assert_eq!(bucket_bound(1024, 0), f64::MAX);
/// assert_eq!(bucket_bound(1025, 0), f64::INFINITY);
/// ```
pub fn bucket_bound(index: i32, schema: i8) -> f64 {
    let schema = schema.clamp(MIN_SCHEMA, MAX_SCHEMA);
    if schema < 0 {
        let exponent = i64::from(index) << -schema;
        return if exponent == 1024 {
            f64::MAX
        } else {
            scale_by_power(1.0, exponent)
        };
    }
    let within = index & ((1 << schema) - 1);
    let fraction = FRACTIONS
        .get((within << (MAX_SCHEMA - schema)) as usize)
        .copied()
        .unwrap_or(0.5);
    let exponent = i64::from(index >> schema) + 1;
    if within == 0 && exponent == 1025 {
        f64::MAX
    } else {
        scale_by_power(fraction, exponent)
    }
}

/// The index of the positive bucket that counts `value`, which must be greater than zero: the lowest one whose
/// [`bucket_bound`] is not below it.
///
/// ```
/// use moheng_metrics::histogram::bucket_index;
///
/// assert_eq!(bucket_index(8.0, 0), 3);
/// assert_eq!(bucket_index(8.1, 0), 4);
/// assert_eq!(bucket_index(f64::INFINITY, 0), 1025);
/// ```
pub fn bucket_index(value: f64, schema: i8) -> i32 {
    let schema = schema.clamp(MIN_SCHEMA, MAX_SCHEMA);
    if value > f64::MAX {
        return bucket_index(f64::MAX, schema) + 1;
    }
    let (fraction, exponent) = split_by_power(value);
    if schema <= 0 {
        let power = exponent - i32::from(fraction == 0.5);
        let width = 1 << -schema;
        return (power + width - 1) >> -schema;
    }
    let step = 1_usize << (MAX_SCHEMA - schema);
    // All fractions that lie below the value's, and then those of them that this schema has.
    let digits = (fraction.to_bits() >> (f64::MANTISSA_DIGITS - 9)) & 0xff;
    let mut below = STARTS.get(digits as usize).map_or(0, |start| usize::from(*start));
    while FRACTIONS.get(below).is_some_and(|bound| *bound < fraction) {
        below += 1;
    }
    let below = below.div_ceil(step);
    below as i32 + ((exponent - 1) << schema)
}

/// The finest schema that is stored in which each bucket is at least `factor` times as wide as the one below it: what
/// `native_histogram_min_bucket_factor` asks for.
///
/// ```
/// use moheng_metrics::histogram::schema_of_bucket_factor;
///
/// assert_eq!(schema_of_bucket_factor(1.1), 2);
/// assert_eq!(schema_of_bucket_factor(0.0), 8);
/// ```
pub fn schema_of_bucket_factor(factor: f64) -> i8 {
    let fits = |schema: i8| factor.log2() <= f64::from(-schema).exp2();
    let schemas = MIN_SCHEMA..=MAX_SCHEMA;
    schemas
        .rev()
        .find(|schema| factor <= 1.0 || fits(*schema))
        .unwrap_or(MIN_SCHEMA)
}

/// The index, in a schema that is `shift` lower, of the bucket that holds the bucket at `index`.
#[inline]
pub(super) fn reduced_index(index: i32, shift: u32) -> i32 {
    (index.wrapping_sub(1) >> shift.min(31)).wrapping_add(1)
}

/// As Prometheus has them, up to the last bit: products of the roots 2^(1/2), 2^(1/4), ..., the first of which is
/// rounded down.
const fn fractions() -> [f64; 1 << MAX_SCHEMA] {
    const ROOTS: [f64; MAX_SCHEMA as usize] = [
        f64::from_bits(0x3ff6_a09e_667f_3bcc),
        f64::from_bits(0x3ff3_06fe_0a31_b715),
        f64::from_bits(0x3ff1_72b8_3c7d_517b),
        f64::from_bits(0x3ff0_b558_6cf9_890f),
        f64::from_bits(0x3ff0_59b0_d315_8574),
        f64::from_bits(0x3ff0_2c9a_3e77_8061),
        f64::from_bits(0x3ff0_163d_a9fb_3335),
        f64::from_bits(0x3ff0_0b1a_fa5a_bcbf),
    ];
    let mut fractions = [0.5; 1 << MAX_SCHEMA];
    let mut index = 0;
    while index < fractions.len() {
        let mut root = 0;
        while root < ROOTS.len() {
            if index >> (ROOTS.len() - 1 - root) & 1 == 1 {
                fractions[index] *= ROOTS[root];
            }
            root += 1;
        }
        index += 1;
    }
    fractions
}

const fn starts() -> [u8; 1 << 8] {
    let fractions = fractions();
    let mut starts = [0; 1 << 8];
    let mut digits = 0;
    let mut below = 0;
    while digits < starts.len() {
        let first = 0.5 + digits as f64 / 512.0;
        while below < fractions.len() && fractions[below] < first {
            below += 1;
        }
        // Below the last one, which is less than one, are all but one at most.
        starts[digits] = below as u8;
        digits += 1;
    }
    starts
}

/// `fraction * 2^exponent`, rounded once.
fn scale_by_power(fraction: f64, exponent: i64) -> f64 {
    match exponent {
        ..-1100 => 0.0,
        // A float so small has fewer bits: go there in one step that rounds.
        -1100..-1000 => fraction * power_of_two(exponent + 200) * power_of_two(-200),
        -1000..=1000 => fraction * power_of_two(exponent),
        1001..=1025 => fraction * power_of_two(1000) * power_of_two(exponent - 1000),
        _ => f64::INFINITY,
    }
}

/// 2^exponent of a normal float.
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// `value` as fraction in [0.5, 1) and exponent, for positive finite floats.
fn split_by_power(value: f64) -> (f64, i32) {
    const EXPONENT: u64 = 0x7ff << 52;
    let normal = if value < f64::MIN_POSITIVE {
        value * power_of_two(54)
    } else {
        value
    };
    let bits = normal.to_bits();
    let shifted = if value < f64::MIN_POSITIVE { 54 } else { 0 };
    let exponent = ((bits & EXPONENT) >> 52) as i32 - 1022 - shifted;
    (f64::from_bits(bits & !EXPONENT | (1022 << 52)), exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_prometheus() {
        #[track_caller]
        fn check(index: i32, schema: i8, expected: f64) {
            assert_eq!(
                bucket_bound(index, schema).to_bits(),
                expected.to_bits(),
                "{index} of {schema}"
            );
        }
        check(0, 0, 1.0);
        check(-1074, 0, f64::from_bits(1));
        check(-1075, 0, 0.0);
        check(1023, 0, 2_f64.powi(1023));
        check(1024, 0, f64::MAX);
        check(1025, 0, f64::INFINITY);
        check(i32::MAX, 0, f64::INFINITY);
        check(i32::MIN, 0, 0.0);
        check(64, -4, f64::MAX);
        check(65, -4, f64::INFINITY);
        check(1, -4, 65_536.0);
        check(i32::MAX, -4, f64::INFINITY);
        check(i32::MIN, -4, 0.0);
        // The last digits differ from the true roots of two.
        check(1, 1, 2.0 * f64::from_bits(0x3fe6_a09e_667f_3bcc));
        check(-1, 2, 0.840_896_415_253_714_4);
        check(-256 + 255, 8, 0.997_296_056_085_469_8);
        check(-256 + 128, 8, f64::from_bits(0x3fe6_a09e_667f_3bcc));
        check(-256 + 19, 8, 0.526_395_386_502_313);
        check(256 * 1024, 8, f64::MAX);
        check(
            256 * 1024 - 1,
            8,
            0.997_296_056_085_469_8 * 2.0_f64.powi(1000) * 2.0_f64.powi(24),
        );
        check(256 * 1024 + 1, 8, f64::INFINITY);
    }

    #[test]
    fn every_bound_lies_in_its_own_bucket() {
        for schema in MIN_SCHEMA..=MAX_SCHEMA {
            for index in -3000..3000 {
                let bound = bucket_bound(index, schema);
                if bound > 0.0 && bound.is_finite() && bound > f64::MIN_POSITIVE {
                    assert_eq!(bucket_index(bound, schema), index, "{bound} of {schema}");
                    assert_eq!(bucket_index(bound.next_up(), schema), index + 1, "above {bound}");
                }
            }
            let last = bucket_index(f64::MAX, schema);
            assert_eq!(bucket_bound(last, schema), f64::MAX, "schema {schema}");
            assert_eq!(bucket_index(f64::INFINITY, schema), last + 1, "schema {schema}");
        }
        assert_eq!(bucket_index(f64::from_bits(1), 0), -1074);
    }

    #[test]
    fn factors_choose_schemas() {
        for (factor, expected) in [
            (1.0, 8),
            (1.002, 8),
            (1.0028, 7),
            (2.0, 0),
            (1.999, 0),
            (2.001, -1),
            (4.0, -1),
            (65_536.0, -4),
            (1e9, -4),
            (f64::NAN, -4),
        ] {
            assert_eq!(schema_of_bucket_factor(factor), expected, "{factor}");
        }
    }
}

//! `meta.json` of a block, as it is written. Fields this code does not know are kept.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The only version there is.
pub(crate) const META_VERSION: u32 = 1;

/// The file may be this long; the longest part is the list of sources.
pub(crate) const META_BYTES_MAX: u64 = 16 << 20;

/// The JSON of a block's description.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetaJson {
    pub(crate) ulid: String,
    pub(crate) min_time: i64,
    /// One millisecond behind the last one covered.
    pub(crate) max_time: i64,
    #[serde(default)]
    pub(crate) stats: StatsJson,
    pub(crate) compaction: CompactionJson,
    pub(crate) version: u32,
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// The JSON of what a block contains.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StatsJson {
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) num_samples: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) num_float_samples: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) num_histogram_samples: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) num_series: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) num_chunks: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) num_tombstones: u64,
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// The JSON of how a block came to be.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct CompactionJson {
    pub(crate) level: u32,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub(crate) sources: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub(crate) parents: Vec<ParentJson>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) deletable: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) failed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub(crate) hints: Vec<String>,
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// The JSON of a block that a block was made of.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParentJson {
    pub(crate) ulid: String,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Go writes an empty list as `null`.
fn null_as_default<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_kept_and_zeros_left_out() {
        let text = r#"{"ulid":"01HF7YAT000000000000000001","minTime":-5,"maxTime":10,
            "stats":{"numSamples":3,"numNew":1},
            "compaction":{"level":1,"sources":null,"hints":["from-out-of-order"],"new":{"a":[1]}},
            "version":1,"thanos":{"labels":{"a":"b"}}}"#;
        let meta: MetaJson = serde_json::from_str(text).unwrap();
        assert_eq!(
            (meta.min_time, meta.max_time, meta.stats.num_samples),
            (-5, 10, 3)
        );
        assert!(meta.compaction.sources.is_empty());
        let written: Value = serde_json::to_value(&meta).unwrap();
        let expected: Value = serde_json::from_str(&text.replace(r#""sources":null,"#, "")).unwrap();
        assert_eq!(written, expected);
    }
}

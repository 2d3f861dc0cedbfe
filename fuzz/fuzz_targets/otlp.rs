//! OTLP requests: the first byte chooses options and the format, the rest is the request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use moheng_metrics::otlp::{OtlpOptions, PromotedAttributes, TranslationStrategy, translate, translate_json};
use moheng_metrics::{MemorySource, SampleSink};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, request)) = input.split_first() else {
        return;
    };
    let mut options = OtlpOptions::default();
    options.translation_strategy = match choice & 3 {
        0 => TranslationStrategy::UnderscoreEscapingWithSuffixes,
        1 => TranslationStrategy::NoUtf8EscapingWithSuffixes,
        2 => TranslationStrategy::UnderscoreEscapingWithoutSuffixes,
        _ => TranslationStrategy::NoTranslation,
    };
    if choice & 4 != 0 {
        options.promote_resource_attributes = PromotedAttributes::AllBut(Vec::new());
        options.promote_scope_metadata = true;
    }
    options.convert_histograms_to_nhcb = choice & 8 != 0;
    options.accept_delta = choice & 16 != 0;
    options.max_output_bytes = 1 << 20;
    let translation = if choice & 32 == 0 {
        translate(request, &options)
    } else {
        translate_json(request, &options)
    };
    let Ok(translation) = translation else {
        return;
    };
    for series in &translation.series {
        assert!(!series.labels.metric_name().is_empty());
        assert!(series.labels.iter().is_sorted_by(|a, b| a.0 < b.0));
    }
    let batch = translation.batch();
    assert_eq!(batch.len(), translation.sample_count());
    assert!(MemorySource::new().append(&batch).is_ok());
});

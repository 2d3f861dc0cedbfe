//! moheng: collects, stores and serves metrics.

mod config;

fn main() {
    let _ = config::load(std::path::Path::new("prometheus.yml"));
}

//! What a run cost: the provider's word, else the user's dated price table, else not known.

use super::Engine;
use crate::core::{BackendName, Cost, CostSource, Digest, Tokens};

impl Engine {
    pub(super) fn cost_of(&self, digest: &Digest, _backend: &BackendName) -> Cost {
        if let Some(cost) = digest.usage.cost {
            return Cost { usd: Some(cost.as_dollars()), source: CostSource::Provider, price_date: None };
        }
        let priced = digest.usage.tokens.zip(digest.actual_model()).and_then(|(tokens, model)| {
            let price = self.config.prices.get(model)?;
            let Tokens { input, output, cache_read, cache_write } = tokens;
            let part = |tokens: u64, price: f64| tokens as f64 * price / 1e6;
            let usd = part(input, price.input)
                + part(output, price.output)
                + part(cache_read, price.cache_read)
                + part(cache_write, price.cache_write);
            Some(Cost { usd: Some(usd), source: CostSource::PriceTable, price_date: Some(price.date.clone()) })
        });
        priced.unwrap_or(Cost::UNKNOWN)
    }
}

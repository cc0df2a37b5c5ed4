//! What a run cost: the provider's word, else the user's dated price table, else not known.

use super::Engine;
use crate::core::{BackendName, Cost, CostSource, Digest, Tokens};

impl Engine {
    /// Whether the cost of an agent may be known: it says it itself, or there is a price for its model.
    pub fn may_know_cost(&self, backend: &str, model: Option<&str>) -> bool {
        let Ok(name) = self.named_backend(backend) else { return true };
        if self.registry.get(&name).is_ok_and(crate::backends::Backend::tells_cost) {
            return true;
        }
        let model = model.or_else(|| self.config.models.get(&name).map(String::as_str));
        model.map_or(!self.config.prices.is_empty(), |model| self.config.prices.contains_key(model))
    }

    /// Returns what an attempt has cost so far: by the provider's word, else by the user's prices.
    pub fn cost_of(&self, digest: &Digest, _backend: &BackendName) -> Cost {
        if let Some(cost) = digest.usage.cost {
            return Cost { usd: Some(cost.as_dollars()), source: CostSource::Provider, price_date: None };
        }
        let priced = digest.usage.tokens.zip(digest.actual_model()).and_then(|(tokens, model)| {
            // The ticker lives longer than its settings: a price that was written down since holds.
            let settings = self.settings.of(&self.home, &self.env, None);
            let config = settings.map_or_else(|_| self.config.clone(), |(config, _)| config);
            let price = config.prices.get(model)?;
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

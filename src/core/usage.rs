//! What a task used: four token buckets and money, each known or not known, never guessed as zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Money;

/// Tokens in the four buckets that providers bill apart. `input` excludes both cache buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
}

impl Tokens {
    pub const fn total(self) -> u64 {
        self.input + self.output + self.cache_read + self.cache_write
    }

    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            input: self.input + other.input,
            output: self.output + other.output,
            cache_read: self.cache_read + other.cache_read,
            cache_write: self.cache_write + other.cache_write,
        }
    }

    /// Returns what was used since `baseline`, a former total of the same counter.
    #[must_use]
    pub const fn since(self, baseline: Self) -> Self {
        Self {
            input: self.input.saturating_sub(baseline.input),
            output: self.output.saturating_sub(baseline.output),
            cache_read: self.cache_read.saturating_sub(baseline.cache_read),
            cache_write: self.cache_write.saturating_sub(baseline.cache_write),
        }
    }
}

/// What a reported number counts. Backends differ; mixing them up doubles bills.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageScope {
    /// One request or step: reports are added.
    Step,
    /// The whole run so far: the last report counts.
    Run,
    /// The whole conversation so far, earlier runs included: the last report less the previous run's total.
    Conversation,
}

/// One report of usage by an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UsageReport {
    pub scope: UsageScope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// The usage of one attempt, folded from its reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Usage {
    /// Tokens of this attempt alone; absent when the backend reported none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// Money of this attempt alone as the provider reported it; absent when it reported none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// The conversation's totals, for the next turn's subtraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_tokens: Option<Tokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_cost: Option<Money>,
}

impl Usage {
    /// Returns what two attempts used together, as far as they said. Their conversations' totals are no sum.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let both = |a: Option<Tokens>, b: Option<Tokens>| a.zip(b).map(|(a, b)| a.plus(b)).or(a).or(b);
        let money = |a: Option<Money>, b: Option<Money>| a.zip(b).map(|(a, b)| Money(a.0 + b.0)).or(a).or(b);
        Self { tokens: both(self.tokens, other.tokens), cost: money(self.cost, other.cost), ..Self::default() }
    }

    /// Returns the same with what it cost, where that is known from elsewhere.
    #[must_use]
    pub fn at_cost(self, cost: &Cost) -> Self {
        Self { cost: self.cost.or_else(|| cost.usd.and_then(Money::from_dollars)), ..self }
    }

    /// Folds a report in; `baseline` is the usage of the run that this one continues.
    pub fn add(&mut self, report: &UsageReport, baseline: &Usage) {
        if let Some(tokens) = report.tokens {
            self.tokens = Some(match report.scope {
                UsageScope::Step => self.tokens.unwrap_or_default().plus(tokens),
                UsageScope::Run => tokens,
                UsageScope::Conversation => {
                    self.conversation_tokens = Some(tokens);
                    tokens.since(baseline.conversation_tokens.unwrap_or_default())
                }
            });
        }
        if let Some(cost) = report.cost {
            self.cost = Some(match report.scope {
                UsageScope::Step => Money(self.cost.unwrap_or_default().0 + cost.0),
                UsageScope::Run => cost,
                UsageScope::Conversation => {
                    self.conversation_cost = Some(cost);
                    Money(cost.0.saturating_sub(baseline.conversation_cost.unwrap_or_default().0))
                }
            });
        }
    }
}

/// Where a cost comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostSource {
    Provider,
    PriceTable,
    Unknown,
}

/// What a task cost in US dollars. `usd` is absent when it is not known, never zero for unknown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    pub source: CostSource,
    /// The day of the price table that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_date: Option<String>,
}

impl Cost {
    pub const UNKNOWN: Self = Self { usd: None, source: CostSource::Unknown, price_date: None };

    /// Returns what two attempts cost together, as far as it is known.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        match (self.usd, other.usd) {
            (Some(a), Some(b)) => {
                // A price by the table is the less certain one: the sum is no better.
                let by_table = if self.source == CostSource::PriceTable { self } else { other };
                Self { usd: Some(a + b), ..by_table }
            }
            (Some(_), None) => self,
            (None, _) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(scope: UsageScope, input: u64, cost: u64) -> UsageReport {
        let tokens = Tokens { input, ..Tokens::default() };
        UsageReport { scope, tokens: Some(tokens), cost: Some(Money(cost)), model: None }
    }

    #[test]
    fn steps_add_runs_replace_conversations_subtract_what_came_before() {
        let baseline = Usage {
            conversation_tokens: Some(Tokens { input: 100, ..Tokens::default() }),
            conversation_cost: Some(Money(5)),
            ..Usage::default()
        };
        let fold = |scope| {
            let mut usage = Usage::default();
            usage.add(&report(scope, 110, 6), &baseline);
            usage.add(&report(scope, 130, 9), &baseline);
            (usage.tokens.unwrap().input, usage.cost.unwrap().0)
        };
        assert_eq!(fold(UsageScope::Step), (240, 15));
        assert_eq!(fold(UsageScope::Run), (130, 9));
        assert_eq!(fold(UsageScope::Conversation), (30, 4));
    }
}

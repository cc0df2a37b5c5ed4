//! Parameters: what is declared, what is given, and whether they fit.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    definition::Param,
    fault::{Fault, FaultCode, Path},
    fields::ParamType,
    shape::meant,
    tree::Position,
};

/// Returns the values that hold, with defaults; a parameter without a value is null, and a null that is given is none.
pub(super) fn resolve(
    declared: &BTreeMap<String, Param>,
    given: Option<&Map<String, Value>>,
    at: &dyn Fn(&str) -> (Position, Path),
    faults: &mut Vec<Fault>,
) -> Map<String, Value> {
    for name in given.into_iter().flat_map(Map::keys).filter(|name| !declared.contains_key(*name)) {
        let (place, path) = at(name);
        let fault = Fault::new(place, &path, FaultCode::UnknownParameter, format!("no parameter `{name}`"));
        faults.push(fault.suggest_maybe(meant(name, declared.keys().map(String::as_str))));
    }
    let mut values = Map::new();
    for (name, param) in declared {
        let (place, path) = at(name);
        let value = match given.and_then(|given| given.get(name)).filter(|value| !value.is_null()) {
            Some(value) => match fitting(param, value) {
                Ok(value) => value,
                Err(message) => {
                    let message = format!("parameter `{name}`: {message}");
                    faults.push(Fault::new(place, &path, FaultCode::WrongValue, message));
                    Value::Null
                }
            },
            None if given.is_some() && param.is_required => {
                let message = format!("parameter `{name}` is missing");
                let fault = Fault::new(place, &path, FaultCode::MissingParameter, message);
                faults.push(fault.suggest(format!("`--params {name}=VALUE`")));
                Value::Null
            }
            None => param.default.clone().unwrap_or(Value::Null),
        };
        values.insert(name.clone(), value);
    }
    values
}

/// Returns the value in the type of its parameter: the command line only has texts.
pub(super) fn fitting(param: &Param, value: &Value) -> Result<Value, String> {
    let fit = of_type(param.kind, value).ok_or_else(|| format!("{value} is not {}", called(param.kind)))?;
    if !param.choices.is_empty() && !param.choices.contains(&fit) {
        let choices: Vec<_> = param.choices.iter().map(Value::to_string).collect();
        return Err(format!("{fit} is not one of {}", choices.join(", ")));
    }
    Ok(fit)
}

pub(super) const fn called(kind: ParamType) -> &'static str {
    match kind {
        ParamType::String => "a text",
        ParamType::Integer => "a whole number",
        ParamType::Number => "a number",
        ParamType::Boolean => "true or false",
        ParamType::List => "a list",
    }
}

/// Returns the value as one of this type, if it can be read as one.
pub(super) fn of_type(kind: ParamType, value: &Value) -> Option<Value> {
    let text = value.as_str();
    match kind {
        ParamType::String => match value {
            Value::String(_) => Some(value.clone()),
            Value::Number(_) | Value::Bool(_) => Some(Value::from(value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        },
        ParamType::Integer => {
            let whole = value.is_i64() || value.is_u64();
            if whole { Some(value.clone()) } else { text?.trim().parse::<i64>().ok().map(Value::from) }
        }
        ParamType::Number => {
            // `--jobs 3.0` is not what was meant by 3.
            let whole = || text?.trim().parse::<i64>().ok().map(Value::from);
            let number = || text?.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from);
            if value.is_number() { Some(value.clone()) } else { whole().or_else(number) }
        }
        ParamType::Boolean => match (value, text) {
            (Value::Bool(_), _) => Some(value.clone()),
            (_, Some("true")) => Some(Value::from(true)),
            (_, Some("false")) => Some(Value::from(false)),
            _ => None,
        },
        ParamType::List => match (value, text) {
            (Value::Array(items), _) => items.iter().all(is_scalar).then(|| value.clone()),
            (_, Some(text)) if text.starts_with('[') => {
                let items = serde_json::from_str::<Vec<Value>>(text).ok()?;
                items.iter().all(is_scalar).then(|| Value::from(items))
            }
            (_, Some(text)) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(items.map(Value::from).collect())
            }
            _ => None,
        },
    }
}

pub(super) const fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_typed_becomes_what_was_meant() {
        let typed = |kind, text: &str| of_type(kind, &Value::from(text));
        assert_eq!(typed(ParamType::Number, "3"), Some(json!(3)));
        assert_eq!(typed(ParamType::Number, "-3.5"), Some(json!(-3.5)));
        assert_eq!(typed(ParamType::Number, "x"), None);
        assert_eq!(typed(ParamType::List, " a,b ,"), Some(json!(["a", "b"])));
        assert_eq!(typed(ParamType::List, ""), Some(json!([])));
    }
}

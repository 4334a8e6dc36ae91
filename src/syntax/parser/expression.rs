//! The literal that a constant expression stands for, for the hint of an error: zkt never evaluates
//! what it reads.

use num_bigint::BigInt;
use pest::iterators::Pair;

use crate::syntax::parser::literal::decode_string;
use crate::syntax::parser::matched::Rule;
use crate::syntax::parser::number::number;
use crate::syntax::spelling::string_literal;

/// The literal that a matched `sum` stands for, where that is obvious.
pub(super) fn literal_of(sum: Pair<'_, Rule>) -> Option<String> {
    let text = sum.as_str().trim();
    if is_date(text) {
        return Some(string_literal(text));
    }
    if text.len() > LONGEST {
        return None;
    }
    evaluate(sum).map(|value| value.literal())
}

/// Whether a text is a date: nobody who writes `2024-01-31` means a difference.
fn is_date(text: &str) -> bool {
    let parts = text.split('-').map(|part| {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(part.len())
    });
    parts.eq([Some(4), Some(2), Some(2)])
}

/// The value of a constant expression, as far as it is obvious.
enum Constant {
    Int(BigInt),
    Text(String),
}

impl Constant {
    fn literal(&self) -> String {
        match self {
            Self::Int(value) => value.to_string(),
            Self::Text(text) => string_literal(text),
        }
    }
}

/// No result is shown past this size: an expression like `9**9**9` must not be worked out.
const MAX_BITS: u64 = 256;
/// Nor is longer text, in bytes.
const MAX_TEXT: usize = 200;
/// Nor is a longer expression worked out, in bytes: `1**1**1` nests with each operator.
const LONGEST: usize = 1000;

fn evaluate(pair: Pair<'_, Rule>) -> Option<Constant> {
    let rule = pair.as_rule();
    let text = pair.as_str();
    if rule == Rule::inner_string {
        return decode_string(pair).ok().map(Constant::Text);
    }
    let mut inner = pair.into_inner();
    let value = match rule {
        Rule::sum | Rule::product => {
            let mut value = evaluate(inner.next()?)?;
            while let (Some(operator), Some(right)) = (inner.next(), inner.next()) {
                value = operate(&value, operator.as_str(), &evaluate(right)?)?;
            }
            value
        }
        Rule::power => {
            let mut negative = false;
            let mut signed = false;
            let mut operand = inner.next()?;
            while operand.as_rule() == Rule::sign {
                negative ^= operand.as_str().starts_with('-');
                signed = true;
                operand = inner.next()?;
            }
            let mut value = evaluate(operand)?;
            if let Some(exponent) = inner.next() {
                value = operate(&value, "**", &evaluate(exponent)?)?;
            }
            match value {
                Constant::Int(value) if negative => Constant::Int(-value),
                Constant::Text(_) if signed => return None,
                value => value,
            }
        }
        Rule::operand => evaluate(inner.next()?)?,
        Rule::constant => Constant::Int(match text {
            "True" | "true" => 1.into(),
            "False" | "false" => 0.into(),
            _ => return None,
        }),
        Rule::plain_number => Constant::Int(number(text).ok()?.parse().ok()?),
        _ => return None,
    };
    match &value {
        Constant::Int(value) if value.bits() > MAX_BITS => None,
        _ => Some(value),
    }
}

fn operate(left: &Constant, operator: &str, right: &Constant) -> Option<Constant> {
    let (left, right) = match (left, right) {
        (Constant::Int(left), Constant::Int(right)) => (left, right),
        (Constant::Text(left), Constant::Text(right)) if operator == "+" => {
            let text = format!("{left}{right}");
            return (text.len() <= MAX_TEXT).then_some(Constant::Text(text));
        }
        _ => return None,
    };
    let zero = BigInt::ZERO;
    // Python rounds down, towards minus infinity.
    let floor = |left: &BigInt, right: &BigInt| {
        let quotient = left / right;
        if left % right != zero && (left < &zero) != (right < &zero) {
            quotient - 1
        } else {
            quotient
        }
    };
    Some(Constant::Int(match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "//" if *right != zero => floor(left, right),
        // With a remainder Python 2 and Python 3 differ.
        "/" if *right != zero && left % right == zero => left / right,
        "%" if *right != zero => left - floor(left, right) * right,
        "**" => {
            let exponent = u32::try_from(right)
                .ok()
                .filter(|e| u64::from(*e) * left.bits().max(1) <= 2 * MAX_BITS)?;
            left.pow(exponent)
        }
        _ => return None,
    }))
}

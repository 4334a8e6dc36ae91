//! One rule.

use cel::{Context, Program, Value};
use zkt::model::plan::Effect;
use zkt::syntax::spelling::clipped;

use super::limits;

/// A rule of a policy.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) effect: Effect,
    pub(super) message: String,
    /// It objects if it holds for more actions than these.
    pub(super) more_than: usize,
    /// File and line of its expression.
    pub(super) place: String,
    pub(super) when: Program,
}

/// Reads an expression.
pub(super) fn compile(text: &str) -> Result<Program, String> {
    let longest = limits::LONGEST;
    if text.len() > longest {
        return Err(format!("it is longer than {longest} bytes"));
    }
    let program = Program::compile(text).map_err(|errors| match errors.errors.first() {
        Some(error) if error.msg.contains("Recursion limit") => limits::TOO_DEEP.to_owned(),
        Some(error) => {
            let (line, column) = error.pos;
            format!("{} (at {line}:{column} of the expression)", error.msg)
        }
        None => "this is no CEL".to_owned(),
    })?;
    limits::check(program.expression())?;
    Ok(program)
}

impl Rule {
    /// Whether it holds for the action of this context.
    ///
    /// # Errors
    /// The expression does not yield true or false for it.
    pub(super) fn holds(&self, context: &Context<'_, '_>) -> Result<bool, String> {
        match self.when.execute(context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!(
                "it yields a value of type {}, not true or false",
                other.type_of()
            )),
            Err(error) => Err(clipped(&error.to_string()).into_owned()),
        }
    }
}

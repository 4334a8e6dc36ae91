//! What an expression may be: each is asked about every action, and has to end soon.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};

/// How many bytes an expression may have.
pub(super) const LONGEST: usize = 4096;
/// How deep its operations may be nested.
const DEEPEST: usize = 100;
pub(super) const TOO_DEEP: &str = "it is nested too deep: split it into several rules";
/// How deep `all`, `exists`, `map` and `filter` may be nested.
const LOOPS: usize = 2;

/// The names that stand for something everywhere.
const NAMES: [&str; 12] = [
    "action",
    "plan",
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// Says what is wrong with an expression that can be parsed.
pub(super) fn check(expression: &IdedExpr) -> Result<(), String> {
    Checker::default().check(expression)
}

#[derive(Default)]
struct Checker<'e> {
    depth: usize,
    loops: usize,
    /// The names of the elements in `exists` and its like.
    bound: Vec<&'e str>,
}

impl<'e> Checker<'e> {
    fn check(&mut self, expression: &'e IdedExpr) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(TOO_DEEP.to_owned());
        }
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.check(&select.operand),
            Expr::Call(call) => self.all(call.target.as_deref().into_iter().chain(&call.args)),
            Expr::List(list) => self.all(&list.elements),
            Expr::Map(map) => self.entries(map.entries.iter().map(|entry| &entry.expr)),
            Expr::Struct(object) => self.entries(object.entries.iter().map(|entry| &entry.expr)),
            Expr::Comprehension(each) => {
                self.all([&each.iter_range, &each.accu_init])?;
                self.loops += 1;
                if self.loops > LOOPS {
                    return Err(format!(
                        "all, exists, map and filter may be nested {LOOPS} deep, no more"
                    ));
                }
                let outer = self.bound.len();
                self.bound.push(&each.iter_var);
                self.bound.extend(each.iter_var2.as_deref());
                self.all([&each.loop_cond, &each.loop_step, &each.result])?;
                self.bound.truncate(outer);
                self.loops -= 1;
                Ok(())
            }
        }?;
        self.depth -= 1;
        Ok(())
    }

    fn all(&mut self, parts: impl IntoIterator<Item = &'e IdedExpr>) -> Result<(), String> {
        parts.into_iter().try_for_each(|part| self.check(part))
    }

    fn entries(&mut self, mut entries: impl Iterator<Item = &'e EntryExpr>) -> Result<(), String> {
        entries.try_for_each(|entry| match entry {
            EntryExpr::StructField(field) => self.check(&field.value),
            EntryExpr::MapEntry(entry) => self.all([&entry.key, &entry.value]),
        })
    }

    /// Names of the macros' own start with `@`.
    fn name(&self, name: &str) -> Result<(), String> {
        if name.starts_with('@') || NAMES.contains(&name) || self.bound.contains(&name) {
            return Ok(());
        }
        Err(format!("{name} is not known: a rule sees action and plan"))
    }
}

//! What people call the rules of the grammar.

use crate::syntax::parser::matched::Rule;
use crate::syntax::scanner::table::{DIRECTIVE, directive_of};

/// What people call a rule; `None` if it is too small, or too obvious, to be named.
pub(super) fn rule_name(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::node | Rule::segment => "a node (/name)",
        Rule::node_name => "a node's name",
        Rule::kind => "a type (: type)",
        Rule::type_text | Rule::quoted_type => "a type",
        Rule::entry | Rule::entry_name | Rule::property_name => "a name",
        Rule::link => "->",
        Rule::property_link => "=>",
        Rule::property => "=",
        Rule::target => "a path",
        Rule::property_target => "a path and perhaps a property's name",
        Rule::keep_what => "children, properties",
        Rule::data_form => "the word base64 or file",
        Rule::moved_from | Rule::from_word | Rule::secret_from => "the word from",
        Rule::from_env | Rule::from_file | Rule::from_sops => "the word env, file or sops",
        Rule::variable => "the name of a variable (letters, digits and _)",
        Rule::sops_key | Rule::sops_word => "a key, as in db.password",
        Rule::pattern | Rule::pattern_word => "the name of a property",
        Rule::file_glob | Rule::left_out | Rule::glob_word => "a glob",
        Rule::acl_deep | Rule::acl_entry | Rule::acl_word => "an entry of the form scheme:id:perms",
        Rule::value
        | Rule::constant
        | Rule::number
        | Rule::list
        | Rule::tuple
        | Rule::dict
        | Rule::inner_string => "a value",
        Rule::pair => "a key and its value",
        Rule::string
        | Rule::lone_string
        | Rule::string_part
        | Rule::prefix
        | Rule::long_string
        | Rule::short_string => "a string",
        Rule::comma => "a comma",
        Rule::pair_colon => "a colon",
        Rule::quoted => "a name in double quotes",
        Rule::comment | Rule::EOI => "the end of the line",
        Rule::line => "a node, a property, a link or a directive",
        // The rule of a directive is called like its word.
        rule if directive_of(&format!("{DIRECTIVE}{rule:?}")).is_some() => "a directive",
        _ => return None,
    })
}

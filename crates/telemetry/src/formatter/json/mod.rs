//! JSON formats: an object with formats for strings, printed as one line.

mod escape;
mod number;

use nuncio_config::At;
use nuncio_config::Invalid;
use prost_types::Struct;
use prost_types::Value;
use prost_types::value::Kind;

pub(crate) use self::escape::append_quoted;
use self::escape::quote_from;
pub(crate) use self::number::text as number_text;
use super::Empty;
use super::Inputs;
use super::operator::Operator;
use super::template::Template;
use crate::line::Line;

/// A compiled object. Keys are in the order of their bytes.
#[derive(Debug)]
pub(super) struct Object(Box<[Member]>);

#[derive(Debug)]
struct Member {
    /// `"key":`
    key: Box<[u8]>,
    value: Node,
}

#[derive(Debug)]
enum Node {
    Null,
    /// JSON as it is printed.
    Fixed(Box<[u8]>),
    /// A value of the operator's type.
    Operator(Template),
    /// A string of texts and operators.
    Text(Template),
    List(Box<[Self]>),
    Object(Object),
}

/// Whether anything was printed: with [`Empty::Nothing`] what has no value is left out.
#[derive(PartialEq, Eq)]
enum Printed {
    Something,
    Nothing,
}

/// An object in an object in an object…: deeper formats are refused rather than printed by a deep recursion.
const MAX_DEPTH: usize = 64;

impl Object {
    pub(super) fn parse(format: &Struct, at: &At<'_>) -> Result<Self, Invalid> {
        Self::parse_at_depth(format, 0, at)
    }

    /// Appends the object and a newline.
    pub(super) fn append_line(&self, inputs: &Inputs<'_>, empty: Empty, line: &mut Line) {
        if self.append(inputs, empty, line) == Printed::Nothing {
            line.append(b"{}");
        }
        line.push(b'\n');
    }

    fn parse_at_depth(format: &Struct, depth: usize, at: &At<'_>) -> Result<Self, Invalid> {
        if depth > MAX_DEPTH {
            return Err(at.invalid(format!("must not be nested deeper than {MAX_DEPTH}")));
        }
        // Every string is looked at, so that all errors are reported.
        let members: Vec<_> = format.fields.iter().map(|(key, value)| Member::parse(key, value, depth, at)).collect();
        Ok(Self(members.into_iter().collect::<Result<_, _>>()?))
    }

    fn append(&self, inputs: &Inputs<'_>, empty: Empty, line: &mut Line) -> Printed {
        let start = line.len();
        line.push(b'{');
        let mut is_first = true;
        for Member { key, value } in &self.0 {
            let before = line.len();
            if !is_first {
                line.push(b',');
            }
            line.append(key);
            match value.append(inputs, empty, line) {
                Printed::Something => is_first = false,
                Printed::Nothing => line.truncate(before),
            }
        }
        if is_first && empty == Empty::Nothing {
            line.truncate(start);
            return Printed::Nothing;
        }
        line.push(b'}');
        Printed::Something
    }
}

impl Member {
    fn parse(key: &str, value: &Value, depth: usize, at: &At<'_>) -> Result<Self, Invalid> {
        let value = Node::parse(value, depth + 1, &at.key(key))?;
        let mut quoted = Line::new();
        append_quoted(key.as_bytes(), &mut quoted);
        quoted.push(b':');
        Ok(Self { key: quoted.as_bytes().into(), value })
    }
}

impl Node {
    fn parse(value: &Value, depth: usize, at: &At<'_>) -> Result<Self, Invalid> {
        Ok(match &value.kind {
            None | Some(Kind::NullValue(_)) => Self::Null,
            Some(Kind::BoolValue(value)) => Self::Fixed(value.to_string().into_bytes().into()),
            Some(Kind::NumberValue(value)) => Self::Fixed(number::text(*value).into_bytes().into()),
            Some(Kind::StringValue(format)) => {
                Self::of_template(Template::parse(format).map_err(|error| at.invalid(error.to_string()))?)
            }
            Some(Kind::StructValue(object)) => Self::Object(Object::parse_at_depth(object, depth, at)?),
            Some(Kind::ListValue(list)) => {
                let nodes = list.values.iter().enumerate();
                let nodes: Vec<_> =
                    nodes.map(|(index, value)| Self::parse(value, depth + 1, &at.index(index))).collect();
                Self::List(nodes.into_iter().collect::<Result<_, _>>()?)
            }
        })
    }

    fn of_template(template: Template) -> Self {
        if let Some(text) = template.as_text() {
            let mut quoted = Line::new();
            append_quoted(text, &mut quoted);
            Self::Fixed(quoted.as_bytes().into())
        } else if template.as_operator().is_some() {
            Self::Operator(template)
        } else {
            Self::Text(template)
        }
    }

    fn append(&self, inputs: &Inputs<'_>, empty: Empty, line: &mut Line) -> Printed {
        match self {
            Self::Null => return append_null(empty, line),
            Self::Fixed(json) => line.append(json),
            Self::Operator(operator) => return append_operator(operator, inputs, empty, line),
            Self::Text(template) => {
                let start = line.len();
                line.push(b'"');
                template.append(inputs, empty, line);
                quote_from(start, line);
            }
            Self::List(nodes) => append_list(nodes, inputs, empty, line),
            Self::Object(object) => return object.append(inputs, empty, line),
        }
        Printed::Something
    }
}

fn append_null(empty: Empty, line: &mut Line) -> Printed {
    if empty == Empty::Nothing {
        return Printed::Nothing;
    }
    line.append(b"null");
    Printed::Something
}

fn append_operator(template: &Template, inputs: &Inputs<'_>, empty: Empty, line: &mut Line) -> Printed {
    let Some(operator) = template.as_operator() else { return Printed::Nothing };
    if let Operator::DynamicMetadata(query) = operator {
        return if query.append_json(inputs, line) { Printed::Something } else { append_null(empty, line) };
    }
    let start = line.len();
    if !operator.is_number() {
        line.push(b'"');
    }
    if !template.append_value(inputs, line) {
        line.truncate(start);
        return append_null(empty, line);
    }
    if !operator.is_number() {
        quote_from(start, line);
    }
    Printed::Something
}

/// A list is printed even when nothing is left in it.
fn append_list(nodes: &[Node], inputs: &Inputs<'_>, empty: Empty, line: &mut Line) {
    line.push(b'[');
    let mut is_first = true;
    for node in nodes {
        let before = line.len();
        if !is_first {
            line.push(b',');
        }
        match node.append(inputs, empty, line) {
            Printed::Something => is_first = false,
            Printed::Nothing => line.truncate(before),
        }
    }
    line.push(b']');
}

#[cfg(test)]
mod tests;

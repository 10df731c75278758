//! Where in a frame a canary was found, in a form that a person can look up.

use crate::xmpp::element::Element;

/// The path of an element or of one of its attributes: local names from the root, `{namespace}` where it changes.
pub fn of(element: Element<'_>, attribute: Option<&str>) -> String {
    let mut chain = vec![element];
    while let Some(parent) = chain[chain.len() - 1].parent() {
        chain.push(parent);
    }
    let mut path = String::new();
    let mut around = crate::xmpp::ns::CLIENT;
    for (at, step) in chain.iter().rev().enumerate() {
        if at > 0 {
            path.push('/');
        }
        if step.uri() != around {
            path.push_str(&format!("{{{}}}", step.uri()));
            around = step.uri();
        }
        path.push_str(step.local());
    }
    if let Some(attribute) = attribute {
        path.push_str("/@");
        path.push_str(attribute);
    }
    path
}

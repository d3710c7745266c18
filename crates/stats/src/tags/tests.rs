use super::*;

#[test]
fn first_part_of_an_expression_is_known_when_it_is_literal() {
    let check = |expression: &str, part: Option<&str>| assert_eq!(literal_first_part(expression), part, "{expression}");
    check(r"^cluster\.((a)\.)", Some("cluster"));
    check(r"^cluster$", Some("cluster"));
    check(r"^clus(ter)\.", None);
    check(r"^clus.*\.", None);
    check(r"cluster\.", None);
    check(r"^(?:a|b)\.", None);
    check(r"^\.x", None);
    check(r"^cluster", None);
}

#[test]
fn cuts_may_overlap() {
    assert_eq!(without("abcdefg", vec![4..6, 1..3, 2..5]), "ag");
    assert_eq!(without("abc", vec![0..3, 1..2]), "");
    assert_eq!(without("abc", vec![]), "abc");
}

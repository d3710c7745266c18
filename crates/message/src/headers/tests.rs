use super::*;

fn list(pairs: &[(&str, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.add(HeaderMapKind::Request, name.as_bytes(), value.as_bytes());
    }
    headers
}

fn check(headers: &Headers, expected: &[(&str, &str)]) {
    let shown: Vec<_> =
        headers.iter().map(|h| (String::from_utf8_lossy(h.name), String::from_utf8_lossy(h.value))).collect();
    let shown: Vec<_> = shown.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(shown, expected);
    assert_eq!(headers.len(), expected.len());
    assert_eq!(headers.byte_size(), expected.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>());
}

#[test]
fn inline_names_are_joined_and_others_kept_apart() {
    let headers =
        list(&[("Accept", "a"), ("X-A", "1"), ("accept", "b"), ("x-a", "2"), ("cookie", "c"), ("cookie", "d")]);
    check(&headers, &[("accept", "a,b"), ("x-a", "1"), ("x-a", "2"), ("cookie", "c"), ("cookie", "d")]);
    assert_eq!(headers.get_all(b"x-a").collect::<Vec<_>>(), [b"1", b"2"]);
}

#[test]
fn set_keeps_the_first_place_and_removes_the_rest() {
    let mut headers = list(&[("x-a", "1"), ("host", "h"), ("x-b", "2"), ("x-a", "3")]);
    headers.set_by_name(b"x-a", b"longer than before");
    headers.set(HeaderId::HOST, b"");
    headers.set(HeaderId::SERVER, b"nuncio");
    check(&headers, &[("x-a", "longer than before"), ("host", ""), ("x-b", "2"), ("server", "nuncio")]);
}

#[test]
fn removal_forgets_and_allows_a_new_one() {
    let mut headers = list(&[("te", "x"), ("x-a", "1"), ("via", "v"), ("x-a", "2")]);
    assert!(headers.remove(HeaderId::TE) && !headers.remove(HeaderId::TE));
    assert!(headers.remove_by_name(b"x-a") && !headers.remove_by_name(b"x-a"));
    assert!(headers.remove_by_name(b"via") && headers.get(HeaderId::VIA).is_none());
    headers.push(HeaderId::TE, b"trailers");
    check(&headers, &[("te", "trailers")]);
    assert_eq!(headers.get(HeaderId::TE), Some(&b"trailers"[..]));
    headers.remove_if(|header| header.value == b"trailers");
    assert!(headers.is_empty() && !headers.has(HeaderId::TE));
}

#[test]
fn growing_one_value_compacts_the_store() {
    let mut headers = list(&[("x-k", "kept"), ("x-forwarded-for", "1.1.1.1")]);
    for _ in 0..200 {
        headers.append(HeaderId::X_FORWARDED_FOR, b",", b"10.0.0.1");
    }
    assert_eq!(headers.get(HeaderId::X_FORWARDED_FOR).map(<[u8]>::len), Some(7 + 200 * 9));
    assert_eq!(headers.get_by_name(b"x-k"), Some(&b"kept"[..]));
    assert!(headers.parts().0.len() < 6000, "{}", headers.parts().0.len());
}

#[test]
fn status_has_three_digits_or_more() {
    for (text, expected) in [
        ("200", Some(200)),
        ("099", Some(99)),
        ("20", None),
        ("20x", None),
        ("1000", Some(1000)),
        ("65535", Some(65535)),
        ("65536", None),
        ("+200", None),
        ("00200", None),
    ] {
        let mut headers = Headers::new();
        headers.push(HeaderId::STATUS, text.as_bytes());
        assert_eq!(headers.status(), expected, "{text}");
    }
}

#[test]
fn numbers_are_written_in_decimal() {
    for (value, text) in [(0, "0"), (7, "7"), (15_000, "15000"), (u64::MAX, "18446744073709551615")] {
        let mut headers = Headers::new();
        headers.set_number(HeaderId::CONTENT_LENGTH, value);
        assert_eq!(headers.get(HeaderId::CONTENT_LENGTH), Some(text.as_bytes()));
    }
}

#[test]
fn recycled_lists_are_empty() {
    drop(list(&[("x-secret", "1"), ("host", "h")]));
    let headers = Headers::new();
    assert!(headers.is_empty() && headers.get(HeaderId::HOST).is_none() && headers.get_by_name(b"x-secret").is_none());
}

/// As Envoy answers with `append_action: APPEND_IF_EXISTS_OR_ADD` and `keep_empty_value`.
#[test]
fn nothing_is_joined_onto_an_empty_value_nor_an_empty_one_onto_another() {
    for (first, second, expected) in
        [("", "", ""), ("a", "", "a"), ("", "cfg", "cfg"), ("a", "cfg", "a,cfg"), ("a,b", "c", "a,b,c")]
    {
        check(&list(&[("via", first), ("via", second)]), &[("via", expected)]);
    }
    check(&list(&[("x-other", ""), ("x-other", "cfg")]), &[("x-other", ""), ("x-other", "cfg")]);
}

#[test]
fn joining_compacts_without_losing_what_follows() {
    let long = "v".repeat(1500);
    let mut headers = list(&[("x-gone", &long), ("accept", "a"), ("accept", &long), ("accept", &long), ("te", "t")]);
    headers.remove_by_name(b"x-gone");
    headers.set(HeaderId::ACCEPT, &[&long[..], "w"].concat().into_bytes());
    headers.append(HeaderId::ACCEPT, b",", b"z");
    check(&headers, &[("accept", &format!("{long}w,z")), ("te", "t")]);
}

/// The headers of `block` as a reader of lines leaves them.
fn over(block: &[u8], lines: &[(HeaderId, u32, u32, u32, bool)]) -> Headers {
    let mut headers = BlockHeaders::over(block);
    let mut name_at = 0;
    for &(id, name_len, blanks, value_len, is_whole) in lines {
        let value_at = name_at + name_len + 1 + blanks;
        headers.push_line(Line { id, name_at, name_len, value_at, value_len, is_whole });
        name_at = value_at + value_len + 2;
    }
    let mut headers = headers.finish();
    headers.end_block(name_at as usize);
    headers
}

#[test]
fn whole_lines_are_handed_on_together_until_something_changes() {
    let block = b"te: a\r\nx-b: bb\r\nvia:c\r\nx-d: d\r\nage: e\r\nrest";
    let lines = [
        (HeaderId::TE, 2, 1, 1, true),
        (HeaderId::OTHER, 3, 1, 2, true),
        (HeaderId::VIA, 3, 0, 1, false),
        (HeaderId::OTHER, 3, 1, 1, true),
        (HeaderId::AGE, 3, 1, 1, true),
    ];
    let pieces = |headers: &Headers, skipped: HeaderId| {
        let mut shown = Vec::new();
        for piece in headers.pieces(|id| id == skipped) {
            match piece {
                Piece::Lines(lines) => shown.push(String::from_utf8_lossy(lines).into_owned()),
                Piece::Header(header) => shown.push(format!("{header:?}")),
            }
        }
        shown
    };
    let mut headers = over(block, &lines);
    check(&headers, &[("te", "a"), ("x-b", "bb"), ("via", "c"), ("x-d", "d"), ("age", "e")]);
    let whole = ["te: a\r\nx-b: bb\r\n", "via: c", "x-d: d\r\nage: e\r\n"];
    assert_eq!(pieces(&headers, HeaderId::HOST), whole);
    assert_eq!(pieces(&headers.clone(), HeaderId::HOST), whole);
    assert_eq!(pieces(&headers, HeaderId::TE), ["x-b: bb\r\n", "via: c", "x-d: d\r\nage: e\r\n"]);
    headers.push(HeaderId::SERVER, b"n");
    headers.set_by_name(b"x-b", b"b");
    headers.remove_by_name(b"x-d");
    assert_eq!(pieces(&headers, HeaderId::HOST), ["te: a\r\n", "x-b: b", "via: c", "age: e\r\n", "server: n"]);
    headers.append(HeaderId::AGE, b",", b"f");
    headers.append(HeaderId::TE, b",", b"");
    check(&headers, &[("te", "a"), ("x-b", "b"), ("via", "c"), ("age", "e,f"), ("server", "n")]);
    assert_eq!(pieces(&headers, HeaderId::HOST), ["te: a\r\n", "x-b: b", "via: c", "age: e,f", "server: n"]);
}

#[test]
fn an_empty_copy_survives_the_end_of_its_block() {
    let mut headers = BlockHeaders::over(b"GET / HTTP/1.1\r\n");
    headers.push(HeaderId::VIA, b"");
    headers.push_other(b"x-a", b"");
    let mut headers = headers.finish();
    headers.end_block(3);
    check(&headers, &[("via", ""), ("x-a", "")]);
}

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
    assert!(headers.store.len() < 6000, "{}", headers.store.len());
}

#[test]
fn status_is_three_digits() {
    for (text, expected) in [("200", Some(200)), ("099", Some(99)), ("20", None), ("2000", None), ("20x", None)] {
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

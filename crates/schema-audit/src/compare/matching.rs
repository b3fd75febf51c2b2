//! Which thing of one side is which of the other.

/// What became of two lists.
pub(super) struct Matched<'a, T> {
    /// Pairs of the expected and the actual one; their definitions may differ.
    pub(super) pairs: Vec<(&'a T, &'a T)>,
    /// Expected, and without a partner.
    pub(super) missing: Vec<&'a T>,
    /// There, and without a partner.
    pub(super) unexpected: Vec<&'a T>,
}

/// Says whether two things are the same one.
pub(super) type Test<'t, T> = &'t dyn Fn(&T, &T) -> bool;

/// Pairs two lists by the given tests, in their order: what one test pairs, the
/// next does not see. A thing has one partner at most, so a second one of the
/// same definition stays over.
pub(super) fn matched<'a, T>(
    expected: &'a [T],
    actual: &'a [T],
    tests: &[Test<'_, T>],
) -> Matched<'a, T> {
    let mut missing: Vec<&T> = expected.iter().collect();
    let mut unexpected: Vec<&T> = actual.iter().collect();
    let mut pairs = Vec::new();
    for same in tests {
        missing.retain(|&wanted| {
            let Some(position) = unexpected.iter().position(|&found| same(wanted, found)) else {
                return true;
            };
            pairs.push((wanted, unexpected.remove(position)));
            false
        });
    }
    Matched {
        pairs,
        missing,
        unexpected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_test_takes_the_partner_and_duplicates_stay_over() {
        let result = matched(
            &[("a", 1), ("b", 2)],
            &[("x", 1), ("a", 1), ("a", 1)],
            &[&|e, a| e == a, &|e, a| e.1 == a.1],
        );
        assert_eq!(result.pairs, [(&("a", 1), &("a", 1))]);
        assert_eq!(result.missing, [&("b", 2)]);
        assert_eq!(result.unexpected, [&("x", 1), &("a", 1)]);
    }
}

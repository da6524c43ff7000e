//! Pages of lists: how much they hold, and in which order.

use super::FieldFault;
use super::shown::shown;

/// How much a page has when the caller does not say.
pub(crate) const PAGE_SIZE_DEFAULT: usize = 100;

/// The most of a page: what one turn of the shard's writer may touch.
pub(crate) const PAGE_SIZE_MAX: usize = 1_000;

/// The size of a page that is asked for, by AIP-158: 0 is the default, and whoever asks for more than `max` gets `max`.
///
/// # Errors
/// [`FieldFault`] when it is negative.
pub(crate) fn page_size(asked: i32, max: usize) -> Result<usize, FieldFault> {
    match usize::try_from(asked) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT.min(max)),
        Ok(size) => Ok(size.min(max)),
        Err(_) => {
            let default = PAGE_SIZE_DEFAULT.min(max);
            let problem = format_args!("is {asked}: must be 1 to {max}, or 0 for {default}");
            Err(FieldFault::new("page_size", problem))
        }
    }
}

/// The order that is asked for, of those that a list has; the first of them where nothing is said. Blanks do not matter, and `asc` may be said.
///
/// # Errors
/// [`FieldFault`] when the list has no such order. There is one for each ordered index, and none that would have to sort everything first.
pub(crate) fn order_by<T: Copy>(asked: &str, orders: &[(&str, T)]) -> Result<T, FieldFault> {
    let words: Vec<&str> = asked.split_ascii_whitespace().collect();
    let wanted = match words.as_slice() {
        [] => return Ok(orders[0].1),
        [field, "asc"] => (*field).to_owned(),
        words => words.join(" "),
    };
    let found = orders.iter().find(|(order, _)| *order == wanted);
    found.map(|(_, order)| *order).ok_or_else(|| {
        let shown = shown(&wanted, 100);
        let known: Vec<_> = orders.iter().map(|(order, _)| format!("`{order}`")).collect();
        let problem = format_args!("is `{shown}`: this list is ordered by {} only", known.join(" or "));
        FieldFault::new("order_by", problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_size_within_its_bounds() {
        for (asked, size) in [
            (0, PAGE_SIZE_DEFAULT),
            (1, 1),
            (1_000, 1_000),
            (1_001, 1_000),
            (i32::MAX, 1_000),
        ] {
            assert_eq!(page_size(asked, PAGE_SIZE_MAX), Ok(size));
        }
        for asked in [-1, i32::MIN] {
            let fault = page_size(asked, PAGE_SIZE_MAX).expect_err("out of bounds");
            assert_eq!(
                fault.to_string(),
                format!("page_size: is {asked}: must be 1 to 1000, or 0 for 100")
            );
        }
    }

    #[test]
    fn an_order_is_one_that_the_list_has() {
        let orders = [("create_time", 1), ("create_time desc", 2)];
        for (asked, order) in [("", 1), (" create_time  asc ", 1), ("create_time  desc", 2)] {
            assert_eq!(order_by(asked, &orders), Ok(order), "{asked}");
        }
        let fault = order_by("pool, create_time", &orders).expect_err("there is none");
        assert_eq!(
            fault.to_string(),
            "order_by: is `pool, create_time`: this list is ordered by `create_time` or `create_time desc` only"
        );
    }
}

//! Lists in pages: `limit` and `cursor` in, `items` and `next` out. A cursor is what the last item was, so that what is added or removed
//! meanwhile neither repeats nor hides others.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AdminError;

const DEFAULT: usize = 100;
const MOST: usize = 1_000;

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// How many items at most, 1 to 1,000; 100 where missing.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page; null on the last.
    pub next: Option<String>,
}

impl Paging {
    pub(super) fn limit(&self) -> Result<usize, AdminError> {
        match self.limit.unwrap_or(DEFAULT) {
            limit @ 1..=MOST => Ok(limit),
            _ => Err(AdminError::Invalid("limit is a number from 1 to 1000".to_owned())),
        }
    }

    /// The number that a cursor stands for.
    pub(super) fn after(&self) -> Result<Option<u64>, AdminError> {
        self.cursor.as_ref().map(|cursor| cursor.parse().map_err(|_| unknown_cursor())).transpose()
    }
}

/// What is wrong with a cursor that no page had.
pub(super) fn unknown_cursor() -> AdminError {
    AdminError::Invalid("cursor is not one of ours".to_owned())
}

impl<T> Page<T> {
    /// A page of up to `limit` items; one more was asked for to know whether there is a next.
    pub(super) fn of(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        Self { next: items.last().filter(|_| more).map(cursor), items }
    }
}

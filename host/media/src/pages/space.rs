//! Which parts of a file are free. What was given back and is still backed by memory is taken again first: getting a page from the
//! kernel and giving it back costs more than writing to it.

use std::collections::BTreeMap;

/// A part of what is in use so large may be kept for what comes next. Windows drop two segments at once now and then.
const SPARE: u64 = 4;

/// The space of one file. Lengths and places are multiples of the kernel's pages.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Free and backed by memory: start and length, never side by side.
    free: BTreeMap<u64, u64>,
    /// Bytes of `free`.
    spare: u64,
    /// Bytes in use.
    used: u64,
    /// Behind what was taken last: what comes together lies together.
    next: u64,
    /// Nothing was ever written from here on.
    end: u64,
}

impl Space {
    /// A place for so many bytes.
    pub(super) fn take(&mut self, len: u64) -> u64 {
        let fits = |(_, free): &(&u64, &u64)| **free >= len;
        let found = self.free.range(self.next..).find(fits).or_else(|| self.free.iter().find(fits));
        let start = match found.map(|(start, free)| (*start, *free)) {
            Some((start, free)) => {
                self.free.remove(&start);
                if free > len {
                    self.free.insert(start + len, free - len);
                }
                self.spare -= len;
                start
            }
            None => {
                let start = self.end;
                self.end += len;
                start
            }
        };
        self.used += len;
        self.next = start + len;
        start
    }

    /// It is not used any more. With `again` it may be taken again. What comes back is to be given back to the kernel: start and length.
    pub(super) fn give(&mut self, start: u64, len: u64, again: bool) -> Vec<(u64, u64)> {
        self.used -= len;
        if again {
            self.free(start, len);
            self.trim()
        } else {
            vec![(start, len)]
        }
    }

    fn free(&mut self, mut start: u64, len: u64) {
        self.spare += len;
        let mut end = start + len;
        if let Some((before, free)) = self.free.range(..start).next_back().map(|(before, free)| (*before, *free))
            && before + free == start
        {
            self.free.remove(&before);
            start = before;
        }
        if let Some(free) = self.free.remove(&end) {
            end += free;
        }
        self.free.insert(start, end - start);
    }

    /// Parts with the smallest, which fit the fewest, as long as there is more than there should be.
    fn trim(&mut self) -> Vec<(u64, u64)> {
        let mut gone = Vec::new();
        while self.spare > self.used / SPARE {
            let smallest = self.free.iter().min_by_key(|(_, free)| **free).map(|(start, free)| (*start, *free));
            let Some((start, free)) = smallest else { break };
            self.free.remove(&start);
            self.spare -= free;
            gone.push((start, free));
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Segments of nine pieces and a rest that is different each time.
    #[test]
    fn a_window_that_moves_on_takes_little_that_is_new() {
        let (mut space, mut window, mut all) = (Space::default(), std::collections::VecDeque::new(), 0);
        for number in 0..1000 {
            let segment = [vec![16; 9], vec![1 + number * 7 % 16]].concat();
            all += segment.iter().sum::<u64>();
            window.push_back(segment.iter().map(|len| (space.take(*len), *len)).collect::<Vec<_>>());
            if window.len() > 16 {
                for (start, len) in window.pop_front().unwrap() {
                    space.give(start, len, true);
                }
            }
            assert!(space.spare <= space.used / SPARE);
        }
        assert!(space.end < all / 10, "{} of {all}", space.end);
    }

    proptest! {
        #[test]
        fn no_two_have_the_same_place(steps in prop::collection::vec((1u64..50, any::<prop::sample::Index>(), 0..4u8), 1..200)) {
            let (mut space, mut taken) = (Space::default(), Vec::<(u64, u64)>::new());
            for (len, which, kind) in steps {
                if kind > 0 || taken.is_empty() {
                    let start = space.take(len);
                    prop_assert!(taken.iter().all(|(other, its)| start + len <= *other || other + its <= start));
                    taken.push((start, len));
                } else {
                    let (start, len) = taken.swap_remove(which.index(taken.len()));
                    space.give(start, len, kind == 0);
                }
                prop_assert_eq!(space.used, taken.iter().map(|(_, len)| len).sum::<u64>());
                prop_assert_eq!(space.spare, space.free.values().sum::<u64>());
            }
        }
    }
}

//! Who has a place among the connections, and who leaves when another comes and all are taken.
//!
//! Knows nothing of sockets and time: it tells a guest to leave, and the order is that in which they fell silent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// The places, so many and no more.
pub(super) struct Places {
    most: usize,
    room: Mutex<Room>,
    /// Rings when one may be had that could not be had before.
    freed: Notify,
}

#[derive(Default)]
struct Room {
    guests: BTreeMap<u64, Guest>,
    /// Counts everything that happens here: whoever has the smaller number has been silent for longer.
    count: u64,
}

#[derive(Default)]
struct Guest {
    has_key: bool,
    works: bool,
    since: u64,
    leave: Arc<Notify>,
}

/// Who leaves first. A guest with a key who has asked for something leaves for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Has not sent a whole head, or none since the last answer.
    Silent,
    /// What is answered without a key takes no time: it is the other end that is slow.
    Slow,
    /// A browser keeps its connections for what may come.
    Resting,
}

impl Guest {
    const fn rank(&self) -> Option<Rank> {
        match (self.has_key, self.works) {
            (false, false) => Some(Rank::Silent),
            (false, true) => Some(Rank::Slow),
            (true, false) => Some(Rank::Resting),
            (true, true) => None,
        }
    }
}

impl Room {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn change(&mut self, id: u64, change: impl FnOnce(&mut Guest)) {
        let since = self.next();
        // One that was told to leave has no place any more.
        if let Some(guest) = self.guests.get_mut(&id) {
            change(guest);
            guest.since = since;
        }
    }

    /// Takes the place of whoever leaves first, and tells it.
    fn clear(&mut self) -> bool {
        let ranked = self.guests.iter().filter_map(|(id, guest)| Some((guest.rank()?, guest.since, *id)));
        let Some((.., first)) = ranked.min() else { return false };
        if let Some(guest) = self.guests.remove(&first) {
            guest.leave.notify_one();
        }
        true
    }
}

impl Places {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, room: Mutex::default(), freed: Notify::new() })
    }

    /// Returns a place; waits only where everybody in has a key and is at work.
    pub async fn take(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.try_take() {
                return place;
            }
            self.freed.notified().await;
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Place> {
        let mut room = self.room();
        if room.guests.len() >= self.most && !room.clear() {
            return None;
        }
        let id = room.next();
        let leave = Arc::new(Notify::new());
        room.guests.insert(id, Guest { since: id, leave: leave.clone(), ..Guest::default() });
        Some(Place { places: self.clone(), id, leave })
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, for as long as it is kept or until another one needs it more.
#[must_use = "the place is free again when this is dropped"]
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
    leave: Arc<Notify>,
}

impl Place {
    pub fn show_key(&self) {
        self.places.room().change(self.id, |guest| guest.has_key = true);
    }

    pub fn has_key(&self) -> bool {
        self.places.room().guests.get(&self.id).is_some_and(|guest| guest.has_key)
    }

    /// Says that a request is answered, until what is returned is dropped.
    pub fn begin(&self) -> Working {
        self.places.room().change(self.id, |guest| guest.works = true);
        Working { places: self.places.clone(), id: self.id }
    }

    /// Returns once the place is another's.
    pub async fn is_lost(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.room().guests.remove(&self.id);
        self.places.freed.notify_one();
    }
}

/// An answer that is under way.
#[must_use = "the answer counts as given when this is dropped"]
pub(super) struct Working {
    places: Arc<Places>,
    id: u64,
}

impl Drop for Working {
    fn drop(&mut self) {
        self.places.room().change(self.id, |guest| guest.works = false);
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    /// Returns which of the guests have lost their places, in no order.
    fn lost(guests: &[&Place]) -> Vec<usize> {
        let has_place = |guest: &Place| guest.places.room().guests.contains_key(&guest.id);
        (0..guests.len()).filter(|at| !has_place(guests[*at])).collect()
    }

    fn is_ready(future: impl Future) -> bool {
        pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn nobody_leaves_while_there_is_room() {
        let places = Places::new(2);
        let guests = [places.try_take().unwrap(), places.try_take().unwrap()];
        assert_eq!(lost(&guests.each_ref()), [0; 0]);
        assert!(!is_ready(guests[0].is_lost()));
    }

    #[test]
    fn whoever_has_been_silent_for_longest_leaves_and_hears_of_it() {
        let places = Places::new(3);
        let guests: Vec<_> = (0..3).map(|_| places.try_take().unwrap()).collect();
        let guests: Vec<_> = guests.iter().collect();
        // The first one has had its answer a moment ago.
        drop(guests[0].begin());
        let _next = places.try_take().unwrap();
        assert_eq!(lost(&guests), [1]);
        assert!(is_ready(guests[1].is_lost()) && !is_ready(guests[0].is_lost()));
        let _next = (places.try_take().unwrap(), places.try_take().unwrap());
        assert_eq!(lost(&guests), [0, 1, 2]);
    }

    #[test]
    fn the_silent_leave_before_the_slow_and_those_before_a_browser_that_rests() {
        let places = Places::new(4);
        let [resting, slow, silent, working] = [(); 4].map(|()| places.try_take().unwrap());
        resting.show_key();
        let _slow = slow.begin();
        working.show_key();
        let _working = working.begin();
        let guests = [&silent, &slow, &resting, &working];
        for (at, expected) in [vec![0], vec![0, 1], vec![0, 1, 2]].into_iter().enumerate() {
            let next = places.try_take().unwrap();
            next.show_key();
            // Each newcomer is at work, so that the next one finds another who leaves first.
            std::mem::forget(next.begin());
            std::mem::forget(next);
            assert_eq!(lost(&guests), expected, "{at}");
        }
        assert!(places.try_take().is_none());
    }

    #[test]
    fn a_place_comes_free_when_an_answer_is_given_or_a_guest_goes() {
        let places = Places::new(1);
        let guest = places.try_take().unwrap();
        guest.show_key();
        let working = guest.begin();
        let mut taking = pin!(places.take());
        let mut context = Context::from_waker(Waker::noop());
        assert!(taking.as_mut().poll(&mut context).is_pending());
        drop(working);
        let Poll::Ready(next) = taking.as_mut().poll(&mut context) else { panic!("no place") };
        assert_eq!(lost(&[&guest, &next]), [0]);
        // Whoever has lost its place takes none with it.
        drop(guest);
        next.show_key();
        let working = next.begin();
        let mut taking = pin!(places.take());
        assert!(taking.as_mut().poll(&mut context).is_pending());
        drop((working, next));
        assert!(taking.as_mut().poll(&mut context).is_ready());
    }
}

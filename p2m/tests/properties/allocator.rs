//! The frame allocator.

use std::collections::BTreeSet;

use proptest::prelude::*;

use p2m::{Frame, FrameAllocator, Memory, P2mEntry, Translate};
use start_info::{Index, PageCount, Pfn, PfnRange};

use crate::paper::{AllMemory, Paper, authority, blank, machine_frame, window};

#[derive(Clone, Debug)]
enum Action {
    /// Give the next run of this many frames, none of which was given before.
    Give(u64),
    Take,
    /// Give back the held frame at this place.
    GiveBack(usize),
    TakeSpan(u64),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        2 => (1_u64..20).prop_map(Action::Give),
        6 => Just(Action::Take),
        3 => any::<usize>().prop_map(Action::GiveBack),
        2 => (1_u64..24).prop_map(Action::TakeSpan),
    ];
    prop::collection::vec(action, 0..120)
}

fn run(start: u64, len: u64) -> PfnRange {
    PfnRange::try_new(Pfn::new(start), PageCount::new(len)).unwrap()
}

/// Takes a run from the ends of free pieces: from one, or from several contiguous ones. `false` if it is not all there.
fn cut(pieces: &mut Vec<(u64, u64)>, start: u64, mut end: u64) -> bool {
    while start < end {
        let Some(piece) = pieces.iter_mut().find(|piece| piece.0 + piece.1 == end) else { return false };
        let len = piece.1.min(end - start);
        piece.1 -= len;
        end -= len;
        pieces.retain(|&(_, len)| len > 0);
    }
    true
}

/// A held frame was written only by its holder, and no two holders have the same frame.
fn each_has_one_holder(
    paper: &Paper,
    frames: &mut FrameAllocator,
    held: &[Frame],
    in_spans: &[PfnRange],
) -> Result<(), TestCaseError> {
    let mut all = BTreeSet::new();
    for frame in held {
        let pfn = frame.pfn();
        prop_assert_eq!(paper.load(frame.word(Index::new(1))), u64::MAX - pfn.get());
        prop_assert!(all.insert(pfn));
    }
    for pfn in in_spans.iter().flat_map(|range| range.iter()) {
        prop_assert!(all.insert(pfn));
    }
    while let Some(frame) = frames.take(paper, &AllMemory) {
        prop_assert!(all.insert(frame.pfn()));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_frame_is_handed_out_twice_and_none_is_lost(actions in actions()) {
        let mut paper = blank();
        let mut frames = FrameAllocator::new(window());
        // The spans, in no order: a frame shows which one it comes from.
        let mut spans: Vec<(u64, u64)> = Vec::new();
        let mut held: Vec<Frame> = Vec::new();
        let mut in_spans: Vec<PfnRange> = Vec::new();
        let (mut next, mut taken) = (100, 0);
        for action in actions {
            match action {
                Action::Give(len) => {
                    frames.give(&mut paper, window().free_span(&authority(), run(next, len)));
                    spans.push((next, len));
                    // Spans do not touch, so two cannot look like one.
                    next += len + 1;
                }
                Action::Take => match frames.take(&paper, &AllMemory) {
                    Some(mut frame) => {
                        let pfn = frame.pfn().get();
                        prop_assert!(cut(&mut spans, pfn, pfn + 1), "{pfn:#x} is not the end of any of {spans:x?}");
                        // A frame belongs to its owner: writing to it disturbs nothing.
                        for index in Index::all() {
                            frame.set(&mut paper, index, u64::MAX - pfn);
                        }
                        held.push(frame);
                        taken += 1;
                    }
                    None => prop_assert!(spans.is_empty(), "{spans:x?}"),
                },
                Action::GiveBack(which) if !held.is_empty() => {
                    let frame = held.swap_remove(which % held.len());
                    spans.push((frame.pfn().get(), 1));
                    frames.give_frame(&mut paper, frame);
                }
                Action::GiveBack(_) => {}
                Action::TakeSpan(len) => match frames.take_span(&mut paper, PageCount::new(len)) {
                    Some(span) => {
                        let (start, end) = (span.range().start(), span.range().end());
                        let (start, end) = (start.get(), end.get());
                        prop_assert_eq!(end - start, len);
                        prop_assert!(cut(&mut spans, start, end), "{start:#x}..{end:#x} is not the end of any of {spans:x?}");
                        in_spans.push(span.range());
                        taken += len;
                    }
                    None => prop_assert!(spans.iter().all(|span| span.1 < len), "{len} of {spans:x?}"),
                },
            }
            prop_assert_eq!(frames.free(), spans.iter().map(|span| span.1).sum::<u64>());
            prop_assert_eq!(frames.taken(), taken);
        }
        each_has_one_holder(&paper, &mut frames, &held, &in_spans)?;
        prop_assert_eq!(frames.free(), 0);
    }

    #[test]
    fn frames_come_from_the_end_of_the_newest_span(lens in prop::collection::vec(1_u64..30, 1..10)) {
        let mut paper = blank();
        let mut frames = FrameAllocator::new(window());
        let mut expected = Vec::new();
        for (number, &len) in lens.iter().enumerate() {
            let start = 100 * (number as u64 + 1);
            frames.give(&mut paper, window().free_span(&authority(), run(start, len)));
            expected.extend(start..start + len);
        }
        let taken: Vec<u64> =
            std::iter::from_fn(|| frames.take(&paper, &AllMemory)).map(|frame| frame.pfn().get()).collect();
        expected.reverse();
        prop_assert_eq!(taken, expected);
    }
}

#[test]
fn frames_given_back_in_the_opposite_order_are_a_run_again() {
    let mut paper = blank();
    let mut frames = FrameAllocator::new(window());
    frames.give(&mut paper, window().free_span(&authority(), run(50, 3)));
    frames.give(&mut paper, window().free_span(&authority(), run(100, 20)));
    let held: Vec<Frame> = (0..12).map(|_| frames.take(&paper, &AllMemory).unwrap()).collect();
    held.into_iter().rev().for_each(|frame| frames.give_frame(&mut paper, frame));
    let span = frames.take_span(&mut paper, PageCount::new(20)).unwrap();
    assert_eq!(span.range(), run(100, 20));
    assert_eq!(frames.take(&paper, &AllMemory).unwrap().pfn(), Pfn::new(52));
}

/// Memory with gaps.
struct Gaps;

impl Translate for Gaps {
    fn entry(&self, _memory: &impl Memory, pfn: Pfn) -> P2mEntry {
        if pfn.get().is_multiple_of(3) { P2mEntry::Missing } else { P2mEntry::Ram(machine_frame(pfn.get())) }
    }
}

#[test]
fn pages_without_memory_are_passed_over() {
    let mut paper = blank();
    let mut frames = FrameAllocator::new(window());
    frames.give(&mut paper, window().free_span(&authority(), run(10, 12)));
    let taken: Vec<u64> =
        std::iter::from_fn(|| frames.take(&paper, &Gaps)).map(|frame| frame.pfn().get()).collect();
    assert_eq!(taken, [20, 19, 17, 16, 14, 13, 11, 10]);
    assert_eq!((frames.free(), frames.taken()), (0, 8));
}

#[test]
fn frames_of_another_window_are_given_up_and_those_of_a_grown_one_kept() {
    let mut paper = blank();
    let mut frames = FrameAllocator::new(window());
    frames.give(&mut paper, window().free_span(&authority(), run(10, 12)));
    frames.move_to(p2m::LinearMap::of_builder(&authority(), window().base(), PageCount::new(1 << 31)));
    assert_eq!(frames.free(), 12);
    frames.move_to(p2m::LinearMap::empty(window().base() + (1_u64 << 40)));
    assert_eq!(frames.free(), 0);
    assert!(frames.take(&paper, &AllMemory).is_none());
}

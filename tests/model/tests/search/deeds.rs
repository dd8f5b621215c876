//! What the payload does.
//!
//! *What must hold*: no handle is dropped. One that comes back with an error is kept.

use kit::module::{small_module, small_module_with_start};
use mmu::{Access, IoAccess};
use p2m::Frame;
use start_info::{Index, Mfn, PageCount, PfnRange};

use crate::action::{Action, Device, Meaning, Page};
use crate::payload::{Frames, MODULES, Mapping, Outcome, Own, Payload, WRITTEN, written};

/// The most frame numbers that are remembered.
const KEPT: usize = 2;

/// The result of a call, with the line if it was refused; nothing if what it needs is missing.
type Tried = Option<Result<(), String>>;

/// Takes a thing out of those that are held.
fn taken<T>(held: &mut Vec<T>, at: usize) -> Option<T> {
    held.get(at).is_some().then(|| held.remove(at))
}

impl Payload {
    /// Makes a call; `None` when there is no such handle.
    pub(crate) fn act(&mut self, action: Action) -> Option<Outcome> {
        let result = match action {
            Action::Take => self.take(),
            Action::Give(at) => self.give(at)?,
            Action::Span(pages) => self.subject.take_span(pages).map(|span| self.spans.push(span)),
            Action::GiveSpan(at) => self.give_span(at)?,
            Action::Set(page, meaning) => self.set(page, meaning)?,
            Action::Map(device) => self.map(device)?,
            Action::Unmap(at) => self.unmap(at, |payload| &mut payload.devices)?,
            Action::MapIdentity(page) => self.map_identity(page)?,
            Action::UnmapIdentity(at) => self.unmap(at, |payload| &mut payload.identities)?,
            Action::MapFrame(at, access) => self.map_frame(at, access)?,
            Action::MapSpan(at, access) => self.map_span(at, access)?,
            Action::Protect(at, access) => self.protect(at, access)?,
            Action::UnmapOwn(at) => self.unmap_own(at)?,
            Action::Space => self.subject.new_space().map(|space| self.spaces.push(space)),
            Action::Enter(at) => self.enter(at)?,
            Action::Retire(at) => self.retire(at)?,
            Action::Load(which) => self.load(which)?,
            Action::Unload(which) => self.unload(which)?,
            Action::Ramdisk => self.subject.ramdisk().map(|bytes| self.lent = bytes.is_some()),
            Action::Read(device) => {
                let (first, _) = self.frames_of(device)?;
                self.subject.read_machine(first.maddr(), &mut [0; 40])
            }
            Action::Audit => self.subject.audit().map(drop),
            Action::Refuse => {
                self.subject.machine_mut().refuse_at(1, mmu::Errno::ENOMEM);
                self.refused = true;
                Ok(())
            }
        };
        Some(result.map_or(Outcome::Refused, |()| Outcome::Done))
    }
}

/// Frames, runs, entries of the P2M.
impl Payload {
    /// Takes a frame and writes to it.
    pub(crate) fn take(&mut self) -> Result<(), String> {
        let mut frame = self.subject.take_frame()?;
        for index in WRITTEN {
            let value = written(frame.pfn(), index);
            self.subject.write_frame(&mut frame, Index::new(index), value);
        }
        self.keep(&frame);
        self.frames.push(frame);
        Ok(())
    }

    fn keep(&mut self, frame: &Frame) {
        let Some(mfn) = self.subject.entry(frame.pfn()).ram() else { return };
        let numbers = (frame.pfn(), mfn);
        self.kept.retain(|kept| *kept != numbers);
        self.kept.insert(0, numbers);
        self.kept.truncate(KEPT);
    }

    fn give(&mut self, at: usize) -> Tried {
        let frame = taken(&mut self.frames, at)?;
        self.subject.give_frame(frame);
        Some(Ok(()))
    }

    fn give_span(&mut self, at: usize) -> Tried {
        let mut span = taken(&mut self.spans, at)?;
        while let Some(frame) = self.subject.first_of_span(&mut span) {
            self.keep(&frame);
            self.subject.give_frame(frame);
        }
        Some(Ok(()))
    }

    fn set(&mut self, page: Page, meaning: Meaning) -> Tried {
        let (pfn, entry) = (self.page(page)?, self.meaning(meaning)?);
        let set = self.subject.set_entry(pfn, entry);
        Some(set.map(|()| {
            self.changes.insert(pfn.get(), entry);
        }))
    }
}

/// Devices and the machine's own addresses.
impl Payload {
    fn map(&mut self, device: Device) -> Tried {
        let (first, count) = self.frames_of(device)?;
        let shared_info = device == Device::SharedInfo;
        let access = if shared_info { IoAccess::Read } else { IoAccess::ReadWrite };
        let mapped = self.subject.map_device(first, count, access);
        let count = count.get();
        Some(mapped.map(|pages| {
            self.devices.push(Mapping { pages, first, count, partial: false, shared_info });
        }))
    }

    fn map_identity(&mut self, page: Page) -> Tried {
        let pfn = self.page(page)?;
        let pages = PfnRange::try_new(pfn, PageCount::new(1)).ok()?;
        let (first, count) = (Mfn::try_new(pfn.get()).ok()?, 1);
        let mapped = self.subject.map_identity(pages, IoAccess::ReadWrite);
        Some(mapped.map(|pages| {
            let (partial, shared_info) = (false, false);
            self.identities.push(Mapping { pages, first, count, partial, shared_info });
        }))
    }

    fn unmap(&mut self, at: usize, held: impl Fn(&mut Self) -> &mut Vec<Mapping>) -> Tried {
        let mapping = taken(held(self), at)?;
        let unmapped = self.subject.unmap_device(mapping.pages);
        Some(unmapped.map_err(|(pages, line)| {
            held(self).insert(at, Mapping { pages, partial: true, ..mapping });
            line
        }))
    }
}

/// The payload's own pages, mapped once more.
impl Payload {
    fn map_frame(&mut self, at: usize, access: Access) -> Tried {
        let frame = taken(&mut self.frames, at)?;
        let frames = Frames { first: frame.pfn().get(), count: 1, partial: false };
        Some(match self.subject.map(frame, access) {
            Ok(pages) => {
                self.own.push(Own::Frame(pages, frames));
                Ok(())
            }
            Err((frame, line)) => {
                frame.into_iter().for_each(|frame| self.frames.insert(at, frame));
                Err(line)
            }
        })
    }

    fn map_span(&mut self, at: usize, access: Access) -> Tried {
        let span = taken(&mut self.spans, at)?;
        let frames = Frames { first: span.range().start().get(), count: span.len().get(), partial: false };
        Some(match self.subject.map(span, access) {
            Ok(pages) => {
                self.own.push(Own::Span(pages, frames));
                Ok(())
            }
            Err((span, line)) => {
                span.into_iter().for_each(|span| self.spans.insert(at, span));
                Err(line)
            }
        })
    }

    /// Changes the protection; what may be written then is written, with what is there already.
    fn protect(&mut self, at: usize, access: Access) -> Tried {
        let Self { subject, own, .. } = self;
        Some(match own.get_mut(at)? {
            Own::Frame(pages, frames) => subject.protect(pages, access).and_then(|()| {
                if access != Access::ReadWrite {
                    return Ok(());
                }
                let value = written(start_info::Pfn::new(frames.first), WRITTEN[3]);
                subject.write_mapped(pages, u64::from(WRITTEN[3]) * 8, value)
            }),
            Own::Span(pages, _) => subject.protect(pages, access),
        })
    }

    fn unmap_own(&mut self, at: usize) -> Tried {
        let own = taken(&mut self.own, at)?;
        let torn = |frames: Frames| Frames { partial: true, ..frames };
        Some(match own {
            Own::Frame(pages, frames) => match self.subject.unmap(pages) {
                Ok(frame) => {
                    self.frames.push(frame);
                    Ok(())
                }
                Err((pages, line)) => {
                    pages
                        .into_iter()
                        .for_each(|pages| self.own.insert(at, Own::Frame(pages, torn(frames.clone()))));
                    Err(line)
                }
            },
            Own::Span(pages, frames) => match self.subject.unmap(pages) {
                Ok(span) => {
                    self.spans.push(span);
                    Ok(())
                }
                Err((pages, line)) => {
                    pages
                        .into_iter()
                        .for_each(|pages| self.own.insert(at, Own::Span(pages, torn(frames.clone()))));
                    Err(line)
                }
            },
        })
    }
}

/// Address spaces and modules.
impl Payload {
    fn enter(&mut self, at: Option<usize>) -> Tried {
        let space = match at {
            Some(at) => Some(self.spaces.get(at)?),
            None => None,
        };
        Some(self.subject.enter_space(space))
    }

    fn retire(&mut self, at: usize) -> Tried {
        let space = taken(&mut self.spaces, at)?;
        let retired = self.subject.retire_space(space);
        Some(retired.map_err(|(space, line)| {
            space.into_iter().for_each(|space| self.spaces.insert(at, space));
            line
        }))
    }

    fn load(&mut self, which: usize) -> Tried {
        let object = if which == 0 { small_module_with_start() } else { small_module() };
        let loaded = self.subject.load_module(MODULES.get(which)?, &object);
        Some(loaded.map(|start| self.modules[which] = Some(start)))
    }

    fn unload(&mut self, which: usize) -> Tried {
        let unloaded = self.subject.unload_module(MODULES.get(which)?);
        let gone = !self.subject.modules().iter().any(|name| name == MODULES[which]);
        self.modules[which].take_if(|_| gone);
        Some(unloaded)
    }
}

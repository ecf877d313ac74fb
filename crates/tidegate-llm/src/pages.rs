//! The books of the KV page pool: who holds which page, and which pages keep a known prefix.
//!
//! The model owns the memory; here stand only page numbers. A page is in one of three states:
//!
//! - *free*: nothing is known about its content;
//! - *held*: one or more sequences have it in their page list (`refs > 0`);
//! - *cached*: nobody holds it, but its content is known, so that a later prompt may take it up.
//!
//! A full page whose keys and values are computed is *registered* under (parent page, tokens), where
//! the parent is the registered page before it. Keys and values at a position depend on every token
//! before it, and the chain of parents spells exactly those, so equal chains mean equal content.
//! Look-ups go by hash and then compare the parent and the tokens themselves.
//!
//! Cached pages are taken oldest first when free ones run out. A sequence gives its pages back from
//! the last to the first and holds every parent of a page that it holds, so a child always grows
//! old before its parent: what is taken is always a leaf, and no chain is ever broken in the middle.
//!
//! Giving back touches these books only, never the keys and values. Nothing allocates after `new`.

use crate::random::mix;

/// No page.
const NONE: u32 = u32::MAX;

/// The page books of one model's KV memory.
#[derive(Debug)]
pub struct PagePool {
    page_size: usize,
    seed: u64,
    pages: Vec<Page>,
    /// The tokens of registered pages, `page_size` for each page.
    tokens: Vec<u32>,
    /// Heads of the hash chains; a power of two of them.
    buckets: Vec<u32>,
    free: Vec<u32>,
    /// The cached pages, from the first to be taken to the last.
    oldest: u32,
    newest: u32,
    cached: usize,
    reserved: usize,
}

#[derive(Debug, Clone, Copy)]
struct Page {
    refs: u32,
    registered: bool,
    parent: u32,
    children: u32,
    bucket: u32,
    chain: u32,
    older: u32,
    newer: u32,
}

impl PagePool {
    /// Books for `pages` pages of `page_size` tokens, all free. `seed` makes the hashes hard to
    /// guess from outside.
    pub fn new(pages: usize, page_size: usize, seed: u64) -> Self {
        let pages = pages.min(NONE as usize);
        let count = u32::try_from(pages).unwrap_or(NONE);
        let empty = Page {
            refs: 0,
            registered: false,
            parent: NONE,
            children: 0,
            bucket: 0,
            chain: NONE,
            older: NONE,
            newer: NONE,
        };
        Self {
            page_size: page_size.max(1),
            seed,
            pages: vec![empty; pages],
            tokens: vec![0; pages * page_size.max(1)],
            buckets: vec![NONE; pages.max(1).next_power_of_two()],
            free: (0..count).rev().collect(),
            oldest: NONE,
            newest: NONE,
            cached: 0,
            reserved: 0,
        }
    }

    /// How many tokens a page holds.
    pub fn page_size(&self) -> usize {
        self.page_size
    }

    /// All pages.
    pub fn total(&self) -> usize {
        self.pages.len()
    }

    /// Pages that at least one sequence holds.
    pub fn held(&self) -> usize {
        self.pages.len() - self.free.len() - self.cached
    }

    /// Pages that nobody holds and whose content is known.
    pub fn cached(&self) -> usize {
        self.cached
    }

    /// Pages that were promised and not taken yet.
    pub fn reserved(&self) -> usize {
        self.reserved
    }

    /// Pages that may still be promised.
    pub fn available(&self) -> usize {
        (self.free.len() + self.cached).saturating_sub(self.reserved)
    }

    /// How many pages `tokens` tokens fill.
    pub fn pages_for(&self, tokens: usize) -> usize {
        tokens.div_ceil(self.page_size)
    }

    /// Whether nobody holds this page, so that holding it makes one page less available.
    pub fn is_idle(&self, page: u32) -> bool {
        self.pages[page as usize].refs == 0
    }

    /// How many hold each page, by page number.
    pub(crate) fn holders(&self, out: &mut [u32]) {
        for (count, page) in out.iter_mut().zip(&self.pages) {
            *count = page.refs;
        }
    }

    /// Promises `count` pages. Answers false, and promises none, if there are not as many.
    pub fn reserve(&mut self, count: usize) -> bool {
        let fits = count <= self.available();
        if fits {
            self.reserved += count;
        }
        fits
    }

    /// Gives up the promise of `count` pages.
    pub fn unreserve(&mut self, count: usize) {
        debug_assert!(count <= self.reserved, "more pages given up than promised");
        self.reserved = self.reserved.saturating_sub(count);
    }

    /// Takes one promised page: a free one, else the cached one that was longest not used. Nothing
    /// comes back if none was promised.
    pub fn take(&mut self) -> Option<u32> {
        if self.reserved == 0 {
            return None;
        }
        let page = self.free.pop().or_else(|| self.evict())?;
        self.reserved -= 1;
        self.pages[page as usize].refs = 1;
        Some(page)
    }

    /// Holds a page once more.
    pub fn retain(&mut self, page: u32) {
        if self.pages[page as usize].refs == 0 {
            self.unlink(page);
        }
        self.pages[page as usize].refs += 1;
    }

    /// Holds a page once less. When nobody holds it, it is kept if its content is known and is free
    /// otherwise.
    pub fn release(&mut self, page: u32) {
        let entry = &mut self.pages[page as usize];
        debug_assert!(entry.refs > 0, "page {page} was given back twice");
        if entry.refs == 0 {
            return;
        }
        entry.refs -= 1;
        if entry.refs > 0 {
            return;
        }
        if entry.registered {
            self.link(page);
        } else {
            self.free.push(page);
        }
    }

    /// The registered page with these tokens after `parent` (`None`: at the start of a sequence).
    pub fn find(&self, parent: Option<u32>, tokens: &[u32]) -> Option<u32> {
        let parent = parent.unwrap_or(NONE);
        let mut page = self.buckets[self.bucket(parent, tokens) as usize];
        while page != NONE {
            if self.pages[page as usize].parent == parent && self.tokens_of(page) == tokens {
                return Some(page);
            }
            page = self.pages[page as usize].chain;
        }
        None
    }

    /// Makes a full, computed page known as these tokens after `parent`, which must be registered.
    ///
    /// If another page is already known as the same, the caller's hold moves to that one and its own
    /// page becomes free. Answers with the page to use from now on.
    pub fn register(&mut self, parent: Option<u32>, page: u32, tokens: &[u32]) -> u32 {
        debug_assert_eq!(tokens.len(), self.page_size, "only full pages are registered");
        debug_assert!(parent.is_none_or(|parent| self.pages[parent as usize].registered));
        debug_assert!(!self.pages[page as usize].registered, "registered twice");
        if let Some(known) = self.find(parent, tokens) {
            self.retain(known);
            self.release(page);
            return known;
        }
        let parent = parent.unwrap_or(NONE);
        let bucket = self.bucket(parent, tokens);
        let start = page as usize * self.page_size;
        self.tokens[start..start + self.page_size].copy_from_slice(tokens);
        let chain = std::mem::replace(&mut self.buckets[bucket as usize], page);
        let entry = &mut self.pages[page as usize];
        entry.registered = true;
        entry.parent = parent;
        entry.bucket = bucket;
        entry.chain = chain;
        if parent != NONE {
            self.pages[parent as usize].children += 1;
        }
        page
    }

    /// Forgets every cached page; held ones stay known.
    pub fn forget(&mut self) {
        while let Some(page) = self.evict() {
            self.free.push(page);
        }
    }

    /// Checks every rule of the books against the page lists of all sequences. For tests.
    ///
    /// # Errors
    /// The first rule that is broken, in words.
    pub fn audit<'a>(&self, lists: impl IntoIterator<Item = &'a [u32]>) -> Result<(), String> {
        let mut refs = vec![0_u32; self.pages.len()];
        for list in lists {
            for page in list {
                refs[*page as usize] += 1;
            }
        }
        let mut places = vec![0_u32; self.pages.len()];
        for page in &self.free {
            places[*page as usize] += 1;
        }
        let (mut page, mut cached) = (self.oldest, 0);
        while page != NONE {
            places[page as usize] += 1;
            cached += 1;
            page = self.pages[page as usize].newer;
        }
        if cached != self.cached {
            return Err(format!("{cached} pages in the list, {} counted", self.cached));
        }
        for (page, entry) in self.pages.iter().enumerate() {
            if entry.refs != refs[page] {
                return Err(format!(
                    "page {page}: {} refs, {} holders",
                    entry.refs, refs[page]
                ));
            }
            if places[page] != u32::from(entry.refs == 0) {
                return Err(format!(
                    "page {page}: {} refs, in {} lists",
                    entry.refs, places[page]
                ));
            }
            if entry.parent != NONE && !self.pages[entry.parent as usize].registered {
                return Err(format!("page {page}: its parent {} is not known", entry.parent));
            }
        }
        if self.reserved > self.free.len() + self.cached {
            return Err(format!("{} pages promised, fewer are there", self.reserved));
        }
        Ok(())
    }

    fn tokens_of(&self, page: u32) -> &[u32] {
        let start = page as usize * self.page_size;
        &self.tokens[start..start + self.page_size]
    }

    fn bucket(&self, parent: u32, tokens: &[u32]) -> u32 {
        let hash = tokens
            .iter()
            .fold(mix(self.seed ^ u64::from(parent)), |hash, token| {
                mix(hash ^ u64::from(*token))
            });
        let last = self.buckets.len() as u64 - 1;
        u32::try_from(hash & last).unwrap_or(0)
    }

    /// Takes the oldest cached page out of the list and the index.
    fn evict(&mut self) -> Option<u32> {
        let page = self.oldest;
        if page == NONE {
            return None;
        }
        self.unlink(page);
        let Page {
            bucket,
            parent,
            children,
            chain,
            ..
        } = self.pages[page as usize];
        debug_assert_eq!(children, 0, "page {page} was taken before its children");
        if parent != NONE {
            self.pages[parent as usize].children -= 1;
        }
        let mut at = self.buckets[bucket as usize];
        if at == page {
            self.buckets[bucket as usize] = chain;
        } else {
            while at != NONE {
                let next = self.pages[at as usize].chain;
                if next == page {
                    self.pages[at as usize].chain = chain;
                    break;
                }
                at = next;
            }
        }
        let entry = &mut self.pages[page as usize];
        entry.registered = false;
        entry.parent = NONE;
        entry.chain = NONE;
        Some(page)
    }

    /// Puts a page at the young end of the list.
    fn link(&mut self, page: u32) {
        let newest = self.newest;
        let entry = &mut self.pages[page as usize];
        entry.older = newest;
        entry.newer = NONE;
        if newest == NONE {
            self.oldest = page;
        } else {
            self.pages[newest as usize].newer = page;
        }
        self.newest = page;
        self.cached += 1;
    }

    fn unlink(&mut self, page: u32) {
        let Page { older, newer, .. } = self.pages[page as usize];
        if older == NONE {
            self.oldest = newer;
        } else {
            self.pages[older as usize].newer = newer;
        }
        if newer == NONE {
            self.newest = older;
        } else {
            self.pages[newer as usize].older = older;
        }
        self.cached -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes and registers one page after another, as a prefill does.
    fn fill(pool: &mut PagePool, chunks: &[[u32; 2]]) -> Vec<u32> {
        let mut list: Vec<u32> = Vec::new();
        for tokens in chunks {
            assert!(pool.reserve(1));
            let page = pool.take().unwrap();
            list.push(pool.register(list.last().copied(), page, tokens));
        }
        list
    }

    fn give_back(pool: &mut PagePool, list: &[u32]) {
        list.iter().rev().for_each(|page| pool.release(*page));
    }

    #[test]
    fn a_promise_is_kept_and_not_given_twice() {
        let mut pool = PagePool::new(3, 2, 1);
        assert!(pool.reserve(2));
        assert!(!pool.reserve(2));
        let pages = [pool.take().unwrap(), pool.take().unwrap()];
        assert_eq!(pool.take(), None, "only what was promised");
        assert_eq!((pool.held(), pool.available()), (2, 1));
        give_back(&mut pool, &pages);
        assert_eq!((pool.held(), pool.available()), (0, 3));
        pool.audit([]).unwrap();
    }

    #[test]
    fn a_known_prefix_is_found_by_its_tokens_and_its_past() {
        let mut pool = PagePool::new(8, 2, 1);
        let list = fill(&mut pool, &[[1, 2], [3, 4]]);
        assert_eq!(pool.find(None, &[1, 2]), Some(list[0]));
        assert_eq!(pool.find(Some(list[0]), &[3, 4]), Some(list[1]));
        assert_eq!(
            pool.find(None, &[3, 4]),
            None,
            "the same tokens with another past"
        );
        assert_eq!(pool.find(Some(list[0]), &[3, 5]), None);
        give_back(&mut pool, &list);
        assert_eq!((pool.held(), pool.cached()), (0, 2));
        assert_eq!(
            pool.find(Some(list[0]), &[3, 4]),
            Some(list[1]),
            "kept after its end"
        );
    }

    #[test]
    fn equal_pages_computed_twice_become_one() {
        let mut pool = PagePool::new(8, 2, 1);
        let first = fill(&mut pool, &[[1, 2], [3, 4]]);
        let second = fill(&mut pool, &[[1, 2], [3, 4], [5, 6]]);
        assert_eq!(first[..], second[..2]);
        assert_eq!(pool.held(), 3);
        pool.audit([&first[..], &second[..]]).unwrap();
    }

    #[test]
    fn the_oldest_leaf_goes_first() {
        let mut pool = PagePool::new(4, 2, 1);
        let old = fill(&mut pool, &[[1, 2], [3, 4]]);
        give_back(&mut pool, &old);
        let young = fill(&mut pool, &[[1, 2], [5, 6]]);
        give_back(&mut pool, &young);
        let other = fill(&mut pool, &[[9, 9], [9, 8]]);
        assert_eq!(
            pool.find(Some(old[0]), &[3, 4]),
            None,
            "the oldest leaf was taken"
        );
        assert_eq!(pool.find(Some(young[0]), &[5, 6]), Some(young[1]));
        pool.audit([&other[..]]).unwrap();
        pool.forget();
        assert_eq!(pool.find(None, &[1, 2]), None);
        assert_eq!(pool.find(None, &[9, 9]), Some(other[0]), "held pages stay known");
    }

    #[test]
    fn equal_hashes_do_not_mean_equal_pages() {
        // One bucket: every page hashes to the same place.
        let mut pool = PagePool::new(1, 2, 1);
        let list = fill(&mut pool, &[[1, 2]]);
        assert_eq!(pool.buckets.len(), 1);
        assert_eq!(pool.find(None, &[2, 1]), None);
        assert_eq!(pool.find(Some(list[0]), &[1, 2]), None);
    }

    #[test]
    fn an_audit_sees_a_lost_page() {
        let mut pool = PagePool::new(2, 2, 1);
        let list = fill(&mut pool, &[[1, 2]]);
        assert!(pool.audit([]).is_err());
        assert!(pool.audit([&list[..], &list[..]]).is_err());
    }
}

//! How much room the disk has.

use std::path::Path;

/// Bytes that this user may still write below `path`, where the system tells.
#[cfg(unix)]
pub(crate) fn free(path: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(path).ok()?;
    stat.blocks_available().checked_mul(stat.fragment_size())
}

/// Bytes that this user may still write below `path`, where the system tells.
#[cfg(not(unix))]
pub(crate) fn free(_path: &Path) -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    #[test]
    fn the_working_folder_has_a_known_amount_of_room() {
        assert!(super::free(std::path::Path::new(".")).is_some());
        assert_eq!(super::free(std::path::Path::new("/no/such/folder")), None);
    }
}

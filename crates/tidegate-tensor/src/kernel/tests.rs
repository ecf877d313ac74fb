//! Every kernel against its scalar twin.

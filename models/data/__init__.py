"""The generator of the training conversations: seeded, offline, and all of it written for this project."""

"""Sessions of an instructor with a student: booked, moved, confirmed, ended; never two at once."""

"""Jobs: the same work as the commands do, asked for by a schedule or a person, and done by whichever process comes."""

"""What a peer program can do, by subject. Each public method of a subject is an operation that a test may call."""

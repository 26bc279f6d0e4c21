"""What the tests, the demo and the benchmarks share: a real server, tokens, peers in processes of their own, tones."""

"""A target of known truth: a real server that tells no one which lies it was told to
tell. The harness must find every one of them."""

"""Four real validators in four processes, used only as a client would."""

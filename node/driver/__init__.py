"""The one loop: steps the engine, performs its effects in order."""

"""The pytest plugin: a dev chain in the process, and networks of real validators."""

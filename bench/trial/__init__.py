"""One trial: provision, load, fault, audit; raw samples into one folder."""

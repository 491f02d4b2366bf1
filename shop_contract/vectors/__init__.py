"""The shop's test vectors; README.md beside this file tells their form."""

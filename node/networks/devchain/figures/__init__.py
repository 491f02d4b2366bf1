"""How fast a dev chain is here: `python -m node.networks.devchain.figures`."""

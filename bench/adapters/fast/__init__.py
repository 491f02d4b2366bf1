"""A lean HTTP/1.1 client, for loads at which aiohttp would be what is measured."""

"""What an order costs: CPU, bytes, fsyncs, disk, servers; and what follows from it."""

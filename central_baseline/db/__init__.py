"""The shop's state in PostgreSQL: schema, migrations, and the statements that run."""

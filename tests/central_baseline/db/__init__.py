"""Tests of central_baseline/db, with a real PostgreSQL."""

"""Tests of central_baseline/servers: finding, configuring and probing servers."""

"""Tests of central_baseline/manifests."""

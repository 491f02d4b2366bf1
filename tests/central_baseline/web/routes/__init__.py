"""Tests of central_baseline/web/routes, over HTTP."""

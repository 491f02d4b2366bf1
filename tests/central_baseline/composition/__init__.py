"""Tests of central_baseline/composition: plans, without starting anything."""

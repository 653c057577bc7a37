"""Ops that treat every element alike."""

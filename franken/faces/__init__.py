"""Faces: the names under which users know the ops."""
